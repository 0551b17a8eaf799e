"""Writes the ONNX models beside this script, and what they have to compute, with onnx, NumPy and PyTorch's exporter.

    python3 write_onnx.py        (onnx 1.12, NumPy 1.24 and PyTorch 1.13 wrote the files that are here)
"""

import json
import os
import struct

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

FOLDER = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(1)


def path(name):
    return os.path.join(FOLDER, name)


def vector(*shape):
    return (random.standard_normal(shape) + 1).astype(np.float32)


def normalize(x, axes, epsilon, centered=True):
    x = x.astype(np.float64)
    mean = x.mean(axes, keepdims=True) if centered else 0
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + np.float64(np.float32(epsilon)))


def channels(value):
    return value.astype(np.float64).reshape(1, -1, 1, 1)


def write_safetensors(name, values):
    header, data = {}, b""
    for key, value in values.items():
        raw = np.ascontiguousarray(value).tobytes()
        header[key] = {"dtype": "F64", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path(name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def save(name, nodes, initializers, opset, value_info=(), inputs=(("x", [None, 4, None, None]),), **external):
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        initializers,
        value_info=[helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in value_info],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)])
    onnx.save_model(model, path(name), **external)


def typed(name, array, data_type):
    """The same constant in the field of its type instead of raw bytes."""
    return helper.make_tensor(name, data_type, array.shape, array.flatten().tolist())


def bfloat16(name, array):
    bits = (array.view(np.uint32) >> 16).astype(np.uint16)
    tensor = TensorProto(data_type=TensorProto.BFLOAT16, name=name, dims=array.shape, raw_data=bits.tobytes())
    return tensor, (bits.astype(np.uint32) << 16).view(np.float32)


x, rows = vector(3, 4, 5, 2) * 3, vector(6, 2, 4)
scale, bias, mean, variance = vector(4), vector(4), vector(4), np.abs(vector(4)) + 0.1
wide, wide_bias = vector(2, 4), vector(2, 4)
half, half_bias = vector(4).astype(np.float16), vector(4).astype(np.float16)
double, double_bias = vector(4).astype(np.float64) + 1e-9, vector(4).astype(np.float64)
brain, brain_values = bfloat16("brain", vector(4))
attributes = {
    "batch": dict(epsilon=1e-3, momentum=0.75),
    "group": dict(epsilon=1e-2, num_groups=2),
    "simplified": dict(epsilon=1e-4, axis=-1),
}
nodes = [
    helper.make_node("Conv", ["x", "scale"], ["z"], "conv"),
    helper.make_node("BatchNormalization", ["x", "scale", "bias", "mean", "variance"], ["a"], "batch", **attributes["batch"]),
    helper.make_node("InstanceNormalization", ["a", "typed", "same_bias"], ["b"], "instance"),
    helper.make_node("Identity", ["bias"], ["same"]),
    helper.make_node("Identity", ["same"], ["same_bias"]),
    helper.make_node("GroupNormalization", ["b", "constant", "bias"], ["c"], "group", **attributes["group"]),
    helper.make_node("Constant", [], ["constant"], value=numpy_helper.from_array(scale)),
    helper.make_node("LayerNormalization", ["rows", "double", "double_bias"], ["d"], "layer"),
    helper.make_node("LayerNormalization", ["rows", "wide"], ["e"], "layer_without_bias", axis=1, epsilon=1e-6),
    helper.make_node("LayerNormalization", ["rows", "wide", "wide_bias"], ["f"], axis=-2),
    helper.make_node("RMSNormalization", ["rows", "half"], ["g"], "rms"),
    helper.make_node("SimplifiedLayerNormalization", ["rows", "brain"], ["h"], "simplified", **attributes["simplified"]),
    helper.make_node("LayerNormalization", ["rows", "half_typed", "half"], ["i"], "half"),
    helper.make_node("LayerNormalization", ["rows", "z"], ["j"], "computed"),
    helper.make_node("LayerNormalization", ["rows", "whole"], ["k"], "whole"),
    helper.make_node("SkipLayerNormalization", ["rows", "rows", "scale"], ["l"], "skip", domain="com.microsoft"),
    helper.make_node("LayerNormalization", ["rows", "scale"], ["m"], "broadcast", axis=-2),
]
half_typed = TensorProto(data_type=TensorProto.FLOAT16, name="half_typed", dims=[4], int32_data=half.view(np.uint16).astype(np.int32).tolist())
initializers = [
    numpy_helper.from_array(scale, "scale"),
    numpy_helper.from_array(bias, "bias"),
    numpy_helper.from_array(mean, "mean"),
    numpy_helper.from_array(variance, "variance"),
    typed("typed", scale, TensorProto.FLOAT),
    typed("double", double, TensorProto.DOUBLE),
    numpy_helper.from_array(double_bias, "double_bias"),
    numpy_helper.from_array(wide, "wide"),
    numpy_helper.from_array(wide_bias, "wide_bias"),
    numpy_helper.from_array(half, "half"),
    half_typed,
    brain,
    numpy_helper.from_array(np.arange(4, dtype=np.int64), "whole"),
    numpy_helper.from_array(vector(1000), "large"),
]
save("norms.onnx", nodes, initializers, 23, [("rows", [6, 2, 4])])
batch_stats = (channels(mean), channels(variance))
expected = {
    "x": x.astype(np.float64),
    "rows": rows.astype(np.float64),
    "batch": (x - batch_stats[0]) / np.sqrt(batch_stats[1] + np.float64(np.float32(1e-3))) * channels(scale) + channels(bias),
    "instance": normalize(x, (2, 3), 1e-5) * channels(scale) + channels(bias),
    "group": normalize(x.reshape(3, 2, 2, 5, 2), (2, 3, 4), 1e-2).reshape(x.shape) * channels(scale) + channels(bias),
    "layer": normalize(rows, 2, 1e-5) * double + double_bias,
    "layer_without_bias": normalize(rows, (1, 2), 1e-6) * wide,
    "f": normalize(rows, (1, 2), 1e-5) * wide + wide_bias,
    "rms": normalize(rows, 2, 1e-5, centered=False) * half.astype(np.float64),
    "simplified": normalize(rows, 2, 1e-4, centered=False) * brain_values,
    "half": normalize(rows, 2, 1e-5) * half.astype(np.float64) + half.astype(np.float64),
}

