"""Where the reference data lies, and how it is written."""

import json
import pathlib

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "golden" / "numerics"


def write_json(name, content):
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = [f" {json.dumps(key)}: [\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]" if isinstance(value, list)
            else f" {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
    (FOLDER / name).write_text("{\n" + ",\n".join(rows) + "\n}\n")


def write_tensors(name, tensors):
    FOLDER.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, FOLDER / name)
    (FOLDER / name).chmod(0o644)


def fnv1a(tensor):
    """FNV-1a, 64 bits, of a tensor's bytes, as hexadecimal text."""
    value = 0xCBF29CE484222325
    for byte in tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"
