"""Writes the golden files beside this script with PyTorch and struct: an implementation of the format that shares nothing with ours.

    python3 write_golden.py        (PyTorch 1.13 and NumPy 1.24 wrote the files that are here)
"""

import json
import os
import struct

import torch

NAMES = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.bool: "BOOL"}


def write(name, tensors, metadata=None, **layout):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for key, tensor in tensors.items():
        raw = tensor.detach().contiguous()
        raw = raw.view(torch.int16).numpy().tobytes() if raw.dtype == torch.bfloat16 else raw.numpy().tobytes()
        header[key] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, **layout).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3, bias=False)
        self.norm = torch.nn.BatchNorm2d(3)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.ModuleList([Encoder()])
        self.group = torch.nn.GroupNorm(3, 3)
        self.head = torch.nn.LayerNorm(6)


torch.manual_seed(1)
model = Model()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(torch.randn_like(parameter))
    for _ in range(3):
        model.encoder[0](torch.randn(4, 2, 8, 8) * 2 + 1)
    model.eval()
    x, rows = torch.randn(2, 3, 4, 4), torch.randn(5, 6)
    # What the layers have to compute once they are loaded stands in the file too.
    tests = {
        "test.input": x,
        "test.batch_norm": model.encoder[0].norm(x),
        "test.group_norm": model.group(x),
        "test.rows": rows,
        "test.layer_norm": model.head(rows),
    }
    write("pytorch_model.safetensors", {**model.state_dict(), **tests}, metadata={"format": "pt"}, separators=(",", ":"))

    values = torch.tensor([0.0, -0.0, 1.0, -2.5, 1.0009765625, 65504.0, 2.0**-24, -(2.0**-14), float("inf"), float("nan")])
    write(
        "half_types.safetensors",
        {"f16": values.half(), "bf16": values.bfloat16(), "f16.widened": values.half().float(), "bf16.widened": values.bfloat16().float(), "mask": values > 0},
        indent=2,
    )

    old = torch.nn.BatchNorm1d(4).double()
    old.running_var.copy_(torch.rand(4))
    old.running_mean.copy_(torch.randn(4))
    state = old.state_dict()
    del state["num_batches_tracked"]
    write("without_count.safetensors", dict(reversed(list(state.items()))), sort_keys=True)
