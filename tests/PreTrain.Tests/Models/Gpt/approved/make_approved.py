"""Writes the approved shapes that lie beside this script: the tensors of a checkpoint as the reference implementation names and shapes them.

    python3 make_approved.py        (any Python with torch and transformers; nothing is allocated)

One file per preset, a line per tensor: its name in model.safetensors and the length of each axis; the last line counts the parameters. The tied
head is transformer.wte.weight alone.
"""
import pathlib

import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent

PRESETS = {
    "nano": dict(vocab_size=8192, n_positions=256, n_layer=4, n_head=4, n_embd=128),
    "char": dict(vocab_size=65, n_positions=256, n_layer=6, n_head=6, n_embd=384),
    "gpt2-small": dict(),
    "gpt2-medium": dict(n_layer=24, n_head=16, n_embd=1024),
    "gpt2-large": dict(n_layer=36, n_head=20, n_embd=1280),
    "gpt2-xl": dict(n_layer=48, n_head=25, n_embd=1600),
}

for name, config in PRESETS.items():
    with torch.device("meta"):
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**config))
    parameters = list(model.named_parameters())
    lines = sorted(f"{n} {' '.join(map(str, p.shape))}" for n, p in parameters)
    lines.append(f"total {sum(p.numel() for _, p in parameters)}")
    (HERE / f"{name}.txt").write_text("\n".join(lines) + "\n")
    print(name, lines[-1])
