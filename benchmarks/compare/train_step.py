"""Times training steps of a model in PyTorch, for compare/run.sh: prints one JSON object.

    python3 train_step.py --model char --precision bf16 --attention explicit [--compile] [--fused-adamw] --steps 5

The model is nanoGPT's: pre-norm blocks, fused query-key-value map, tanh-GELU, tied head, AdamW with decay on matrices, clipping at 1.
"explicit" attention multiplies, masks, normalizes and multiplies; "sdpa" calls scaled_dot_product_attention. "bert" and "t5" are transformers'
BertForMaskedLM and T5ForConditionalGeneration, in training mode, with their own dropout.
"""
import argparse
import json
import math
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

MODELS = {  # layers, heads, width, vocabulary, context, batch
    "char": (6, 6, 384, 65, 256, 16),
    "gpt2": (12, 12, 768, 50257, 256, 4),
    "gpt2-1024": (12, 12, 768, 50257, 1024, 16),
    "tiny": (2, 2, 64, 65, 32, 4),
}
BERT = (128, 8)       # context, batch
T5 = (256, 64, 8)     # tokens of the source, tokens to write, batch


class Block(nn.Module):
    def __init__(self, width, heads, context, explicit):
        super().__init__()
        self.heads, self.explicit = heads, explicit
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.register_buffer("mask", torch.tril(torch.ones(context, context, dtype=torch.bool))[None, None], persistent=False)

    def attend(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in self.qkv(x).split(c, dim=2))
        if self.explicit:
            scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            y = F.softmax(scores.masked_fill(~self.mask[:, :, :t, :t], float("-inf")), dim=-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).contiguous().view(b, t, c))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, layers, heads, width, vocabulary, context, explicit):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, context, explicit) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for p in self.parameters():
            if p.dim() >= 2:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids, targets):
        x = self.tokens(ids) + self.positions(torch.arange(ids.size(1), device=ids.device))
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.tokens.weight)
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


class MaskedBert(nn.Module):
    """Three tokens of twenty are targets."""

    def __init__(self, explicit):
        super().__init__()
        import transformers
        self.model = transformers.BertForMaskedLM._from_config(transformers.BertConfig(), attn_implementation="eager" if explicit else "sdpa")

    def forward(self, ids, targets):
        return self.model(input_ids=ids, labels=targets).loss


class T5Small(nn.Module):
    def __init__(self, explicit):
        super().__init__()
        import transformers
        config = transformers.T5Config(d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8, decoder_start_token_id=0)
        self.model = transformers.T5ForConditionalGeneration._from_config(config, attn_implementation="eager" if explicit else "sdpa")

    def forward(self, ids, targets):
        return self.model(input_ids=ids, labels=targets).loss


def workload(name, explicit):
    """A model, its inputs, its targets, and the tokens that a step counts."""
    if name == "bert":
        context, batch = BERT
        ids = torch.randint(30522, (batch, context))
        return MaskedBert(explicit), ids, torch.where(torch.rand(batch, context) < 0.15, ids, -100), batch * context
    if name == "t5":
        source, target, batch = T5
        return T5Small(explicit), torch.randint(32128, (batch, source)), torch.randint(32128, (batch, target)), batch * (source + target)
    layers, heads, width, vocabulary, context, batch = MODELS[name]
    ids = torch.randint(vocabulary, (batch, context + 1))
    return Gpt(layers, heads, width, vocabulary, context, explicit), ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), batch * context


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=[*MODELS, "bert", "t5"], default="char")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    parser.add_argument("--attention", choices=["explicit", "sdpa"], default="explicit")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--fused-adamw", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()

    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = True
    model, inputs, targets, tokens = workload(args.model, args.attention == "explicit")
    model, inputs, targets = model.to(args.device).train(), inputs.to(args.device), targets.to(args.device)
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=1e-3, betas=(0.9, 0.95), fused=args.fused_adamw or None)
    step_model = torch.compile(model) if args.compile else model
    autocast = torch.autocast(args.device, dtype=torch.bfloat16, enabled=args.precision == "bf16")

    times, loss = [], None
    for step in range(args.warmup + args.steps):
        start = time.perf_counter()
        with autocast:
            loss = step_model(inputs, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        value = loss.item()
        if args.device == "cuda":
            torch.cuda.synchronize()
        if step >= args.warmup:
            times.append(time.perf_counter() - start)

    peak = torch.cuda.max_memory_allocated() if args.device == "cuda" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({
        "who": f"PyTorch {torch.__version__}", "milliseconds": [1000 * t for t in times], "medianMilliseconds": 1000 * statistics.median(times),
        "tokens": tokens, "loss": value, "peakMemoryBytes": peak, "threads": torch.get_num_threads(),
    }))


if __name__ == "__main__":
    main()
