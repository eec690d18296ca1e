#!/usr/bin/env bash
# All figures of quality in RESULTS.md: what pre-training, adapters, distillation, pruning and quantization are worth, in two lanes of one thread each, hours of two cores; then the speed of pruned and quantized models, by
# themselves. Each table is put into FOLDER as it is printed. A call that was stopped goes on: finished tables and trained models stay.
#
#   benchmarks/quality.sh [FOLDER [SHARE]]    (default: runs/quality; a small share of the steps, such as 0.01, for a look)
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=${1:-runs/quality} share=${2:-1}
mkdir -p "$folder" && cd "$folder" || exit
dotnet build -c Release --nologo -v q "$root/benchmarks/PreTrain.Benchmarks" >&2 || exit
program=$root/benchmarks/PreTrain.Benchmarks/bin/Release/net10.0/PreTrain.Benchmarks.dll

table() { # CORE NAME ARGUMENT…: once, unless its table is there
  local core=$1 name=$2
  shift 2
  [ -e "$name.txt" ] && return
  echo "$(date +%T) $name begins"
  if OMP_NUM_THREADS=1 taskset -c "$core" dotnet "$program" "$@" >"$name.part" 2>"$name.log"; then
    mv "$name.part" "$name.txt"
    echo "$(date +%T) $name ends"
  else
    echo "$(date +%T) $name fails; see $PWD/$name.log" >&2
    return 1
  fi
}

decoders() {
  table 0 pruning compression-quality pruning models "$share" &&
    table 0 students compression-quality students models "$share" &&
    table 0 halves compression-quality halves models "$share"
}

encoders() {
  local task status=0
  for task in classify tokens qa; do
    table 1 "finetuning-$task" finetuning "$task" finetuned "$share" scratch,whole,lora,aligned,hira || status=1
  done
  table 1 encoder-students compression-quality encoder-students models "$share" &&
    table 1 classifier-students compression-quality classifier-students models "$share" && return "$status"
}

status=0
decoders &
first=$!
encoders || status=1
wait "$first" || status=1
table 0 quantization quantization-quality models "$share" || status=1
table 0 quantized-products quantized-products 9 || status=1
table 0 pruned-models pruned-models 7 || status=1
exit "$status"