# GroupNormalization before operator set 21 has one scale for each group; the channels are known from the input alone.
two, two_bias = vector(2), vector(2)
old = [
    helper.make_node("GroupNormalization", ["x", "two", "two_bias"], ["known"], "known", num_groups=2),
    helper.make_node("GroupNormalization", ["u", "two", "two_bias"], ["unknown"], "unknown", num_groups=2),
    helper.make_node("BatchNormalization", ["u", "two", "two_bias", "two", "two"], ["batch"], "batch"),
]
save("group18.onnx", old, [numpy_helper.from_array(two, "two"), numpy_helper.from_array(two_bias, "two_bias")], 18)
expected["known"] = normalize(x.reshape(3, 2, 2, 5, 2), (2, 3, 4), 1e-5).reshape(x.shape) * channels(np.repeat(two, 2)) + channels(np.repeat(two_bias, 2))

# Constants in a file beside the model.
beside = [numpy_helper.from_array(scale, "scale"), numpy_helper.from_array(bias, "bias")]
node = helper.make_node("LayerNormalization", ["rows", "scale", "bias"], ["y"], "layer")
save("external.onnx", [node], beside, 17, save_as_external_data=True, all_tensors_to_one_file=True, location="external.bin", size_threshold=0)
expected["external"] = normalize(rows, 2, 1e-5) * scale + bias


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(4)
        self.instance = torch.nn.InstanceNorm2d(4, affine=True)
        self.head = torch.nn.LayerNorm(2, eps=1e-6)

    def forward(self, x):
        # A ReLU between them: the exporter would fold two norms in a row into one.
        return self.head(self.instance(torch.relu(self.norm(torch.relu(x)))))


torch.manual_seed(1)
model = Model()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(torch.randn_like(parameter) + 1)
    for _ in range(3):
        model(torch.randn(4, 4, 3, 2) * 2 + 1)
    model.eval()
    torch.onnx.export(model, torch.randn(1, 4, 3, 2), path("pytorch.onnx"), opset_version=17, input_names=["x"], dynamic_axes={"x": {0: "n"}})
    expected["torch"] = model(torch.from_numpy(x)).numpy().astype(np.float64)
write_safetensors("onnx_outputs.safetensors", expected)
