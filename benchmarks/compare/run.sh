#!/usr/bin/env bash
# Times one training step of the same model here and in PyTorch, in turn in one run, and prints a table with ratios.
#
#   benchmarks/compare/run.sh                          the character model and GPT-2 124M on the CPU
#   PYTHON=~/env/bin/python benchmarks/compare/run.sh  with the torch of that Python (any command that runs scripts of this folder)
#   benchmarks/compare/run.sh --model char --rounds 5  options go to the program; --help lists them
#   benchmarks/compare/run.sh --device cuda --model gpt2-1024 --compile
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
program=${PRETRAIN_COMPARE:-bin/Release/net10.0/PreTrain.Compare}
if [ -z "${PRETRAIN_COMPARE:-}" ]; then
  dotnet build -c Release --nologo -v q PreTrain.Compare.csproj >&2
fi
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) processors; load before: $(cut -d' ' -f1-3 /proc/loadavg)"
case " $* " in *" --model "*) models=() ;; *) models=(--model char,gpt2) ;; esac
exec "$program" run "${models[@]}" "$@"
