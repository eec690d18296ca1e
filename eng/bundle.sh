#!/usr/bin/env bash
# Publishes a folder that runs where there is a libtorch (say, a GPU machine with Python's torch) and a C++ compiler, but no .NET.
#
#   eng/bundle.sh [OUTPUT]       OUTPUT is a folder, or an archive if it ends in .tar.gz; the default is artifacts/bundle
#
# The folder holds a self-contained .NET for Linux on x64, the programs listed below, the native source, and run.sh, which builds
# the native part there, once, and then runs a program:
#
#   OUTPUT/run.sh pretrain info
#   OUTPUT/run.sh tests
set -euo pipefail

# What goes in, where it exists: the name for run.sh, and the project. Projects named tests all run with `run.sh tests`.
programs=(
  "pretrain src/PreTrain.Cli/PreTrain.Cli.csproj"
  "tests tests/Portable/TorchSharp.Tests/TorchSharp.Tests.csproj"
  "tests tests/PreTrain.Tests/PreTrain.Tests.csproj"
  "compare benchmarks/compare/PreTrain.Compare.csproj"
)

case ${1:-} in
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
  -*) echo "bundle.sh: unknown argument '$1'; see eng/bundle.sh --help" >&2; exit 2 ;;
esac
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${1:-artifacts/bundle}
case $target in
  /*) ;;
  *) [ $# -eq 0 ] || target=$called_from/$target ;;
esac
archive=
case $target in
  *.tar.gz)
    archive=$target
    target=artifacts/bundle
    mkdir -p "$(dirname "$archive")" ;;
esac
# Without a slash or dot at its end: what is built beside the target must not be in it.
mkdir -p "$(dirname "$target")"
target=$(cd "$(dirname "$target")" && pwd)/$(basename "$target")
[ ! -d "$target" ] || target=$(cd "$target" && pwd -P)
command -v dotnet >/dev/null || {
  echo "bundle.sh: dotnet is not on the PATH: install the .NET 10 SDK from https://dotnet.microsoft.com/download." >&2
  exit 5
}
# What is to be replaced has to be a bundle: it is removed first.
if [ -e "$target" ] && [ -n "$(ls -A "$target")" ] && [ ! -e "$target/run.sh" ]; then
  echo "bundle.sh: $target is not empty and no bundle; name another folder." >&2
  exit 2
fi

part=$target.$$.part
trap 'rm -rf "$part"' EXIT
mkdir -p "$part/app" "$part/native"
: >"$part/programs"
for entry in "${programs[@]}"; do
  read -r name project <<<"$entry"
  [ -e "$project" ] || continue
  # Its own build folder, so that the working builds keep theirs. The native part is left out: it is built where it runs.
  dotnet publish "$project" -c Release -r linux-x64 --self-contained -p:RunAnalyzers=false --artifacts-path artifacts/bundle-build -o "$part/app" \
    --nologo -v quiet -p:TorchProvider=System -p:TorchNativeLibrary=none -p:PublishDocumentationFiles=false
  assembly=$(dotnet msbuild "$project" -nologo -getProperty:AssemblyName)
  echo "$name $assembly" >>"$part/programs"
done
# What only `dotnet test` needs.
rm -rf "$part/app/Microsoft.CodeCoverage"
cp eng/native.sh src/Portable/TorchSharp/native/pretrain_torch.cpp "$part/native/"
cp LICENSE eng/run.sh "$part/"
chmod +x "$part/run.sh"
rm -rf "$target"
mv "$part" "$target"
size=$(du -sh "$target" | cut -f 1)
if [ -n "$archive" ]; then
  tar -C "$(dirname "$target")" -czf "$archive.$$.part" "$(basename "$target")"
  mv -f "$archive.$$.part" "$archive"
  echo "bundle: $archive ($(du -h "$archive" | cut -f 1), $size unpacked)"
else
  echo "bundle: $target ($size)"
fi
