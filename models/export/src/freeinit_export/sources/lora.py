"""LoRA, LoHa, LoKr and DoRA added to a network before it is exported (`adapter_weights.py`).

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

from freeinit_export.errors import ExportError, one_line
from freeinit_export.sources.adapter_weights import Parts, merged_weight
from freeinit_export.sources.checkpoint_file import Tensors, read_metadata, read_tensors
from freeinit_export.sources.embedding import embedding_names
from freeinit_export.sources.file_contents import contents
from freeinit_export.sources.folder_network import variants
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
    ".lora_mid.weight": "mid",
    ".dora_scale": "magnitude",
    ".alpha": "alpha",
    ".diff": "diff",
    ".diff_b": "bias",
    **{f".hada_{part}": f"hada_{part}" for part in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **{
        f".lokr_{part}": f"lokr_{part}"
        for part in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")
    },
}
# peft's name for DoRA's magnitude: one value for every output, whatever shape it is stored in.
_MAGNITUDES = (".lora_magnitude_vector.weight", ".lora_magnitude_vector")
# Prefix of a name to the network it belongs to; names without one belong to the UNet.
_PREFIXES = {
    "lora_unet_": "unet",
    "lycoris_": "unet",
    "base_model.model.": "unet",
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


def merge_lora(
    lora: LoraFile,
    networks: dict[str, torch.nn.Module],
    option: str,
    takes_embeddings: bool = False,
) -> int:
    """Adds `lora` to the networks by role ("unet", "text_encoder"); returns how many layers
    changed. Every layer of the file must have its place. `option` names the file in messages."""
    what = f"{option} '{lora.path}'"
    layers = _layers(what, _lora_tensors(what, lora.path, takes_embeddings))
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
        for name, parts in layers.items():
            role, module = found[name]
            _add(f"{what}: '{name}'", parts, module, lora.scale, settings.get(role))
    return len(layers)


def _lora_tensors(what: str, path: Path, takes_embeddings: bool) -> Tensors:
    if path.is_dir():  # a motion LoRA as diffusers' hub has them
        found = [file for files in variants(path).values() for file in files]
        found += sorted(path.glob("pytorch_lora_weights.*"))
        if len(found) != 1:
            raise ExportError(f"{what}: holds {len(found)} weight files; expected one file")
        path = found[0]
    tensors = read_tensors(path)
    words = embedding_names(tensors)
    if words and not takes_embeddings:
        raise ExportError(
            f"{what}: holds the textual inversion '{words[0]}' beside its LoRA; expected"
            f" --embedding {path} as well"
        )
    tensors = {name: value for name, value in tensors.items() if not embedding_names([name])}
    kind, right = contents(tensors)
    if right is not None and right not in ("--lora", "--motion-lora"):
        raise ExportError(f"{what}: is {kind}; expected it with {right}")
    return tensors


def _layers(what: str, tensors: Tensors) -> dict[str, Parts]:
    layers: dict[str, Parts] = {}
    for key, tensor in tensors.items():
        suffix = next((s for s in (*_ROLES, *_MAGNITUDES) if key.endswith(s)), None)
        if suffix is None:
            raise ExportError(
                f"{what}: '{key}' is not part of a LoRA, LoHa, LoKr or DoRA; expected one of them"
            )
        if suffix in _MAGNITUDES:
            tensor = tensor.flatten()
        role = _ROLES.get(suffix, "magnitude")
        layers.setdefault(key.removesuffix(suffix), {})[role] = tensor
    return layers


def _settings(what: str, path: Path) -> dict[str, float]:
    """The alpha of each network, where diffusers wrote one beside the tensors."""
    try:
        config: dict[str, Any] = dict(json.loads(read_metadata(path).get(_METADATA, "{}")))
    except (ValueError, TypeError):
        raise ExportError(f"{what}: '{_METADATA}' of its header is not a JSON object")
    alphas = {}
    for key, value in config.items():
        role, _, setting = key.partition(".")
        if setting == "lora_alpha":
            if not isinstance(value, (int, float)):
                raise ExportError(f"{what}: '{key}' of its header is {value!r}; expected a number")
            alphas[role] = float(value)
        elif setting in ("use_rslora", "alpha_pattern", "rank_pattern") and value:
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
    what: str, parts: Parts, module: torch.nn.Module, scale: float, alpha: float | None
) -> None:
    """Changes the weight of `module`. `alpha` holds where the layer has none of its own."""
    parts = dict(parts)
    bias, own = parts.pop("bias", None), parts.pop("alpha", None)
    if own is not None and own.numel() != 1:
        raise ExportError(f"{what} has an alpha of shape {tuple(own.shape)}; expected one number")
    weight = module.weight
    try:
        if parts:
            fresh = merged_weight(parts, weight, scale, alpha if own is None else float(own))
            weight.copy_(fresh)
        if bias is not None:
            module.bias.add_(scale * bias.to(module.bias.dtype))
    except (ExportError, RuntimeError, AttributeError, TypeError) as error:
        shapes = ", ".join(f"{name} {tuple(part.shape)}" for name, part in parts.items())
        raise ExportError(
            f"{what} does not fit the model's {tuple(weight.shape)} ({one_line(error, 100)};"
            f" {shapes}); expected a LoRA of Stable Diffusion 1.5"
        )
