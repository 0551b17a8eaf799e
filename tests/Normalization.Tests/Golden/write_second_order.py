"""Writes second_order.safetensors beside this script: what PyTorch's double backward of the normalizations gives.

    python3 write_second_order.py        (PyTorch 1.13 and NumPy 1.24 wrote the file that is here)
"""

import json
import os
import struct

import torch
from torch.nn import functional as F

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
tensors = {}


def add(name, shape, channels, norm):
    x, dy, v = (torch.randn(shape) * 2 + 1).requires_grad_(), torch.randn(shape).requires_grad_(), torch.randn(shape)
    w, b = (torch.randn(channels) + 1).requires_grad_(), torch.randn(channels).requires_grad_()
    uw, ub = torch.randn(channels), torch.randn(channels)
    dx, dw, db = torch.autograd.grad(norm(x, w, b), (x, w, b), dy, create_graph=True)
    gx, gw, gdy = torch.autograd.grad((dx, dw, db), (x, w, dy), (v, uw, ub))
    values = {"x": x, "dy": dy, "v": v, "w": w, "uw": uw, "ub": ub, "gx": gx, "gw": gw, "gdy": gdy}
    tensors.update({f"{name}.{key}": value for key, value in values.items()})


add("batch", [5, 3, 4], [3], lambda x, w, b: F.batch_norm(x, None, None, w, b, True, 0.1, 1e-5))
mean, var = torch.randn(3), torch.rand(3) + 0.5
tensors.update({"fixed.mean": mean, "fixed.var": var})
add("fixed", [5, 3, 4], [3], lambda x, w, b: F.batch_norm(x, mean, var, w, b, False, 0.1, 1e-5))
add("layer", [4, 7], [7], lambda x, w, b: F.layer_norm(x, [7], w, b, 1e-5))
add("group", [2, 6, 5], [6], lambda x, w, b: F.group_norm(x, 2, w, b, 1e-5))
add("instance", [2, 3, 6], [3], lambda x, w, b: F.instance_norm(x, None, None, w, b, True, 0.1, 1e-5))

header, data = {}, b""
for key, tensor in tensors.items():
    raw = tensor.detach().contiguous().numpy().tobytes()
    header[key] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "second_order.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
