# Finding a libtorch and building the native part against it: shared by bootstrap.sh and by a bundle's run.sh, which source
# this file in bash, with `set -euo pipefail`.
#
#   native_find                 chooses a libtorch, and sets the TORCH_… variables below
#   native_build SOURCE OUTPUT  compiles SOURCE against it into OUTPUT, which appears whole or not at all
#   native_stamp FILE…          a hash of the choice and of these files; it changes when the native part has to be built again
#
# Environment: LIBTORCH, PYTHON and CXX, as `bootstrap.sh --help` says. Where something is lacking they say what, and how to
# get it, in one sentence, and exit with 5.

TORCH_ROOT=      # the folder that holds include/; empty for the distribution's
TORCH_INCLUDE=   # the folder of ATen/ and torch/
TORCH_LIB=       # the folder of libtorch_cpu.so
TORCH_VERSION=   # 2.14.1
TORCH_FROM=      # whose it is, in words
TORCH_ABI=       # 1: std::string is std::__cxx11::basic_string; 0: it is the old one
NATIVE_COMPILER= # the command

native_say() { echo "${0##*/}: $*" >&2; }

native_fail() {
  native_say "$*"
  exit 5
}

# Installs Debian packages; the reason is for the sentence that says why it did not work.
native_apt() { # REASON PACKAGE…
  local reason=$1 log
  shift
  command -v apt-get >/dev/null ||
    native_fail "$reason, and there is no apt-get to install one; install a libtorch and a C++ compiler, or name them: LIBTORCH=, PYTHON=, CXX=."
  [ "$(id -u)" = 0 ] ||
    native_fail "$reason, and only root can install it: run 'apt-get install --no-install-recommends $*' as root, or name what you have: LIBTORCH=, PYTHON=, CXX=."
  log=$(mktemp)
  native_say "$reason: installing $*"
  # Without a network apt-get update only warns, so its words tell, and not its exit status.
  apt-get update >"$log" 2>&1 || true
  # Without package lists apt-get takes the name g++ for a pattern, and is content: dpkg tells whether the packages are there.
  if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1 || ! dpkg -s "$@" >>"$log" 2>&1; then
    if grep -qE 'Failed to fetch|Could not (resolve|connect)|Temporary failure|Unable to connect' "$log"; then
      native_fail "$reason, and apt-get cannot reach a package mirror to install $*: connect this machine, or name what you have: LIBTORCH=, PYTHON=, CXX=."
    fi
    native_fail "$reason, and 'apt-get install $*' failed: $(grep -m1 '^E:' "$log" || tail -n 1 "$log") (all of it in $log)"
  fi
  rm -f "$log"
}

# The compiler: $CXX, else g++, c++ or clang++, else Debian's g++.
native_find_compiler() {
  [ -z "$NATIVE_COMPILER" ] || return 0
  local candidate
  if [ -n "${CXX:-}" ]; then
    command -v "${CXX%% *}" >/dev/null || native_fail "CXX is '$CXX', and there is no such command."
    NATIVE_COMPILER=$CXX
    return 0
  fi
  for candidate in g++ c++ clang++; do
    if command -v "$candidate" >/dev/null; then
      NATIVE_COMPILER=$candidate
      return 0
    fi
  done
  native_apt "no C++ compiler (g++, c++, clang++) is on the PATH" g++
  NATIVE_COMPILER=g++
}

