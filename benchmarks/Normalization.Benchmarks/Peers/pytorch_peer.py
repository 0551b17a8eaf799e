#!/usr/bin/env python3
"""Times PyTorch's CPU normalization operators on request: the protocol is in README.md.

Usage: pytorch_peer.py --threads N      (Debian: python3-torch, run with the system's python3)

Every operator runs under no_grad, with saved tensors for the backward pass, so no autograd is in the time.
PyTorch allocates its outputs in every call. With glibc's defaults a large output is a fresh mapping each time,
and its page faults cost more than the kernel. To time the kernel, start this process with

    MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=1073741824

Layouts: plain (contiguous), channels-last (batch, group and instance norm on 4 or 5 dimensions).
ATEN_CPU_CAPABILITY (avx2, avx512) says for which instructions the kernels are taken.
"""
import argparse
import gc
import json
import math
import statistics
import sys
import time

import torch

EPSILON = 1e-5
MOMENTUM = 0.1
CACHE_BYTES = 2 << 30
ATEN = torch.ops.aten
ALL_GRADIENTS = [True, True, True]


class Unsupported(Exception):
    pass


def normal(dims, seed, memory_format=torch.contiguous_format):
    # The same numbers again and again: to draw all of a large tensor takes longer than to time it. The period is a prime.
    period, size = 65537, math.prod(dims)
    values = torch.randn(min(period, size), generator=torch.Generator().manual_seed(seed))
    return values.repeat(-(-size // period))[:size].view(dims).contiguous(memory_format=memory_format)


def batchnorm(direction, x, dy, groups):
    c = x.shape[1]
    w, b, mean, var = torch.rand(c) + 0.5, torch.rand(c), torch.zeros(c), torch.ones(c)
    if direction != "backward":
        training = direction == "forward"
        return lambda: torch.native_batch_norm(x, w, b, mean, var, training, MOMENTUM, EPSILON)
    _, m, r = torch.native_batch_norm(x, w, b, mean, var, True, MOMENTUM, EPSILON)
    backward = ATEN.native_batch_norm_backward.default
    return lambda: backward(dy, x, w, mean, var, m, r, True, EPSILON, ALL_GRADIENTS)


def layernorm(direction, x, dy, groups):
    normalized = list(x.shape[1:])
    w, b = torch.rand(normalized) + 0.5, torch.rand(normalized)
    if direction == "forward":
        return lambda: torch.native_layer_norm(x, normalized, w, b, EPSILON)
    _, m, r = torch.native_layer_norm(x, normalized, w, b, EPSILON)
    backward = ATEN.native_layer_norm_backward.default
    return lambda: backward(dy, x, normalized, m, r, w, b, ALL_GRADIENTS)


def rmsnorm(direction, x, dy, groups):
    # 1.13 has no fused operator: the fastest composition found, in place wherever that saves a tensor.
    x, dy = x.flatten(1), dy.flatten(1)
    width = x.shape[1]
    w = torch.rand(width) + 0.5

    def reciprocal():
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return norm.square_().div_(width).add_(EPSILON).rsqrt_()

    if direction == "forward":
        return lambda: (x * reciprocal()).mul_(w)
    r = reciprocal()

    def backward():
        normalized = x * r
        product = dy * normalized
        dw = product.sum(0)
        mean = product.mul_(w).mean(-1, keepdim=True)
        dx = (dy * w).addcmul_(normalized, mean, value=-1).mul_(r)
        return dx, dw
    return backward


def groupnorm(direction, x, dy, groups):
    n, c = x.shape[:2]
    s = x.numel() // (n * c)
    w, b = torch.rand(c) + 0.5, torch.rand(c)
    if direction == "forward":
        return lambda: torch.native_group_norm(x, w, b, n, c, s, groups, EPSILON)
    _, m, r = torch.native_group_norm(x, w, b, n, c, s, groups, EPSILON)
    backward = ATEN.native_group_norm_backward.default
    return lambda: backward(dy, x, m, r, w, n, c, s, groups, ALL_GRADIENTS)


def instancenorm(direction, x, dy, groups):
    n, c = x.shape[:2]
    w, b = torch.rand(c) + 0.5, torch.rand(c)
    if direction == "forward":
        return lambda: torch.instance_norm(x, w, b, None, None, True, MOMENTUM, EPSILON, False)
    # PyTorch's instance norm is batch norm over [1, N·C, ...]; its backward is that one and two small sums.
    if not x.is_contiguous():
        raise Unsupported("backward of instance norm is a view of the plain layout")
    flat = [1, n * c, *x.shape[2:]]
    x1, dy1, w1, b1 = x.view(flat), dy.view(flat), w.repeat(n), b.repeat(n)
    _, m, r = torch.native_batch_norm(x1, w1, b1, None, None, True, MOMENTUM, EPSILON)
    batch_backward = ATEN.native_batch_norm_backward.default

    def backward():
        dx, dw, db = batch_backward(dy1, x1, w1, None, None, m, r, True, EPSILON, ALL_GRADIENTS)
        return dx, dw.view(n, c).sum(0), db.view(n, c).sum(0)
    return backward


def localresponse(direction, x, dy, groups):
    norm = torch.nn.functional.local_response_norm
    if direction == "forward":
        return lambda: norm(x, 5, 1e-4, 0.75, 1.0)
    # It is composed of operators, and only autograd goes back through them.
    with torch.enable_grad():
        x.requires_grad_()
        y = norm(x, 5, 1e-4, 0.75, 1.0)

    def backward():
        with torch.enable_grad():
            return torch.autograd.grad(y, x, dy, retain_graph=True)
    return backward


# What 1.13 has no fused operator for, from operators; in place wherever that saves a tensor.
def batchnorm_relu(direction, x, dy, groups):
    c = x.shape[1]
    w, b, mean, var = torch.rand(c) + 0.5, torch.rand(c), torch.zeros(c), torch.ones(c)

    def forward():
        y, m, r = torch.native_batch_norm(x, w, b, mean, var, True, MOMENTUM, EPSILON)
        return y.relu_(), m, r

    if direction == "forward":
        return forward
    y, m, r = forward()
    relu_backward, norm_backward = ATEN.threshold_backward.default, ATEN.native_batch_norm_backward.default
    return lambda: norm_backward(relu_backward(dy, y, 0), x, w, mean, var, m, r, True, EPSILON, ALL_GRADIENTS)


def batchnorm_add_relu(direction, x, skip, groups):
    c = x.shape[1]
    w, b, mean, var = torch.rand(c) + 0.5, torch.rand(c), torch.zeros(c), torch.ones(c)
    return lambda: torch.native_batch_norm(x, w, b, mean, var, True, MOMENTUM, EPSILON)[0].add_(skip).relu_()


def add_layernorm(direction, x, residual, groups):
    normalized = list(x.shape[1:])
    w, b = torch.rand(normalized) + 0.5, torch.rand(normalized)

    def forward():
        total = x + residual
        return total, torch.native_layer_norm(total, normalized, w, b, EPSILON)
    return forward


def add_rmsnorm(direction, x, residual, groups):
    x, residual = x.flatten(1), residual.flatten(1)
    width = x.shape[1]
    w = torch.rand(width) + 0.5

    def forward():
        total = x + residual
        norm = torch.linalg.vector_norm(total, dim=-1, keepdim=True)
        return total, (total * norm.square_().div_(width).add_(EPSILON).rsqrt_()).mul_(w)
    return forward


def layernorm_modulate(direction, x, dy, groups):
    width = [x.shape[-1]]
    scale, shift = normal([x.shape[0], 1, x.shape[-1]], 3), normal([x.shape[0], 1, x.shape[-1]], 4)

    def forward():
        y = torch.native_layer_norm(x, width, None, None, EPSILON)[0]
        return torch.addcmul(shift, y, 1 + scale, out=y)
    return forward


FAMILIES = {"batchnorm": batchnorm, "layernorm": layernorm, "rmsnorm": rmsnorm, "groupnorm": groupnorm,
            "instancenorm": instancenorm, "localresponse": localresponse, "batchnorm-relu": batchnorm_relu, "batchnorm-add-relu": batchnorm_add_relu,
            "add-layernorm": add_layernorm, "add-rmsnorm": add_rmsnorm, "layernorm-modulate": layernorm_modulate}
DIRECTIONS = {"batchnorm": ["forward", "backward", "eval"], "batchnorm-add-relu": ["forward"], "add-layernorm": ["forward"],
              "add-rmsnorm": ["forward"], "layernorm-modulate": ["forward"]}
IMAGES = ["batchnorm", "groupnorm", "instancenorm", "batchnorm-relu", "batchnorm-add-relu"]


def prepare(op, dims, groups, layout):
    family, _, direction = op.rpartition("-")
    if family not in FAMILIES or direction not in DIRECTIONS.get(family, ["forward", "backward"]):
        raise Unsupported(f"no operation {op}")
    memory_format = torch.contiguous_format
    if layout == "channels-last":
        if family not in IMAGES or len(dims) not in (4, 5):
            raise Unsupported("channels-last is for batch, group and instance norm on 4 or 5 dimensions")
        memory_format = torch.channels_last if len(dims) == 4 else torch.channels_last_3d
    elif layout != "plain":
        raise Unsupported(f"PyTorch has no {layout} layout for its users")
    x, dy = normal(dims, 1, memory_format), normal(dims, 2, memory_format)
    return FAMILIES[family](direction, x, dy, groups)


def measure(call, milliseconds):
    clock = time.perf_counter_ns
    start, warm = clock(), 0
    while warm < 1 or clock() - start < 5_000_000:
        call()
        warm += 1
    inner = 1 + int(20_000 * warm / (clock() - start))
    samples, end = [], clock() + int(milliseconds * 1e6)
    while len(samples) < 3 or clock() < end:
        repeats = range(inner)
        begin = clock()
        for _ in repeats:
            call()
        samples.append((clock() - begin) / inner)
    return {"median_us": round(statistics.median(samples) / 1e3, 4), "min_us": round(min(samples) / 1e3, 4),
            "calls": len(samples) * inner}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--instructions")  # The environment has told PyTorch already.
    torch.set_num_threads(parser.parse_args().threads)
    gc.disable()
    cases, held = {}, 0
    print(json.dumps({"ready": True, "library": "PyTorch", "version": torch.__version__}), flush=True)
    for line in iter(sys.stdin.readline, ""):
        if not line.strip():
            continue
        request = json.loads(line)
        op = request["op"]
        if op == "forget":
            cases, held = {}, 0
            print(json.dumps({"op": op}), flush=True)
            continue
        shape, groups, layout = request["shape"], request.get("groups", 0), request.get("layout", "plain")
        answer = {"op": op, "shape": shape, "layout": layout}
        key = (op, shape, groups, layout)
        try:
            with torch.no_grad():
                if key not in cases:
                    dims = [int(d) for d in shape.split("x")]
                    size = 16 * math.prod(dims)
                    if held + size > CACHE_BYTES:
                        cases, held = {}, 0
                    cases[key] = prepare(op, dims, groups, layout)
                    held += size
                answer.update(measure(cases[key], request.get("milliseconds", 150)))
        except Unsupported as reason:
            answer["unsupported"] = str(reason)
        except RuntimeError as error:
            answer["unsupported"] = str(error).splitlines()[0]
        # The OpenMP threads spin for some milliseconds: let them sleep before another peer is timed.
        time.sleep(0.04)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
