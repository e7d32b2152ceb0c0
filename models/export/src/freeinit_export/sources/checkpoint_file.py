"""Reading tensors from files of strangers: `.safetensors`, or pickled without running any code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from freeinit_export.errors import ExportError, one_line
from freeinit_export.sources import foreign_pickle
from freeinit_export.sources.file_contents import contents
from freeinit_export.sources.file_kind import SAFETENSORS, ZIP, checkpoint_format, what_it_is

Tensors = dict[str, torch.Tensor]


def read_tensors(path: Path) -> Tensors:
    """The tensors of a checkpoint by name, mapped from the file where its format allows. The
    wrappers of trainers ("state_dict", DeepSpeed's "module", "module.") are taken off."""
    states = read_states(path)
    for wrapper in ("state_dict", "module"):
        if isinstance(states.get(wrapper), dict):
            states = states[wrapper]
    tensors = {
        name: value
        for name, value in states.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }
    if not tensors:
        kind, option = contents(states)
        found = (
            f"is {kind}; expected it with {option}"
            if option
            else "holds no tensors; expected a checkpoint"
        )
        raise ExportError(f"'{path}': {found}")
    return {name.removeprefix("module."): value for name, value in tensors.items()}


def read_states(path: Path) -> dict[Any, Any]:
    """What a checkpoint holds under its first names: tensors, and in a pickled one whatever its
    trainer put beside them. The format is found by content. No code of the file runs."""
    if path.is_dir():
        raise ExportError(f"'{path}': is a folder; expected a checkpoint file")
    if not path.is_file():
        raise ExportError(f"'{path}': no such file; expected a checkpoint")
    kind = check_is_checkpoint(path)
    try:
        states = _safetensors(path) if kind == SAFETENSORS else _pickled(path)
    except Exception as error:  # damaged files raise whatever the readers meet first
        raise ExportError(
            f"'{path}': not a readable checkpoint, damaged or a download that was not finished"
            f" ({_reason(error)})"
        )
    if not isinstance(states, dict):
        raise ExportError(f"'{path}': holds a {type(states).__name__}; expected named tensors")
    return states


def check_is_checkpoint(path: Path) -> str:
    """Refuses what does not begin as a checkpoint does; returns its format."""
    try:
        kind = checkpoint_format(path)
    except OSError as error:
        raise ExportError(f"'{path}': cannot be read: {error.strerror}")
    if kind is None:
        raise ExportError(f"'{path}': {what_it_is(path)}; expected a checkpoint")
    return kind


def is_plain(path: Path) -> bool:
    """Whether a checkpoint holds named tensors alone, in the format that its extension says."""
    kind = checkpoint_format(path)
    if SAFETENSORS in (kind, path.suffix[1:]):
        return kind == path.suffix[1:]
    try:
        states = torch.load(path, map_location="cpu", mmap=kind == ZIP, weights_only=True)
    except Exception:  # a foreign class, or damage that reading it names
        return False
    return isinstance(states, dict) and all(isinstance(v, torch.Tensor) for v in states.values())


def _reason(error: Exception) -> str:
    """The first sentence of a reader's complaint: torch adds advice for programmers."""
    text = one_line(error, 1000)
    text = text.split("WeightsUnpickler error: ")[-1].split(". ")[0]
    return text if len(text) <= 160 else text[:157] + "..."


def assign_weights(what: str, network: torch.nn.Module, weights: Tensors, expectation: str) -> None:
    """Gives `network`, made without memory, the tensors of `weights`: all of its own and no others.
    `expectation` ends the message."""
    expected = network.state_dict()
    missing, unknown = sorted(expected.keys() - weights), sorted(weights.keys() - expected)
    if missing or unknown:
        kind, names = ("lacks", missing) if missing else ("has the unknown", unknown)
        raise ExportError(
            f"{what}: {kind} '{names[0]}' ({len(names)} such); expected {expectation}"
        )
    for name, tensor in weights.items():
        if tensor.shape != expected[name].shape:
            raise ExportError(
                f"{what}: '{name}' has the shape {tuple(tensor.shape)}; expected"
                f" {tuple(expected[name].shape)}"
            )
    network.load_state_dict(weights, assign=True)


def filled(path: Path, what: str, make, states: Tensors, dtype: torch.dtype) -> torch.nn.Module:
    """The network that `make` makes, with the weights `states`: all of them and no others."""
    try:
        with torch.device("meta"):  # no memory for weights that are replaced at once
            model = make()
        model.load_state_dict({k: v.to(dtype) for k, v in states.items()}, assign=True)
    except Exception as error:  # a name missing or left over, a shape, a damaged configuration
        raise ExportError(
            f"'{path}': its {what} is not that of Stable Diffusion 1.5: {one_line(error, 160)};"
            " expected the same layers and widths"
        )
    return model


def read_metadata(path: Path) -> dict[str, str]:
    """The texts in the header of a safetensors file; none of other files."""
    if path.is_dir() or checkpoint_format(path) != SAFETENSORS:
        return {}
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


def _safetensors(path: Path) -> Tensors:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def _pickled(path: Path) -> Any:
    # Only the format since torch 1.6, a ZIP archive, can be mapped, and not under every name: torch
    # hands what is called .safetensors to another reader.
    mapped = checkpoint_format(path) == ZIP and path.suffix != ".safetensors"
    with path.open("rb") as stream:
        options = {"f": path if mapped else stream, "map_location": "cpu", "mmap": mapped}
        try:
            return torch.load(weights_only=True, **options)
        except pickle.UnpicklingError:
            stream.seek(0)
            return torch.load(weights_only=False, pickle_module=foreign_pickle, **options)
