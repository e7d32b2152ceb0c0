"""LoRA weights added to a network before it is exported: W + scale * alpha / rank * up @ down.

Three ways of naming are read: kohya's (`lora_unet_down_blocks_0_..._to_q.lora_down.weight` and
`.alpha`), diffusers' (`unet.down_blocks.0....to_q.lora_A.weight` and its older forms) and that of
AnimateDiff's motion LoRAs and version 3 adapter (`....processor.to_q_lora.down.weight`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from freeinit_export.errors import ExportError
from freeinit_export.sources.checkpoint_file import Tensors, read_metadata, read_tensors
from freeinit_export.sources.motion_module import diffusers_name

_ROLES = {
    ".lora_down.weight": "down",
    ".lora_up.weight": "up",
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    "_lora.down.weight": "down",
    "_lora.up.weight": "up",
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
    ".alpha": "alpha",
}
# Prefix of a name to the network it belongs to; names without one belong to the UNet.
_PREFIXES = {
    "lora_unet_": "unet",
    "lora_te1_": "text_encoder",
    "lora_te_": "text_encoder",
    "unet.": "unet",
    "text_encoder.": "text_encoder",
}
_METADATA = "lora_adapter_metadata"  # where diffusers writes what the tensors do not say


@dataclass(frozen=True)
class LoraFile:
    """What a user asked for: FILE:SCALE."""

    path: Path
    scale: float = 1.0

    @staticmethod
    def parse(text: str) -> LoraFile:
        """`FILE` or `FILE:SCALE`."""
        name, colon, scale = text.rpartition(":")
        try:
            return LoraFile(Path(name), float(scale)) if colon else LoraFile(Path(text))
        except ValueError:  # the colon belongs to the name
            return LoraFile(Path(text))


@dataclass
class _Layer:
    down: torch.Tensor | None = None
    up: torch.Tensor | None = None
    alpha: float | None = None


def merge_lora(lora: LoraFile, networks: dict[str, torch.nn.Module], option: str) -> int:
    """Adds `lora` to the networks by role ("unet", "text_encoder"); returns how many layers
    changed. Every layer of the file must have its place. `option` names the file in messages."""
    what = f"{option} '{lora.path}'"
    layers = _layers(what, read_tensors(lora.path))
    settings = _settings(what, lora.path)
    places = {role: _places(network) for role, network in networks.items()}
    found = {name: _place(places, name) for name in layers}
    unknown = [name for name, place in found.items() if place is None]
    if unknown:
        raise ExportError(
            f"{what}: {len(unknown)} of its {len(layers)} layers are not in the model, the first is"
            f" '{unknown[0]}'; expected {_hint(unknown[0], option)}"
        )
    with torch.no_grad():
        for name, layer in layers.items():
            role, module = found[name]
            alpha = layer.alpha if layer.alpha is not None else settings.get(role)
            _add(what, name, layer, module.weight, lora.scale, alpha)
    return len(layers)


def _layers(what: str, tensors: Tensors) -> dict[str, _Layer]:
    layers: dict[str, _Layer] = {}
    for key, tensor in tensors.items():
        suffix = next((suffix for suffix in _ROLES if key.endswith(suffix)), None)
        if suffix is None:
            raise ExportError(
                f"{what}: '{key}' is not part of a plain LoRA; expected pairs of down and up"
                " weights (LoHa, LoKr, DoRA and full differences are not supported)"
            )
        layer, role = layers.setdefault(key.removesuffix(suffix), _Layer()), _ROLES[suffix]
        setattr(layer, role, float(tensor) if role == "alpha" else tensor)
    for name, layer in layers.items():
        if layer.down is None or layer.up is None:
            raise ExportError(
                f"{what}: '{name}' has {'no down' if layer.down is None else 'no up'} weight;"
                " expected both"
            )
    return layers


def _settings(what: str, path: Path) -> dict[str, float]:
    """The alpha of each network, where diffusers wrote one beside the tensors."""
    config: dict[str, Any] = json.loads(read_metadata(path).get(_METADATA, "{}"))
    alphas = {}
    for key, value in config.items():
        role, _, setting = key.partition(".")
        if setting == "lora_alpha":
            alphas[role] = float(value)
        elif setting in ("use_dora", "use_rslora", "alpha_pattern", "rank_pattern") and value:
            raise ExportError(f"{what}: uses '{setting}', which is not supported; expected a LoRA")
    return alphas


def _flat(name: str) -> str:
    return name.replace(".", "_").removeprefix("text_model_")


def _places(network: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """Modules with a weight by flattened name: kohya's names have no other separator."""
    return {
        _flat(name): module for name, module in network.named_modules() if hasattr(module, "weight")
    }


def _place(places: dict[str, dict], name: str) -> tuple[str, torch.nn.Module] | None:
    role = "unet"
    for prefix, of in _PREFIXES.items():
        if name.startswith(prefix):
            name, role = name.removeprefix(prefix), of
            break
    name = _flat(diffusers_name(name.replace(".processor", "")))
    known = places.get(role, {})
    module = known.get(name) or known.get(f"{name}_0")  # to_out is a list of which the first counts
    return None if module is None else (role, module)


def _hint(name: str, option: str) -> str:
    is_motion = "motion_modules" in name
    if is_motion and option == "--lora":
        return "a LoRA of Stable Diffusion 1.5 (this is a motion LoRA: give it with --motion-lora)"
    if not is_motion and option == "--motion-lora":
        return "a motion LoRA (give one of the base model with --lora)"
    if is_motion:
        return "a motion LoRA of the same version as the motion module"
    return "a LoRA of Stable Diffusion 1.5"


def _add(
    what: str,
    name: str,
    layer: _Layer,
    weight: torch.Tensor,
    scale: float,
    alpha: float | None,
) -> None:
    rank = layer.down.shape[0]
    up, down = layer.up.float().flatten(1), layer.down.float().flatten(1)
    fits = up.shape[1] == rank and up.shape[0] == weight.shape[0]
    if not fits or down.shape[1] * up.shape[0] != weight.numel():
        raise ExportError(
            f"{what}: '{name}' is for weights of shape ({up.shape[0]}, {down.shape[1]}); the model"
            f" has {tuple(weight.shape)}; expected a LoRA of Stable Diffusion 1.5"
        )
    factor = scale * (1.0 if alpha is None else alpha / rank)
    weight += (factor * (up @ down)).view(weight.shape).to(weight.dtype)
