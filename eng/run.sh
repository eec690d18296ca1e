#!/usr/bin/env bash
# Runs a program of this bundle over the libtorch of this machine; needs a C++ compiler for the first run, and no .NET.
#
#   run.sh pretrain ARGUMENTS…   the tool
#   run.sh tests ARGUMENTS…      the tests, all of them (arguments go to xunit's runner: -class NAME, -trait NAME=VALUE, …)
#   run.sh list                  the programs that are in this bundle
#
# LIBTORCH=, PYTHON= and CXX= choose the libtorch and the compiler: a folder with include/ and lib/, a Python whose torch is
# taken, a command.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
. "$here/native/native.sh"

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$here/run.sh"; }
program=${1:-}
case $program in
  '') usage >&2; exit 2 ;;
  -h | --help) usage; exit 0 ;;
  list) cut -d ' ' -f 1 "$here/programs" | sort -u; exit 0 ;;
esac
shift
assemblies=$(awk -v name="$program" '$1 == name { print $2 }' "$here/programs")
if [ -z "$assemblies" ]; then
  native_say "this bundle has no program '$program'; run.sh list shows them"
  exit 2
fi

# The native part stands here, or in the user's cache where this folder cannot be written.
built=$here/native
[ -w "$built" ] || built=${XDG_CACHE_HOME:-$HOME/.cache}/pretrain/native
output=$built/libpretrain_torch.so
native_find
stamp=$(native_stamp "$here/native/native.sh" "$here/native/pretrain_torch.cpp")
if [ ! -e "$output" ] || [ "$(cat "$built/stamp" 2>/dev/null)" != "$stamp" ]; then
  native_build "$here/native/pretrain_torch.cpp" "$output"
  echo "$stamp" >"$built/stamp.$$.part"
  mv -f "$built/stamp.$$.part" "$built/stamp"
  native_say "built against libtorch $TORCH_VERSION, $TORCH_FROM, in $TORCH_LIB"
fi

export PRETRAIN_TORCH_NATIVE=$output
if [ "$program" != tests ]; then
  exec "$here/app/$assemblies" "$@"
fi
status=0
for assembly in $assemblies; do
  "$here/app/$assembly" "$@" || status=$?
done
exit "$status"
