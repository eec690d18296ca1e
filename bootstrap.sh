#!/usr/bin/env bash
# Makes this clone ready to build: decides who implements the torch API on this machine. `./bootstrap.sh --help` says more.
set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
. eng/native.sh

usage() {
  cat <<'HELP'
usage: ./bootstrap.sh [--again | --forget]

Decides who implements the torch API on this machine, and writes it to TorchProvider.props:

  NuGet    the TorchSharp package, where the NuGet feed has it and this machine can load its native part
  System   src/Portable/TorchSharp over the libtorch that is already here; its native part is built

A second run finds everything done, and takes a fraction of a second. --again decides and builds anew, for
example after a torch was installed. --forget does so too, without what earlier runs were told by the environment.

environment, which later runs without any of these variables remember:
  PRETRAIN_TORCH_PROVIDER=NuGet|System   ask neither the feed nor the machine
  PRETRAIN_TORCH_RUNTIME=cpu|cuda|none   with NuGet: the libtorch package that programs bring along (default: cpu)
  LIBTORCH=FOLDER                        System, with this libtorch: a folder with include/ and lib/
  PYTHON=COMMAND                         System, with this Python's torch, where there is no LIBTORCH
  CXX=COMMAND                            with System: the C++ compiler (default: g++, c++ or clang++)

With System, and neither LIBTORCH nor PYTHON, the torch of python3 is taken, if it has one, else the distribution's
libtorch. As root, libtorch and g++ are installed where they are missing (Debian, Ubuntu), and where libtorch would use
the reference BLAS, OpenBLAS is made the machine's. Without root nothing outside this clone is changed.

exit codes: 0 done; 2 wrong usage; 5 the machine lacks something, and the message says what.
HELP
}

again='' forget=''
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit 0 ;;
    --again) again=1 ;;
    --forget) again=1 forget=1 ;;
    *) native_say "unknown argument '$argument'; see ./bootstrap.sh --help"; exit 2 ;;
  esac
done

props=TorchProvider.props
source=src/Portable/TorchSharp/native/pretrain_torch.cpp
output=artifacts/native/libpretrain_torch.so
# The stamp, the libtorch that was chosen, and a line NAME=VALUE for each variable that was set.
choice=artifacts/native/choice
inputs=(bootstrap.sh eng/native.sh Directory.Packages.props "$source")
variables=(PRETRAIN_TORCH_PROVIDER PRETRAIN_TORCH_RUNTIME LIBTORCH PYTHON CXX)

# ---- what is asked for? -------------------------------------------------------------------------------------------

told=
for name in "${variables[@]}"; do
  [ -z "${!name:-}" ] || told=1
done
if [ -z "$told$forget" ] && [ -e "$props" ] && [ -e "$choice" ]; then
  remembered=
  while IFS='=' read -r name value; do
    [[ " ${variables[*]} " == *" $name "* ]] || continue
    printf -v "$name" %s "$value"
    remembered+=" $name=$value"
  done < <(tail -n +3 "$choice")
  [ -z "$remembered" ] || echo "bootstrap: remembered from an earlier run:$remembered; ./bootstrap.sh --forget drops it."
fi
# They are named from where the caller stands, and end up in the native part's search path.
case ${LIBTORCH:-} in
  '' | /*) ;;
  *) LIBTORCH=$called_from/$LIBTORCH ;;
esac
case ${PYTHON:-} in
  /*) ;;
  */*) PYTHON=$called_from/$PYTHON ;; # else it is looked up on the PATH
esac
[ ! -d "${LIBTORCH:-}" ] || LIBTORCH=$(cd "$LIBTORCH" && pwd)
forced=${PRETRAIN_TORCH_PROVIDER:-}
runtime=${PRETRAIN_TORCH_RUNTIME:-cpu}
case $forced in
  '' | NuGet | System) ;;
  *) native_say "PRETRAIN_TORCH_PROVIDER is '$forced'; it must be NuGet or System."; exit 2 ;;