# Takes the libtorch of these folders, or returns 1 with the reason in native_reason.
native_take() { # ROOT INCLUDE LIB FROM
  local root=$1 include=$2 lib=$3 from=$4 header major
  native_reason=
  if [ ! -e "$include/ATen/ATen.h" ]; then
    native_reason="$include has no ATen/ATen.h"
  elif [ ! -e "$lib/libtorch_cpu.so" ] || [ ! -e "$lib/libc10.so" ]; then
    native_reason="$lib has no libtorch_cpu.so and libc10.so"
  fi
  [ -z "$native_reason" ] || return 1
  TORCH_VERSION=
  for header in "$include/torch/headeronly/version.h" "$include/torch/csrc/api/include/torch/version.h"; do
    [ -e "$header" ] || continue
    major=$(awk '$1 == "#define" && $2 ~ /^TORCH_VERSION_(MAJOR|MINOR|PATCH)$/ { v = v s $3; s = "." } END { print v }' "$header")
    TORCH_VERSION=${TORCH_VERSION:-$major}
  done
  case $TORCH_VERSION in
    0.* | 1.[0-9].* | 1.1[0-2].* | '')
      native_reason="libtorch ${TORCH_VERSION:-of an unknown version} is older than 1.13"
      return 1 ;;
  esac
  TORCH_ROOT=$root TORCH_INCLUDE=$include TORCH_LIB=$lib TORCH_FROM=$from
  # The name of c10::detail::torchCheckFail(…, const std::string&) tells which std::string was compiled in.
  TORCH_ABI=1
  ! LC_ALL=C grep -aq 'torchCheckFailEPKcS[0-9]*_jRKSs' "$lib/libc10.so" || TORCH_ABI=0
}

# Where a Python keeps its torch, without importing it: that takes seconds.
native_python_torch() { # PYTHON
  "$1" -c 'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s and s.submodule_search_locations else "")' 2>/dev/null
}

# Chooses a libtorch: LIBTORCH=, then the torch of a Python, then the distribution's, then apt-get.
native_find() {
  native_choose
  native_check_blas
}

native_choose() {
  local root python
  native_reason=
  if [ -n "${LIBTORCH:-}" ]; then
    native_take "$LIBTORCH" "$LIBTORCH/include" "$LIBTORCH/lib" "LIBTORCH" ||
      native_fail "LIBTORCH is '$LIBTORCH', but $native_reason; it must be a folder with include/ and lib/, as in libtorch's archives."
    return 0
  fi
  python=${PYTHON:-python3}
  if [ -n "${PYTHON:-}" ] && ! command -v "$PYTHON" >/dev/null; then
    native_fail "PYTHON is '$PYTHON', and there is no such command."
  fi
  if command -v "$python" >/dev/null; then
    root=$(native_python_torch "$python") || root=
    if [ -n "$root" ] && native_take "$root" "$root/include" "$root/lib" "the torch of $(command -v "$python")"; then
      return 0
    fi
    if [ -n "${PYTHON:-}" ]; then
      native_fail "PYTHON is '$PYTHON', but ${native_reason:-it has no torch}; name a Python with torch, or unset it."
    fi
  fi
  native_find_compiler
  if ! native_take_distribution; then
    native_apt "no libtorch is on this machine" libtorch-dev libopenblas0-pthread
    native_take_distribution || native_fail "libtorch-dev is installed, but $native_reason."
  fi
}

native_take_distribution() {
  local lib
  lib=$($NATIVE_COMPILER -print-file-name=libtorch_cpu.so)
  case $lib in
    /*) lib=$(cd "$(dirname "$lib")" && pwd) ;;
    *) lib=/usr/lib ;;
  esac
  native_take "" /usr/include "$lib" "the distribution's"
}

# Debian's libtorch takes its matrix products from whatever libblas.so.3 is. The reference one is 20 times slower than OpenBLAS.
native_check_blas() {
  local folder name blas fast
  folder=$(dirname "$(readlink -f "$TORCH_LIB/libtorch_cpu.so")") # a Python's torch may only point there
  for name in libblas.so.3 liblapack.so.3; do
    blas=$(readlink -f "$folder/$name") || continue
    case $blas in
      */blas/libblas.so* | */lapack/liblapack.so*) ;;
      *) continue ;; # OpenBLAS, MKL, BLIS, ATLAS: a person's choice
    esac
    fast=$folder/openblas-pthread/$name
    if [ "$(id -u)" != 0 ]; then
      native_say "note: $name is the slow reference implementation; as root: apt-get install libopenblas0-pthread && update-alternatives --set $name-${folder##*/} $fast"
      continue
    fi
    [ -e "$fast" ] || native_apt "$name is the slow reference implementation" libopenblas0-pthread
    update-alternatives --set "$name-${folder##*/}" "$fast" >/dev/null ||
      native_say "note: update-alternatives could not make $fast the machine's $name; matrix products will be slow"
  done
}

