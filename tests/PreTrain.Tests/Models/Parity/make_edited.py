"""Writes fixtures/edited.json: what transformers computes for folders that it did not write itself, whose config.json says things in an older, a shorter or a contradictory way.

    python3 make_edited.py

Of each case: the configuration as it is in the folder, the names and shapes of the tensors, which both sides fill by their names (see make_fixtures.py), and the logits of one sequence.
"""
import json
import pathlib
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file

from make_fixtures import fill

HERE = pathlib.Path(__file__).resolve().parent
IDS = [[7, 3, 11, 5, 5, 9, 1, 12, 4]]
DECODER = dict(vocab_size=13, hidden_size=12, intermediate_size=17, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=19, pad_token_id=0, bos_token_id=1, eos_token_id=2)
ENCODER = dict(vocab_size=13, hidden_size=12, intermediate_size=17, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=19, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
TWO = {**DECODER, "num_hidden_layers": 2}
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0)
WINDOW = dict(use_sliding_window=True, sliding_window=3)
LLAMA, MISTRAL, QWEN2, QWEN3 = (("LlamaConfig", "LlamaForCausalLM"), ("MistralConfig", "MistralForCausalLM"), ("Qwen2Config", "Qwen2ForCausalLM"), ("Qwen3Config", "Qwen3ForCausalLM"))
T5 = dict(vocab_size=13, d_model=12, d_kv=6, num_heads=2, d_ff=17, num_layers=1, num_decoder_layers=1, relative_attention_num_buckets=8, relative_attention_max_distance=9, dropout_rate=0.0, decoder_start_token_id=0)

# name -> (classes, arguments, what is edited (None: removed), tensors that are added)
CASES = {
    "llama-older-scaling-first": (LLAMA, DECODER, dict(rope_scaling={"type": "linear", "factor": 4.0}), []),
    "llama-base-beside": (LLAMA, DECODER, dict(rope_parameters={"rope_type": "default"}, rope_theta=37.0), []),
    "llama-base-beside-older-scaling": (LLAMA, DECODER, dict(rope_parameters={"rope_type": "default", "rope_theta": 90.0}, rope_scaling={"rope_type": "linear", "factor": 2.0}, rope_theta=37.0), []),
    "llama-empty-older-scaling": (LLAMA, DECODER, dict(rope_parameters={"rope_type": "linear", "factor": 3.0, "rope_theta": 90.0}, rope_scaling={}), []),
    "llama3-without-original": (LLAMA, DECODER, dict(rope_parameters=LLAMA3), []),
    "llama3-original-beside": (LLAMA, DECODER, dict(rope_parameters={**LLAMA3, "original_max_position_embeddings": 64}, original_max_position_embeddings=8), []),
    "llama-tied-with-own-head": (LLAMA, {**DECODER, "tie_word_embeddings": True}, {}, [("lm_head.weight", (13, 12))]),
    "t5-tied-with-own-head": (("T5Config", "T5ForConditionalGeneration"), T5, {}, [("lm_head.weight", (13, 12))]),
    "mistral-attention-bias": (MISTRAL, DECODER, dict(attention_bias=True), []),
    "qwen2-windows-in-all": (QWEN2, TWO, dict(**WINDOW, layer_types=["sliding_attention"] * 2, max_window_layers=2), []),
    "qwen2-windows-in-none": (QWEN2, TWO, dict(**WINDOW, layer_types=["full_attention"] * 2, max_window_layers=0), []),
    "qwen3-windows-after-the-last": (QWEN3, {**TWO, "head_dim": 6}, dict(**WINDOW, layer_types=None, max_window_layers=2), []),
    "qwen3-windows-from-the-first": (QWEN3, {**TWO, "head_dim": 6}, dict(**WINDOW, layer_types=None, max_window_layers=0), []),
    "bert-lm-head-of-an-encoder": (("BertConfig", "BertLMHeadModel"), ENCODER, dict(is_decoder=False), []),
    "bert-masked-as-decoder": (("BertConfig", "BertForMaskedLM"), ENCODER, dict(is_decoder=True), []),
    "modernbert-base-over-both": (("ModernBertConfig", "ModernBertForMaskedLM"), dict(
        vocab_size=13, hidden_size=12, intermediate_size=17, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=19, local_attention=4, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        cls_token_id=1, sep_token_id=2), dict(rope_scaling={"rope_type": "default", "rope_theta": 37.0}), []),
}


def write(name, classes, arguments, edits, added):
    model_class = getattr(transformers, classes[1])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model_class(getattr(transformers, classes[0])(**arguments)).save_pretrained(folder)
        tensors = {tensor: fill(tensor, value) for tensor, value in load_file(folder / "model.safetensors").items()}
        tensors |= {tensor: fill(tensor, torch.empty(shape)) for tensor, shape in added}
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        config = json.loads((folder / "config.json").read_text()) | edits
        config = {key: value for key, value in config.items() if value is not None or key not in edits}
        (folder / "config.json").write_text(json.dumps(config))
        model = model_class.from_pretrained(folder, attn_implementation="eager").eval()
    ids = torch.tensor(IDS)
    with torch.no_grad():
        logits = (model(input_ids=ids, decoder_input_ids=ids.flip(1)) if classes[0] == "T5Config" else model(input_ids=ids)).logits
    print(name, logits[0, 0, :3].tolist())
    return {"name": name, "config": config, "tensors": {tensor: list(value.shape) for tensor, value in sorted(tensors.items())}, "logits": [float(f"{x:.7g}") for x in logits.flatten().tolist()]}


def main():
    transformers.utils.logging.set_verbosity_error()
    cases = [write(name, *case) for name, case in CASES.items()]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    path = HERE / "fixtures" / "edited.json"
    path.write_text(f'{{"torch":"{torch.__version__}","transformers":"{transformers.__version__}","ids":{json.dumps(IDS)},"cases":[\n{lines}\n]}}\n')
    assert path.stat().st_size < 100_000
    print(path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
