#!/usr/bin/env bash
# OpenVINO on a CPU: what an attention answers depends on what it was asked before.
#
# One attention of dynamic length. A fresh network is right at every length. A network whose first
# call had one key is wrong by many times the largest value from 16 keys on, without an error.
"$(dirname "$0")/with_packages.sh" openvino==2026.4.1 numpy==2.4.6 <<'PY'
import numpy as np
import openvino as ov
from openvino import opset13 as op

HEADS, WIDTH, LENGTHS = 8, 8, (8, 15, 16, 17, 32, 64)
random = np.random.default_rng(0)


def heads_apart(x):
    parts = op.reshape(x, np.array([0, -1, HEADS, WIDTH], np.int64), True)
    return op.transpose(parts, np.array([0, 2, 1, 3], np.int64))


def compiled():
    inputs = [op.parameter([-1, -1, HEADS * WIDTH], np.float32, name=name) for name in ("q", "k", "v")]
    attention = op.scaled_dot_product_attention(*map(heads_apart, inputs))
    joined = op.transpose(attention, np.array([0, 2, 1, 3], np.int64))
    output = op.reshape(joined, np.array([0, 0, HEADS * WIDTH], np.int64), True)
    model = ov.Model([output], inputs, "attention")
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def in_numpy(q, k, v):
    q, k, v = (x.reshape(2, -1, HEADS, WIDTH).transpose(0, 2, 1, 3) for x in (q, k, v))
    weights = np.exp(q @ k.transpose(0, 1, 3, 2) / np.sqrt(WIDTH))
    weights /= weights.sum(-1, keepdims=True)
    return (weights @ v).transpose(0, 2, 1, 3).reshape(2, -1, HEADS * WIDTH)


def error(network, queries, keys):
    q, k, v = (random.standard_normal((2, n, HEADS * WIDTH)).astype(np.float32) for n in (queries, keys, keys))
    expected = in_numpy(q, k, v)
    return np.abs(network([q, k, v])[0] - expected).max() / np.abs(expected).max()


print("openvino", ov.__version__)
fresh, spoilt = compiled(), compiled()
first = error(spoilt, queries=16, keys=1)
print(f"one key: error {first:.1e} of the largest value")
wrong = {}
for length in LENGTHS:
    right, wrong[length] = error(fresh, length, length), error(spoilt, length, length)
    print(f"{length:3} keys: error {right:.1e} in a fresh network, {wrong[length]:.1e} after that call")
    assert right < 1e-5
assert first < 1e-5 and all((e > 1) == (n >= 16) for n, e in wrong.items()), "the behaviour changed"
PY
