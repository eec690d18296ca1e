"""Writes what transformers computes for small models of every family and head, for the parity tests: ../<Family>/fixtures/<head>-<shape>.json.

    python3 make_fixtures.py [FAMILY ...]

A fixture holds no weights: both sides fill them from a formula of the tensor's name (see `values`). It holds the configuration as
transformers saves it, the names and shapes of the saved tensors, inputs, logits, the losses of ten AdamW steps, and of the first step's
gradients two random projections and the norm of each tensor.
"""
import json
import pathlib
import sys
import zlib

import numpy
import torch
import transformers
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
ADAMW = {"lr": 1e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1}
STEPS, LABELS = 10, 3

# The second of each pair has the head width (a multiple of 16) that fused kernels take.
ENCODERS = {
    "two-layers": dict(vocab_size=41, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=37, max_position_embeddings=23),
    "wide-heads": dict(vocab_size=43, hidden_size=48, num_hidden_layers=1, num_attention_heads=3, intermediate_size=67, max_position_embeddings=29),
}
DECODERS = {
    "two-layers": dict(vocab_size=41, hidden_size=24, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=3, intermediate_size=37, max_position_embeddings=23),
    "wide-heads": dict(vocab_size=43, hidden_size=48, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=32, intermediate_size=67, max_position_embeddings=29),
}
NO_DROPOUT = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def decoder(shape, **more):
    return {**DECODERS[shape], "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "num_labels": LABELS, **more}


def gpt(shape):
    names = dict(vocab_size="vocab_size", hidden_size="n_embd", num_hidden_layers="n_layer", num_attention_heads="n_head", intermediate_size="n_inner", max_position_embeddings="n_positions")
    sizes = {names[name]: value for name, value in ENCODERS[shape].items()}
    return {**sizes, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "num_labels": LABELS}


def distilled(shape):
    names = dict(vocab_size="vocab_size", hidden_size="dim", num_hidden_layers="n_layers", num_attention_heads="n_heads", intermediate_size="hidden_dim", max_position_embeddings="max_position_embeddings")
    sizes = {names[name]: value for name, value in ENCODERS[shape].items()}
    return {**sizes, "dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0, "qa_dropout": 0.0, "num_labels": LABELS}


def llama_rotary(shape):
    return {"rope_theta": 10000.0, "rope_type": "default"} if shape == "two-layers" else {
        "rope_theta": 500.0, "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}


def vision(shape, **more):
    sizes = {name: value for name, value in ENCODERS[shape].items() if name not in ("vocab_size", "max_position_embeddings")}
    image = dict(image_size=15, patch_size=5, num_channels=2) if shape == "two-layers" else dict(image_size=16, patch_size=4, num_channels=3)
    return {**sizes, **NO_DROPOUT, **image, **more}


def masked_vision(shape):
    decoder = dict(decoder_hidden_size=20, decoder_num_hidden_layers=2, decoder_num_attention_heads=5, decoder_intermediate_size=31) if shape == "two-layers" else dict(
        decoder_hidden_size=32, decoder_num_hidden_layers=1, decoder_num_attention_heads=2, decoder_intermediate_size=53)
    return vision(shape, mask_ratio=0.6 if shape == "two-layers" else 0.75, norm_pix_loss=shape == "wide-heads", **decoder)


def encoder(shape, **more):
    return {**ENCODERS[shape], **NO_DROPOUT, **more}


def pair(shape, **more):
    """An encoder and a decoder, in the first shape of different depths and widths, as BART and Marian name them."""
    sizes = {
        "two-layers": dict(vocab_size=41, d_model=24, encoder_layers=2, decoder_layers=3, encoder_attention_heads=3, decoder_attention_heads=2, encoder_ffn_dim=37, decoder_ffn_dim=53),
        "wide-heads": dict(vocab_size=43, d_model=48, encoder_layers=1, decoder_layers=1, encoder_attention_heads=3, decoder_attention_heads=3, encoder_ffn_dim=67, decoder_ffn_dim=67),
    }[shape]
    return {**sizes, "max_position_embeddings": 23, "dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0, **more}


def t5(shape):
    sizes = {
        "two-layers": dict(vocab_size=41, d_model=24, d_kv=6, num_heads=3, d_ff=37, num_layers=2, num_decoder_layers=3),
        "wide-heads": dict(vocab_size=43, d_model=48, d_kv=16, num_heads=2, d_ff=67, num_layers=1, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    }[shape]
    return {**sizes, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 9, "dropout_rate": 0.0, "decoder_start_token_id": 0}


# family -> (configuration class, shape -> its arguments, head -> model class)
FAMILIES = {
    "Bert": ("BertConfig", lambda shape: encoder(shape, type_vocab_size=2, num_labels=LABELS), {
        "masked-lm": "BertForMaskedLM", "next-sentence": "BertForNextSentencePrediction", "pre-training": "BertForPreTraining",
        "classify": "BertForSequenceClassification", "tokens": "BertForTokenClassification", "qa": "BertForQuestionAnswering", "none": "BertModel",
    }),
    "DistilBert": ("DistilBertConfig", lambda shape: distilled(shape), {
        "masked-lm": "DistilBertForMaskedLM", "classify": "DistilBertForSequenceClassification", "tokens": "DistilBertForTokenClassification",
        "qa": "DistilBertForQuestionAnswering", "none": "DistilBertModel",
    }),
    "UniLm": ("BertConfig", lambda shape: encoder(shape, type_vocab_size=2), {"masked-lm": "BertForMaskedLM", "prefix-lm": "BertForMaskedLM", "causal-lm": "BertLMHeadModel"}),
    "Roberta": ("RobertaConfig", lambda shape: encoder(shape, type_vocab_size=1, num_labels=LABELS), {
        "masked-lm": "RobertaForMaskedLM", "classify": "RobertaForSequenceClassification", "tokens": "RobertaForTokenClassification",
        "qa": "RobertaForQuestionAnswering", "none": "RobertaModel",
    }),
    "Ernie": ("ErnieConfig", lambda shape: encoder(shape, type_vocab_size=3, num_labels=LABELS, use_task_id=shape == "two-layers", task_type_vocab_size=3), {
        "masked-lm": "ErnieForMaskedLM", "next-sentence": "ErnieForNextSentencePrediction", "pre-training": "ErnieForPreTraining",
        "classify": "ErnieForSequenceClassification", "tokens": "ErnieForTokenClassification", "qa": "ErnieForQuestionAnswering", "none": "ErnieModel",
    }),
    "Gpt": ("GPT2Config", lambda shape: gpt(shape), {"causal-lm": "GPT2LMHeadModel", "classify": "GPT2ForSequenceClassification", "none": "GPT2Model"}),
    "Llama": ("LlamaConfig", lambda shape: decoder(shape, rope_parameters=llama_rotary(shape), tie_word_embeddings=shape == "two-layers"), {
        "causal-lm": "LlamaForCausalLM", "classify": "LlamaForSequenceClassification", "none": "LlamaModel",
    }),
    "Mistral": ("MistralConfig", lambda shape: decoder(shape, sliding_window=4), {"causal-lm": "MistralForCausalLM", "classify": "MistralForSequenceClassification"}),
    "Qwen2": ("Qwen2Config", lambda shape: {n: v for n, v in decoder(shape).items() if n != "head_dim"}, {"causal-lm": "Qwen2ForCausalLM"}),
    "Qwen3": ("Qwen3Config", lambda shape: {**decoder(shape), "head_dim": 16}, {"causal-lm": "Qwen3ForCausalLM"}),
    "ModernBert": ("ModernBertConfig", lambda shape: {**ENCODERS[shape], "num_hidden_layers": 4 if shape == "two-layers" else 2, "local_attention": 4, "pad_token_id": 0, "bos_token_id": 1,
                                                      "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2, "num_labels": LABELS,
                                                      "num_attention_heads": 2 if shape == "two-layers" else 3, "classifier_pooling": "cls" if shape == "two-layers" else "mean"}, {
        "masked-lm": "ModernBertForMaskedLM", "classify": "ModernBertForSequenceClassification", "tokens": "ModernBertForTokenClassification",
        "qa": "ModernBertForQuestionAnswering", "none": "ModernBertModel",
    }),
    "Vit": ("ViTConfig", lambda shape: vision(shape, num_labels=LABELS, qkv_bias=shape == "two-layers"), {"image-classify": "ViTForImageClassification", "none": "ViTModel"}),
    "VitMae": ("ViTMAEConfig", masked_vision, {"masked-autoencoder": "ViTMAEForPreTraining"}),
    "Electra": ("ElectraConfig", lambda shape: encoder(shape, type_vocab_size=2, num_labels=LABELS, embedding_size=48 if shape == "wide-heads" else 13), {
        "masked-lm": "ElectraForMaskedLM", "replaced-tokens": "ElectraForPreTraining", "classify": "ElectraForSequenceClassification",
        "tokens": "ElectraForTokenClassification", "qa": "ElectraForQuestionAnswering", "none": "ElectraModel",
    }),
    "T5": ("T5Config", t5, {"seq2seq": "T5ForConditionalGeneration", "none": "T5EncoderModel"}),
    "Bart": ("BartConfig", lambda shape: pair(shape, scale_embedding=shape == "two-layers", num_labels=LABELS, decoder_start_token_id=2), {
        "seq2seq": "BartForConditionalGeneration", "classify": "BartForSequenceClassification",
    }),
    "Marian": ("MarianConfig", lambda shape: pair(shape, scale_embedding=True, activation_function="swish" if shape == "two-layers" else "relu", pad_token_id=0, eos_token_id=2,
                                                  forced_eos_token_id=2, decoder_start_token_id=0,
                                                  **({} if shape == "two-layers" else {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 47})), {"seq2seq": "MarianMTModel"}),
}


# Families that share an implementation.
FOLDERS = {"Gpt": "Gpt", "Llama": "Llama", "Mistral": "Llama", "Qwen2": "Llama", "Qwen3": "Llama", "Marian": "Transformer", "Vit": "Vit", "VitMae": "Vit"}


def values(name, count):
    """Numbers in [-1, 1) from a tensor's name: splitmix64 of FNV-1a of the name plus the index."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with numpy.errstate(over="ignore"):
        x = numpy.uint64(seed) + (numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(1)) * numpy.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        x = x ^ (x >> numpy.uint64(31))
    return (x >> numpy.uint64(40)).astype(numpy.float64) / 2**23 - 1


def fill(name, tensor):
    """Matrices around 0, gains around 1, so that every parameter matters."""
    x = values(name, tensor.numel()) * (0.25 if tensor.dim() >= 2 else 0.1)
    if tensor.dim() == 1 and name.endswith("weight"):
        x = x + 1
    return torch.from_numpy(x.astype(numpy.float32)).view(tensor.shape)


def inputs_of(family, head, config, rng):
    """Two images; or two sequences, the second one shorter."""
    if family in ("Vit", "VitMae"):
        size = config.image_size
        inputs = {"pixel_values": torch.from_numpy(rng.normal(size=(2, config.num_channels, size, size)).round(2).astype(numpy.float32))}
        if head == "masked-autoencoder":
            patches = (size // config.patch_size) ** 2
            inputs["noise"] = torch.from_numpy(numpy.stack([rng.permutation(patches) for _ in range(2)]).astype(numpy.float32) / 64)
        return inputs
    ids = torch.from_numpy(rng.integers(5, config.vocab_size, (2, 11)))
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    inputs = {"input_ids": ids.masked_fill(mask == 0, config.pad_token_id) if family in FOLDERS else ids, "attention_mask": mask}
    if getattr(config, "type_vocab_size", 0) > 1:
        inputs["token_type_ids"] = torch.from_numpy(rng.integers(0, config.type_vocab_size, (2, 11)))
    if head == "seq2seq":
        decoder_ids = torch.from_numpy(rng.integers(5, getattr(config, "decoder_vocab_size", None) or config.vocab_size, (2, 7)))
        decoder_ids[:, 0] = config.decoder_start_token_id
        inputs["decoder_input_ids"] = decoder_ids
        inputs["decoder_attention_mask"] = torch.ones_like(decoder_ids)
        inputs["decoder_attention_mask"][1, 5:] = 0
    elif family == "Bart":
        ids[0, 10] = ids[1, 6] = config.eos_token_id   # a class is read from it
    if head == "prefix-lm":
        inputs["prefix_lengths"] = torch.tensor([4, 3])
    return inputs


def run(model, inputs):
    """A prefix is a mask over pairs of tokens, which is added to the scores."""
    if "prefix_lengths" not in inputs:
        return model(**inputs)
    given = {name: value for name, value in inputs.items() if name != "prefix_lengths"}
    columns = torch.arange(inputs["input_ids"].shape[1])
    seen = (columns[None, :] <= columns[:, None])[None] | (columns[None, None, :] < inputs["prefix_lengths"][:, None, None])
    seen = (seen & inputs["attention_mask"].bool()[:, None, :])[:, None]
    given["attention_mask"] = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
    return model(**given)


def loss_of(head, output, inputs, targets):
    if head == "masked-autoencoder":
        return output[1], output[0]
    first = output[0]
    if "pixel_values" in inputs:
        return first, ((first - targets["states"]) ** 2).mean() if head == "none" else F.cross_entropy(first, targets["class"])
    mask = inputs["attention_mask"].bool()
    if head == "qa":
        first = torch.stack((output[0], output[1]), -1)   # (B, T, 2)
        scores = first.masked_fill(~mask[..., None], -1e9)
        return first, F.cross_entropy(scores.transpose(1, 2).flatten(0, 1), targets["positions"].flatten())
    if head == "replaced-tokens":
        return first, F.binary_cross_entropy_with_logits(first[mask], targets["replaced"].to(first.dtype)[mask])
    if head == "none":
        return first, ((first - targets["states"]) ** 2)[mask].mean()
    if first.dim() == 3:
        return first, F.cross_entropy(first.flatten(0, 1), targets["classes"].flatten(), ignore_index=-100)
    return first, F.cross_entropy(first, targets["class"])


def targets_of(head, first, inputs, rng):
    if head == "masked-autoencoder":
        return {}
    if "pixel_values" in inputs and head == "image-classify":
        return {"class": torch.from_numpy(rng.integers(0, first.shape[-1], first.shape[0]))}
    if "pixel_values" in inputs:
        return {"states": torch.from_numpy(rng.normal(size=tuple(first.shape)).round(2).astype(numpy.float32))}
    mask = inputs["decoder_attention_mask" if head == "seq2seq" else "attention_mask"]
    lengths = mask.sum(1).numpy()
    if head == "qa":
        return {"positions": torch.tensor([[1, int(n) - 2] for n in lengths])}
    if head == "replaced-tokens":
        return {"replaced": torch.from_numpy(rng.integers(0, 2, tuple(first.shape)))}
    if head == "none":
        return {"states": torch.from_numpy(rng.normal(size=tuple(first.shape)).round(2).astype(numpy.float32))}
    if first.dim() == 3:
        classes = torch.from_numpy(rng.integers(0, first.shape[-1], tuple(first.shape[:2])))
        hidden = torch.from_numpy(rng.random(tuple(first.shape[:2])) < 0.4)
        return {"classes": classes.masked_fill(hidden | (mask == 0), -100)}
    return {"class": torch.from_numpy(rng.integers(0, first.shape[-1], first.shape[0]))}


def save(model):
    """What transformers writes: the names and shapes of the tensors with their first numbers, and the configuration."""
    folder = HERE / "scratch"
    model.save_pretrained(folder)
    from safetensors import safe_open
    with safe_open(folder / "model.safetensors", "pt") as file:
        saved = {name: (list(file.get_slice(name).get_shape()), file.get_tensor(name).flatten()[0].item()) for name in sorted(file.keys())}
    config = json.loads((folder / "config.json").read_text())
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return saved, config


def saved_names(model):
    """Parameters are saved under other names than they have in memory where transformers keeps an older format: each is numbered, and looked for in the file."""
    parameters = list(model.named_parameters())
    values_ = [parameter.detach().clone() for _, parameter in parameters]
    with torch.no_grad():
        for i, (_, parameter) in enumerate(parameters):
            parameter.fill_(i + 1)
        found = {first: name for name, (_, first) in save(model)[0].items()}
        for (_, parameter), value in zip(parameters, values_):
            parameter.copy_(value)
    return {name: found[i + 1] for i, (name, _) in enumerate(parameters) if i + 1 in found}


def write(family, head, shape):
    config_class, arguments, heads = FAMILIES[family]
    rng = numpy.random.default_rng(zlib.crc32(f"{family} {head} {shape}".encode()))
    config = getattr(transformers, config_class)(**arguments(shape))
    if head == "qa":
        config.num_labels = 2
    if family == "UniLm":
        config.is_decoder = head == "causal-lm"
    transformers.utils.logging.disable_progress_bar()
    model = getattr(transformers, heads[head])._from_config(config, attn_implementation="eager") if head != "none" else getattr(transformers, heads[head])(config)
    if family == "T5" and head == "seq2seq" and not config.scale_decoder_outputs:
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())   # which the class ties, although 1.1 does not
    names = saved_names(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in names:
                parameter.copy_(fill(names[name], parameter))
        for name, buffer in model.named_buffers():
            if name == "final_logits_bias":
                buffer.copy_(fill(name, buffer))
    model.train()   # no dropout anywhere
    inputs = inputs_of(family, head, config, rng)
    first = loss_free(model, inputs, head)
    targets = targets_of(head, first, inputs, rng)

    saved, saved_config = save(model)
    saved = {name: shape_ for name, (shape_, _) in saved.items()}

    decayed = [p for p in model.parameters() if p.dim() >= 2]
    rest = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": ADAMW["weight_decay"]}, {"params": rest, "weight_decay": 0.0}],
                                  lr=ADAMW["lr"], betas=ADAMW["betas"], eps=ADAMW["eps"])
    losses, gradients, logits, second = [], {}, None, None
    for step in range(STEPS):
        optimizer.zero_grad()
        output = run(model, inputs)
        values_ = output.to_tuple()
        first, loss = loss_of(head, values_, inputs, targets)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            logits = first.detach()
            second = values_[1].detach() if head == "pre-training" else None
            for name, p in model.named_parameters():
                if p.grad is None:
                    continue
                g = p.grad.double().flatten().numpy()
                gradients[names[name]] = [float(numpy.sqrt((g * g).sum())), float((g * values("first " + names[name], g.size)).sum()), float((g * values("second " + names[name], g.size)).sum())]
        optimizer.step()

    fixture = {
        "family": family, "head": head, "shape": shape, "torch": torch.__version__, "transformers": transformers.__version__,
        "config": saved_config, "tensors": saved, "inputs": {n: t.tolist() for n, t in inputs.items()}, "targets": {n: t.tolist() for n, t in targets.items()},
        "logits_shape": list(logits.shape), "logits": [float(f"{x:.9g}") for x in logits.flatten().tolist()],
        "second_logits": None if second is None else second.flatten().tolist(),
        "losses": losses, "gradients": gradients, "adamw": ADAMW,
    }
    if head == "masked-autoencoder":
        fixture["mask"] = output.mask.flatten().tolist()
    folder = FOLDERS.get(family, family)
    path = HERE.parent / folder / "fixtures" / (f"{head}-{shape}.json" if folder == family else f"{family.lower()}-{head}-{shape}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fixture) + "\n")
    size = path.stat().st_size
    assert size < 100_000, f"{path} has {size} bytes; a fixture stays under 100 KB"
    print(f"{size:7d}  {path.relative_to(HERE.parent)}  loss {losses[0]:.4f} -> {losses[-1]:.4f}")


def loss_free(model, inputs, head):
    with torch.no_grad():
        return run(model, inputs).to_tuple()[1 if head == "masked-autoencoder" else 0]


def main():
    for family in sys.argv[1:] or FAMILIES:
        for head in FAMILIES[family][2]:
            for shape in ("two-layers", "wide-heads"):
                write(family, head, shape)


if __name__ == "__main__":
    main()
