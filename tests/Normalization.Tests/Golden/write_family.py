"""Writes family.safetensors beside this script: what PyTorch computes for local response, weight and spectral normalization.

    python3 write_family.py        (PyTorch 1.13 and NumPy 1.24 wrote the file that is here)
"""

import json
import os
import struct

import torch
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

NAMES = {torch.float32: "F32", torch.float64: "F64"}
tensors = {}


def write(name):
    header, data = {}, b""
    for key, tensor in tensors.items():
        raw = tensor.detach().contiguous().numpy().tobytes()
        header[key] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def copies(module):
    # The module writes into its vectors when it runs again.
    return [(name, tensor.clone()) for name, tensor in module.state_dict().items()]


torch.manual_seed(1)
torch.set_default_dtype(torch.float64)

# Local response: the name is lrn.SIZE.ALPHA.BETA.K.
x, dy = torch.randn(2, 7, 3, 5) * 3, torch.randn(2, 7, 3, 5)
tensors["lrn.x"], tensors["lrn.dy"] = x, dy
for size, alpha, beta, k in [(5, 1e-4, 0.75, 1.0), (3, 0.5, 0.75, 2.0), (4, 0.5, 0.5, 2.0), (2, 2.0, 1.0, 1.0), (20, 0.5, 0.6, 0.1), (1, 1.0, 0.3, 1.0)]:
    leaf = x.clone().requires_grad_()
    y = torch.nn.LocalResponseNorm(size, alpha, beta, k)(leaf)
    y.backward(dy)
    name = f"lrn.{size}.{alpha}.{beta}.{k}"
    tensors[name + ".y"], tensors[name + ".dx"] = y, leaf.grad

# Weight norm: v and g become the weight; the gradients are those of the sum of weight · direction.
for name, module, dim in [("linear", torch.nn.Linear(5, 3), 0), ("conv", torch.nn.Conv2d(4, 6, 3), 0), ("last", torch.nn.Conv1d(2, 3, 4), 2), ("whole", torch.nn.Linear(4, 2), None)]:
    module = weight_norm(module, dim=dim)
    with torch.no_grad():
        module.weight_g.copy_(torch.randn_like(module.weight_g))
    module(torch.randn({"linear": (2, 5), "conv": (1, 4, 3, 3), "last": (1, 2, 4), "whole": (2, 4)}[name]))
    direction = torch.randn_like(module.weight)
    (module.weight * direction).sum().backward()
    key = f"weight_norm.{name}"
    tensors.update({f"{key}.{n}": t for n, t in copies(module)})
    tensors[f"expected.{name}.weight"] = module.weight
    tensors[f"expected.{name}.direction"] = direction
    tensors[f"expected.{name}.g_gradient"], tensors[f"expected.{name}.v_gradient"] = module.weight_g.grad, module.weight_v.grad

# Spectral norm in evaluation mode, after two passes in training, under the keys of both forms.
old = spectral_norm(torch.nn.Conv2d(4, 6, 3))
new = parametrizations.spectral_norm(torch.nn.Linear(5, 3))
transposed = spectral_norm(torch.nn.ConvTranspose1d(3, 4, 2))
for _ in range(2):
    old(torch.randn(1, 4, 3, 3)), new(torch.randn(1, 5)), transposed(torch.randn(1, 3, 2))
for name, module, x in [("old", old, torch.randn(1, 4, 3, 3)), ("new", new, torch.randn(1, 5)), ("transposed", transposed, torch.randn(1, 3, 2))]:
    module.eval()
    module(x)
    tensors.update({f"spectral_norm.{name}.{n}": t for n, t in copies(module)})
    direction = torch.randn_like(module.weight)
    module.zero_grad()
    (module.weight * direction).sum().backward()
    parameter = module.weight_orig if hasattr(module, "weight_orig") else module.parametrizations.weight.original
    tensors[f"expected.{name}.weight"], tensors[f"expected.{name}.direction"] = module.weight.detach().clone(), direction
    tensors[f"expected.{name}.gradient"] = parameter.grad

# One more iteration in training.
old.train()
old(torch.randn(1, 4, 3, 3))
tensors["expected.iterated.weight_u"], tensors["expected.iterated.weight_v"], tensors["expected.iterated.weight"] = old.weight_u, old.weight_v, old.weight

write("family.safetensors")
