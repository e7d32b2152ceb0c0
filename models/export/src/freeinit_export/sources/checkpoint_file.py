"""Reading tensors from files of strangers: `.safetensors`, or pickled without running any code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from freeinit_export.errors import ExportError, one_line

Tensors = dict[str, torch.Tensor]


def read_tensors(path: Path) -> Tensors:
    """The tensors of a checkpoint by name, mapped from the file where its format allows. The
    wrappers of trainers ("state_dict", DeepSpeed's "module", "module.") are taken off."""
    if not path.is_file():
        raise ExportError(f"'{path}': no such file; expected a checkpoint")
    try:
        states = _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    except pickle.UnpicklingError:
        raise ExportError(
            f"'{path}': holds other objects than tensors and numbers, which could run code; expected"
            " a .safetensors file or a checkpoint of tensors alone"
        )
    except (OSError, RuntimeError, SafetensorError, EOFError, ValueError) as error:
        raise ExportError(f"'{path}': not a readable checkpoint: {one_line(error)}")
    tensors = {name: value for name, value in states.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise ExportError(f"'{path}': holds no tensors; expected a checkpoint")
    return {name.removeprefix("module."): value for name, value in tensors.items()}


def assign_weights(what: str, network: torch.nn.Module, weights: Tensors, expectation: str) -> None:
    """Gives `network`, made without memory, the tensors of `weights`: all of its own and no others.
    `expectation` ends the message."""
    expected = network.state_dict()
    missing, unknown = sorted(expected.keys() - weights), sorted(weights.keys() - expected)
    if missing or unknown:
        kind, names = ("lacks", missing) if missing else ("has the unknown", unknown)
        raise ExportError(f"{what}: {kind} '{names[0]}' ({len(names)} such); expected {expectation}")
    for name, tensor in weights.items():
        if tensor.shape != expected[name].shape:
            raise ExportError(
                f"{what}: '{name}' has the shape {tuple(tensor.shape)}; expected"
                f" {tuple(expected[name].shape)}"
            )
    network.load_state_dict(weights, assign=True)


def read_metadata(path: Path) -> dict[str, str]:
    """The texts in the header of a `.safetensors` file; none of other files."""
    if path.suffix != ".safetensors":
        return {}
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


def _safetensors(path: Path) -> Tensors:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def _pickled(path: Path) -> dict[str, Any]:
    try:
        states = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError:  # the format before torch 1.6 cannot be mapped
        states = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in ("state_dict", "module"):
        if isinstance(states, dict) and isinstance(states.get(wrapper), dict):
            states = states[wrapper]
    if not isinstance(states, dict):
        raise ValueError(f"a {type(states).__name__} instead of named tensors")
    return states
