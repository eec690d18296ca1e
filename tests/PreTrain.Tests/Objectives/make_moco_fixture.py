"""Writes what momentum contrast comes to in PyTorch, in 64 bits, for MomentumContrastTests: fixtures/momentum-contrast.json.

    python3 make_moco_fixture.py

Algorithm 1 of Chen, Xie and He 2021 over transformers' ViT, with AdamW. Weights and views come from a formula of their names, as in ../Models/Parity/make_fixtures.py. The file
holds the losses of all steps, of the first step's gradients the norm and a random projection, and the same of the momentum encoder's weights in the end.
"""
import copy
import json
import math
import pathlib

import numpy
import torch
import transformers
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
BATCH, STEPS, HIDDEN, OUTPUT, MOMENTUM, TEMPERATURE = 7, 5, 29, 11, 0.9, 0.3
VIT = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=37, image_size=15, patch_size=5, num_channels=3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
ADAMW = {"lr": 1e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1}


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
    return torch.from_numpy(x.astype(numpy.float32).astype(numpy.float64)).view(shape)


class Mlp(nn.Module):
    """Linear, batch norm, ReLU; the last norm without a gain and a ReLU."""

    def __init__(self, *widths):
        super().__init__()
        count = len(widths) - 1
        self.maps = nn.ModuleList(nn.Linear(widths[i], widths[i + 1], bias=False) for i in range(count))
        self.norms = nn.ModuleList(nn.BatchNorm1d(widths[i + 1], affine=i + 1 < count) for i in range(count))

    def forward(self, x):
        for i, (linear, norm) in enumerate(zip(self.maps, self.norms)):
            x = norm(linear(x))
            if i + 1 < len(self.maps):
                x = F.relu(x)
        return x


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = transformers.ViTModel(transformers.ViTConfig(**VIT), add_pooling_layer=False)
        self.projection = Mlp(VIT["hidden_size"], HIDDEN, HIDDEN, OUTPUT)

    def forward(self, x):
        return self.projection(self.encoder(pixel_values=x).last_hidden_state[:, 0])


# As the file of a model names them, which is not as the module does.
SAVED = {"layers.": "encoder.layer.", "attention.q_proj": "attention.attention.query", "attention.k_proj": "attention.attention.key", "attention.v_proj": "attention.attention.value",
         "attention.o_proj": "attention.output.dense", "mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense"}


def known(name):
    if not name.startswith("encoder."):
        return name
    name = name.removeprefix("encoder.")
    for module, saved in SAVED.items():
        name = name.replace(module, saved)
    return name


def contrast(queries, keys):
    scores = F.normalize(queries, dim=1) @ F.normalize(keys, dim=1).T / TEMPERATURE
    return 2 * TEMPERATURE * F.cross_entropy(scores, torch.arange(len(queries)))


def summary(name, tensor):
    x = tensor.flatten().numpy()
    return [float(numpy.sqrt((x * x).sum())), float((x * values("first " + name, x.size)).sum())]


torch.set_default_dtype(torch.float64)
branch, prediction = Branch().train(), Mlp(OUTPUT, HIDDEN, OUTPUT).train()
with torch.no_grad():
    for name, p in branch.named_parameters():
        p.copy_(weight(known(name), p.shape))
    for name, p in prediction.named_parameters():
        p.copy_(weight("prediction." + name, p.shape))
for name, p in branch.named_parameters():
    if "position_embeddings" in name or "patch_embeddings" in name:
        p.requires_grad = False
momentum = copy.deepcopy(branch).requires_grad_(False)

trained = {known(name): p for name, p in branch.named_parameters() if p.requires_grad} | {"prediction." + name: p for name, p in prediction.named_parameters()}
optimizer = torch.optim.AdamW([{"params": [p for p in trained.values() if p.dim() >= 2]}, {"params": [p for p in trained.values() if p.dim() < 2], "weight_decay": 0.0}], **ADAMW)
losses, gradients = [], {}
for step in range(1, STEPS + 1):
    shape = (BATCH, VIT["num_channels"], VIT["image_size"], VIT["image_size"])
    first, second = (torch.from_numpy(values(f"view {step} {view}", math.prod(shape))).view(shape) for view in (1, 2))
    optimizer.zero_grad()
    with torch.no_grad():
        first_keys, second_keys = momentum(first), momentum(second)
    loss = contrast(prediction(branch(first)), second_keys) + contrast(prediction(branch(second)), first_keys)
    loss.backward()
    losses.append(loss.item())
    if step == 1:
        gradients = {name: summary(name, p.grad) for name, p in trained.items()}
    optimizer.step()
    m = 1 - (1 - MOMENTUM) * (1 + math.cos(math.pi * step / STEPS)) / 2
    with torch.no_grad():
        for follower, leader in zip(momentum.parameters(), branch.parameters()):
            follower.copy_(m * follower + (1 - m) * leader)

fixture = {
    "torch": torch.__version__, "transformers": transformers.__version__, "losses": losses, "gradients": gradients,
    "momentum": {known(name): summary(known(name), p) for name, p in momentum.named_parameters()},
}
path = HERE / "fixtures" / "momentum-contrast.json"
path.write_text(json.dumps(fixture) + "\n")
print(path.stat().st_size, losses)