esac
case $runtime in
  cpu | cuda | none) ;;
  *) native_say "PRETRAIN_TORCH_RUNTIME is '$runtime'; it must be cpu, cuda or none."; exit 2 ;;
esac

if [ -n "${LIBTORCH:-}${PYTHON:-}" ] && [ "$forced" = NuGet ]; then
  native_say "PRETRAIN_TORCH_PROVIDER is NuGet, which takes no LIBTORCH or PYTHON: unset them, or ask for System."
  exit 2
fi

stamp() { # PROVIDER
  echo "$1 $forced $runtime $(native_stamp "${inputs[@]}")"
}

write_choice() { # PROVIDER WHY
  mkdir -p "$(dirname "$choice")"
  printf '%s\n' '<!-- Written by bootstrap.sh, which decides anew when this file is gone. -->' \
    '<Project>' \
    "  <!-- $1, because $2. -->" \
    '  <PropertyGroup>' \
    "    <TorchProvider Condition=\"'\$(TorchProvider)' == ''\">$1</TorchProvider>" >"$props.$$.part"
  [ "$1" != NuGet ] ||
    echo "    <TorchRuntime Condition=\"'\$(TorchRuntime)' == '' and '\$(TorchProvider)' == 'NuGet'\">$runtime</TorchRuntime>" >>"$props.$$.part"
  printf '%s\n' '  </PropertyGroup>' '</Project>' >>"$props.$$.part"
  {
    printf '%s\n' "$(stamp "$1")" "$TORCH_VERSION|$TORCH_ROOT|$TORCH_INCLUDE|$TORCH_LIB|$TORCH_FROM"
    for name in "${variables[@]}"; do
      [ -z "${!name:-}" ] || echo "$name=${!name}"
    done
  } >"$choice.$$.part"
  mv -f "$props.$$.part" "$props"
  mv -f "$choice.$$.part" "$choice"
}

# ---- nothing to do? -----------------------------------------------------------------------------------------------

if ! command -v dotnet >/dev/null; then
  native_fail "dotnet is not on the PATH: install the .NET 10 SDK from https://dotnet.microsoft.com/download."
fi
if [ -z "$again" ] && [ -e "$props" ] && [ -e "$choice" ]; then
  {
    read -r was
    IFS='|' read -r TORCH_VERSION TORCH_ROOT TORCH_INCLUDE TORCH_LIB TORCH_FROM
  } <"$choice" || true
  provider=${was%% *}
  if [ -n "$provider" ] && [ "$was" = "$(stamp "$provider")" ] && { [ "$provider" = NuGet ] || [ -e "$output" ]; }; then
    echo "bootstrap: $provider${TORCH_VERSION:+ with libtorch $TORCH_VERSION, $TORCH_FROM}: up to date."
    exit 0
  fi
  TORCH_ROOT='' TORCH_INCLUDE='' TORCH_LIB='' TORCH_VERSION='' TORCH_FROM=''
fi
if ! dotnet --list-sdks | grep -qE '^([1-9][0-9]{2,}|[2-9][0-9]|1[0-9])\.'; then
  native_fail "dotnet $(dotnet --list-sdks | tail -n 1 | cut -d ' ' -f 1) is too old: install the .NET 10 SDK from https://dotnet.microsoft.com/download."
fi

# ---- which provider? ----------------------------------------------------------------------------------------------

version_of() { sed -n "s/.*PackageVersion Include=\"$1\" Version=\"\([^\"]*\)\".*/\1/p" Directory.Packages.props; }

# Restores a project that needs nothing but the two packages. Of the runtime's package, which is empty, the libtorch that it
# depends on is not fetched. Sets `why`.
ask_feed() {
  local folder=artifacts/probe torch tokenizers log package= download=
  torch=$(version_of TorchSharp) tokenizers=$(version_of Microsoft.ML.Tokenizers)
  case $runtime in
    cpu) package=TorchSharp-cpu ;;
    cuda) package=TorchSharp-cuda-linux ;;
  esac
  [ -z "$package" ] || download="<PackageDownload Include=\"$package\" Version=\"[$(version_of "$package")]\" />"
  mkdir -p "$folder"
  log=$folder/restore.log
  cat >"$folder/probe.csproj" <<PROBE
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework><NuGetAudit>false</NuGetAudit></PropertyGroup>
  <ItemGroup>
    <PackageReference Include="TorchSharp" Version="[$torch]" />
    <PackageReference Include="Microsoft.ML.Tokenizers" Version="[$tokenizers]" />
    $download
  </ItemGroup>
