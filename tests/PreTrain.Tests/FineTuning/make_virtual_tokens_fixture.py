"""Writes what transformers computes behind virtual tokens, for VirtualTokensTests: fixtures/virtual-tokens.json.

    python3 make_virtual_tokens_fixture.py

Prompts are embeddings before those of the tokens, prefixes a cache of keys and values, both made of one tensor as the library PEFT keeps it: (P, C), and (P, layers * 2 * heads * width), of each layer
the keys and then the values. The models are those of ../Models/*/fixtures, whose weights come from a formula of the tensor's name; so does the tensor of virtual tokens. The file holds logits of the
tokens and the gradient of their squares' sum with respect to that tensor: its norm, and its product with a tensor of the formula.
"""
import json
import math
import pathlib

import numpy
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent / "Models"
LENGTH = 3
CASES = [
    ("Gpt", "causal-lm-two-layers", "GPT2LMHeadModel"), ("Gpt", "causal-lm-wide-heads", "GPT2LMHeadModel"), ("Gpt", "classify-two-layers", "GPT2ForSequenceClassification"),
    ("Llama", "causal-lm-two-layers", "LlamaForCausalLM"), ("Llama", "causal-lm-wide-heads", "LlamaForCausalLM"),
    ("Bert", "masked-lm-two-layers", "BertForMaskedLM"), ("Bert", "classify-wide-heads", "BertForSequenceClassification"),
]


def values(name, count):
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with numpy.errstate(over="ignore"):
        x = numpy.uint64(seed) + (numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(1)) * numpy.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        x = x ^ (x >> numpy.uint64(31))
    return (x >> numpy.uint64(40)).astype(numpy.float64) / 2**23 - 1


def weight(name, shape):
    x = values(name, math.prod(shape)) * (0.25 if len(shape) >= 2 else 0.1)
    if len(shape) == 1 and name.endswith("weight"):
        x = x + 1
    return torch.tensor(x.astype(numpy.float32).astype(numpy.float64)).view(shape)


def load(family, name, architecture):
    fixture = json.loads((MODELS / family / "fixtures" / f"{name}.json").read_text())
    model_class = getattr(transformers, architecture)
    config = model_class.config_class(**{k: v for k, v in fixture["config"].items() if k not in ("dtype", "transformers_version")}, attn_implementation="eager")
    model = model_class(config).double().eval()
    state = {n: weight(n, shape) for n, shape in fixture["tensors"].items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    model.tie_weights()
    return fixture, model


def case(family, name, architecture, kind):
    fixture, model = load(family, name, architecture)
    config = model.config
    ids = torch.tensor(fixture["inputs"]["input_ids"])
    mask = torch.tensor(fixture["inputs"]["attention_mask"]) if "attention_mask" in fixture["inputs"] else torch.ones_like(ids)
    mask = torch.tensor([[1] * k + [0] * (ids.shape[1] - k) for k in mask.sum(1).tolist()])
    batch = ids.shape[0]
    longer = torch.cat([torch.ones(batch, LENGTH, dtype=mask.dtype), mask], 1)
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    layers = config.num_hidden_layers
    shape = (LENGTH, config.hidden_size) if kind == "prompt" else (LENGTH, layers * 2 * heads * head_dim)
    virtual = weight(f"{kind}.{family}.{name}", shape).requires_grad_()
    if kind == "prompt":
        embeds = torch.cat([virtual.unsqueeze(0).expand(batch, -1, -1), model.get_input_embeddings()(ids)], 1)
        more = {"position_ids": (longer.cumsum(1) - 1).clamp(min=0)} if family != "Bert" else {}
        if architecture == "GPT2ForSequenceClassification":
            hidden = model.transformer(inputs_embeds=embeds, attention_mask=longer, **more).last_hidden_state
            logits = model.score(hidden[torch.arange(batch), LENGTH + mask.sum(1) - 1])
        else:
            logits = model(inputs_embeds=embeds, attention_mask=longer, **more).logits
        if logits.ndim == 3:
            logits = logits[:, LENGTH:]
    else:
        past = virtual.unsqueeze(0).expand(batch, -1, -1).reshape(batch, LENGTH, layers * 2, heads, head_dim).permute(2, 0, 3, 1, 4).split(2)
        cache = transformers.DynamicCache()
        for layer, pair in enumerate(past):
            cache.update(pair[0], pair[1], layer)
        if family == "Bert":
            logits = bert(model, ids, longer, past)
        elif architecture == "GPT2ForSequenceClassification":
            hidden = model.transformer(input_ids=ids, attention_mask=longer, past_key_values=cache).last_hidden_state
            logits = model.score(hidden[torch.arange(batch), mask.sum(1) - 1])
        else:
            logits = model(input_ids=ids, attention_mask=longer, past_key_values=cache).logits
    keep = logits if logits.ndim == 2 else logits * mask.unsqueeze(-1)
    (keep ** 2).sum().backward()
    gradient = virtual.grad
    return {
        "family": family, "model": name, "kind": kind, "ids": ids.tolist(), "mask": mask.tolist(), "shape": list(shape),
        "logits_shape": list(keep.shape), "logits": [float(f"{v:.7g}") for v in keep.detach().flatten().tolist()],
        "gradient_norm": gradient.norm().item(), "gradient_product": (gradient * weight("product", shape)).sum().item(),
    }


def bert(model, ids, mask, past):
    """BERT as PEFT ran it with past_key_values in its encoder: transformers gives encoders no cache any more, so the layers are called one by one with their parts."""
    base = model.bert
    columns = torch.arange(LENGTH, LENGTH + ids.shape[1]).unsqueeze(0)
    x = base.embeddings(input_ids=ids, position_ids=columns, token_type_ids=torch.zeros_like(ids))
    seen = mask[:, None, None, :].bool()
    for layer, (keys, values_) in zip(base.encoder.layer, past):
        attention = layer.attention.self
        split = lambda t: t.view(*t.shape[:2], attention.num_attention_heads, -1).transpose(1, 2)
        q, k, v = (split(f(x)) for f in (attention.query, attention.key, attention.value))
        k, v = torch.cat([keys, k], 2), torch.cat([values_, v], 2)
        scores = (q @ k.transpose(-1, -2)) / math.sqrt(q.shape[-1])
        weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
        y = (weights @ v).transpose(1, 2).reshape(x.shape)
        x = layer.attention.output(y, x)
        x = layer.output(layer.intermediate(x), x)
    if hasattr(model, "cls"):
        return model.cls(x)
    return model.classifier(base.pooler(x))


def main():
    torch.manual_seed(0)
    cases = [case(*c, kind) for c in CASES for kind in ("prompt", "prefix")]
    out = HERE / "fixtures" / "virtual-tokens.json"
    out.write_text(json.dumps({"torch": torch.__version__, "transformers": transformers.__version__, "length": LENGTH, "cases": cases}) + "\n")
    print(out, out.stat().st_size)


main()
