"""Trains nanoGPT's CPU preset on a text, character by character, for `PreTrain.Compare quality`: prints one JSON object.

    python3 quality.py --data text.txt --steps 2000 --precision fp32 --attention sdpa

4 layers, 4 heads, 128 wide, context 64, batch 12, no dropout; AdamW at 1e-3 down to 1e-4 by a cosine after 100 steps of warm-up, beta2 0.99, decay 0.1 on
matrices, clipping at 1. The last tenth of the text is held out, and evaluated whole in windows that follow each other. Evaluations are not timed.
"""
import argparse
import json
import math
import time

import torch
from torch import nn

from train_step import Gpt

CONTEXT, BATCH, WARMUP, PEAK, LEAST = 64, 12, 100, 1e-3, 1e-4


def rate(step, steps):
    if step < WARMUP:
        return PEAK * (step + 1) / (WARMUP + 1)
    return LEAST + 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (steps - WARMUP))) * (PEAK - LEAST)


@torch.no_grad()
def evaluate(model, held, autocast):
    count = (len(held) - 1) // CONTEXT
    inputs, targets = held[:count * CONTEXT].view(count, CONTEXT), held[1:count * CONTEXT + 1].view(count, CONTEXT)
    total = 0.0
    for first in range(0, count, 64):
        rows = inputs[first:first + 64]
        with autocast:
            total += model(rows, targets[first:first + 64]).item() * len(rows)
    return total / count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--evaluate-every", type=int, default=500)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--attention", choices=["explicit", "sdpa"], default="sdpa")
    parser.add_argument("--fused-adamw", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    text = open(args.data, encoding="ascii").read()
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    ids = torch.tensor([number[letter] for letter in text])
    known, held = ids[:len(ids) * 9 // 10], ids[len(ids) * 9 // 10:]
    model = Gpt(4, 4, 128, len(letters), CONTEXT, args.attention == "explicit")
    matrices, vectors = [p for p in model.parameters() if p.dim() >= 2], [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}], lr=PEAK, betas=(0.9, 0.99), fused=args.fused_adamw or None)
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16")

    seconds, curve = 0.0, []
    for step in range(args.steps):
        start = time.perf_counter()
        places = torch.randint(len(known) - CONTEXT, (BATCH,))
        inputs, targets = torch.stack([known[p:p + CONTEXT] for p in places]), torch.stack([known[p + 1:p + CONTEXT + 1] for p in places])
        for group in optimizer.param_groups:
            group["lr"] = rate(step, args.steps)
        with autocast:
            loss = model(inputs, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds += time.perf_counter() - start
        if (step + 1) % args.evaluate_every == 0 or step + 1 == args.steps:
            curve.append([step + 1, seconds, evaluate(model, held, autocast)])
    print(json.dumps({"who": f"PyTorch {torch.__version__}", "seconds": [seconds], "curve": curve}))


if __name__ == "__main__":
    main()