native_build() { # SOURCE OUTPUT
  local source=$1 output=$2 part log standard=17 api extra=() openmp=() missing library
  native_find_compiler
  ! grep -q 'C++20 or later' "$TORCH_INCLUDE/ATen/ATen.h" || standard=20
  api=$TORCH_INCLUDE/torch/csrc/api/include
  # The distribution's folders are searched anyway; to name /usr/include would reorder the compiler's own.
  [ "$TORCH_INCLUDE" = /usr/include ] || extra+=("-I$TORCH_INCLUDE")
  [ -z "$TORCH_ROOT" ] || extra+=("-L$TORCH_LIB" "-Wl,-rpath,$TORCH_LIB")
  extra+=("-D_GLIBCXX_USE_CXX11_ABI=$TORCH_ABI")
  # Nothing refers to the libraries of the devices, but loading them is what registers their kernels.
  for library in torch_cuda c10_cuda torch_hip c10_hip; do
    [ ! -e "$TORCH_LIB/lib$library.so" ] || extra+=("-l$library")
  done
  mkdir -p "$(dirname "$output")"
  part=$output.$$.part
  log=$output.log
  # libtorch's header makes its parallel loops serial where OpenMP is off. It is on for compiling and not for linking: the runtime is
  # then the one that libtorch brings along, whatever its name, and never a second one with threads of its own. Only gcc's calls are
  # known to every runtime.
  # shellcheck disable=SC2086  # CXX may carry options
  ! $NATIVE_COMPILER --version 2>/dev/null | grep -q 'Free Software Foundation' || openmp=(-fopenmp)
  # shellcheck disable=SC2086
  if ! { $NATIVE_COMPILER -std=c++$standard -O2 -c -fPIC -fvisibility=hidden "${openmp[@]}" "-I$api" "${extra[@]}" "$source" -o "$part.o" &&
    $NATIVE_COMPILER -shared "$part.o" -o "$part" \
      "-Wl,--no-as-needed" "-Wl,--allow-shlib-undefined" -ltorch -ltorch_cpu -lc10 "${extra[@]}"; } >"$log" 2>&1; then
    rm -f "$part" "$part.o"
    native_fail "$NATIVE_COMPILER cannot build the native part against libtorch $TORCH_VERSION in $TORCH_LIB: $(grep -m1 -E 'error|cannot find' "$log" || head -n 1 "$log") (all of it in $log)"
  fi
  rm -f "$part.o"
  missing=$(ldd "$part" 2>/dev/null | awk '/not found/ { print $1 }' | sort -u | tr '\n' ' ')
  if [ -n "$missing" ]; then
    rm -f "$part"
    native_fail "the libtorch in $TORCH_LIB needs libraries that this machine lacks: ${missing% }."
  fi
  mv -f "$part" "$output"
  rm -f "$log"
}

native_stamp() { # FILE…
  {
    cat "$@"
    echo "$TORCH_ROOT|$TORCH_INCLUDE|$TORCH_LIB|$TORCH_VERSION|${LIBTORCH:-}|${PYTHON:-}|${CXX:-}"
    [ -z "$TORCH_LIB" ] || stat -L -c '%n %s %Y' "$TORCH_LIB/libc10.so" "$TORCH_LIB/libtorch_cpu.so" 2>/dev/null || echo gone
  } | sha256sum | cut -d ' ' -f 1
}
