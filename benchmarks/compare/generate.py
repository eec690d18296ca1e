"""Times greedy generation of a GPT-2 with transformers, for `PreTrain.Compare generation`: prints one JSON object.

    python3 generate.py --precision fp32 --prompt 32 --new-tokens 128 --passes 3 --threads 2

GPT-2 124M with random weights: what it writes is noise, and takes the time that text takes.
"""
import argparse
import json
import time

import torch
import transformers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--attention", choices=["eager", "sdpa"], default="sdpa")
    parser.add_argument("--prompt", type=int, default=32)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    config = transformers.GPT2Config(eos_token_id=None, bos_token_id=None)
    model = transformers.GPT2LMHeadModel._from_config(config, attn_implementation=args.attention).eval()
    if args.precision == "bf16":
        model = model.to(torch.bfloat16)
    ids = torch.randint(config.vocab_size, (1, args.prompt))
    mask = torch.ones_like(ids)
    seconds = []
    with torch.inference_mode():
        for run in range(args.passes + 1):
            start = time.perf_counter()
            out = model.generate(ids, attention_mask=mask, do_sample=False, use_cache=True, max_new_tokens=args.new_tokens, min_new_tokens=args.new_tokens, pad_token_id=0)
            if run > 0:
                seconds.append(time.perf_counter() - start)
    assert out.shape[1] == args.prompt + args.new_tokens
    print(json.dumps({"who": f"transformers {transformers.__version__}, torch {torch.__version__}", "seconds": seconds}))


if __name__ == "__main__":
    main()