</Project>
PROBE
  if timeout 90 dotnet restore "$folder/probe.csproj" --nologo -nodeReuse:false -p:ImportDirectoryBuildProps=false \
    -p:ImportDirectoryBuildTargets=false -p:ImportDirectoryPackagesProps=false >"$log" 2>&1; then
    why="the feed has TorchSharp $torch"
    return 0
  fi
  if grep -qE 'NU1301|NU1801' "$log"; then
    why="the NuGet feed cannot be reached"
  elif [ -n "$package" ] && grep -qE "NU110[123].*$package" "$log"; then
    why="the feed has no $package $(version_of "$package"), which TorchRuntime=$runtime needs"
  elif grep -qE 'NU110[123].*TorchSharp' "$log"; then
    why="the feed has no TorchSharp $torch"
  elif grep -qE 'NU110[123].*Microsoft\.ML\.Tokenizers' "$log"; then
    why="the feed has no Microsoft.ML.Tokenizers $tokenizers"
  else
    why="the feed did not give TorchSharp $torch, see $log"
  fi
  return 1
}

# Whether this machine's own libraries satisfy the package's native part. libtorch, which is not fetched, does not count. Sets `why`.
ask_machine() {
  local torch folder file= platform library=libLibTorchSharp.so lacks
  torch=$(version_of TorchSharp)
  case $(uname -sm) in
    'Linux x86_64') platform=linux-x64 ;;
    'Darwin arm64') platform=osx-arm64 library=libLibTorchSharp.dylib ;;
    *)
      why="TorchSharp $torch has no native part for $(uname -sm)"
      return 1 ;;
  esac
  if ldd --version 2>&1 | grep -qi musl; then
    why="TorchSharp $torch's native part needs glibc, and this machine has musl"
    return 1
  fi
  while read -r folder; do
    file=$folder/torchsharp/$torch/runtimes/$platform/native/$library
    [ ! -e "$file" ] || break
  done < <(sed -n '/"packageFolders"/,/}$/s/^ *"\(.*\)": {}.*/\1/p' artifacts/probe/obj/project.assets.json)
  if [ ! -e "$file" ]; then
    why="TorchSharp $torch has no native part for $platform"
    return 1
  fi
  # "libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by …)", once for each version and library
  lacks=$(ldd "$file" 2>&1 | sed -n "s/.*\/\(lib[^/]*\): version .\([A-Za-z0-9_.]*\). not found (required by .*\/$library).*/\2 \1/p" | sort -V | tail -n 1)
  if [ -n "$lacks" ]; then
    why="TorchSharp $torch's native part needs ${lacks% *}, which this machine's $(sed 's/\.so.*//' <<<"${lacks#* }") lacks"
    return 1
  fi
  why="the feed has TorchSharp $torch, and this machine can load it"
}

if [ -n "$forced" ]; then
  provider=$forced why="PRETRAIN_TORCH_PROVIDER asks for it"
elif [ -n "${LIBTORCH:-}" ]; then
  provider=System why="LIBTORCH names a libtorch"
elif [ -n "${PYTHON:-}" ]; then
  provider=System why="PYTHON names one with a torch"
elif ask_feed && ask_machine; then
  provider=NuGet
else
  provider=System
fi

if [ "$provider" = NuGet ]; then
  write_choice NuGet "$why"
  echo "bootstrap: NuGet, because $why; programs bring the libtorch of TorchRuntime=$runtime."
  exit 0
fi

native_find
native_build "$source" "$output"
write_choice System "$why"
echo "bootstrap: System, because $why; built against libtorch $TORCH_VERSION, $TORCH_FROM, in $TORCH_LIB."
