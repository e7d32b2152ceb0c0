"""AnimateDiff's motion modules: a diffusers adapter folder, or a file in the original layout."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import MotionAdapter, UNet2DConditionModel, UNetMotionModel
from diffusers.models.embeddings import SinusoidalPositionalEmbedding

from freeinit_export.errors import ExportError, one_line
from freeinit_export.sources.checkpoint_file import Tensors, assign_weights, read_tensors
from freeinit_export.sources.file_contents import refuse_other_kinds
from freeinit_export.sources.folder_network import load_network

# Original names on the left.
_NAMES = (
    (".temporal_transformer", ""),
    (".attention_blocks.0.pos_encoder", ".pos_embed"),
    (".attention_blocks.0", ".attn1"),
    (".attention_blocks.1", ".attn2"),
    (".norms.0", ".norm1"),
    (".norms.1", ".norm2"),
    (".ff_norm", ".norm3"),
)
_HEADS = 8  # of every published module; no file says it
_LAYOUT = "the layout of AnimateDiff v1, v2 or v3"
# AnimateLCM's files hold no positions: its code computes this many, which are not trained.
_POSITIONS_LCM = 64
# Beginnings of names beside the motion modules of networks that start from an image.
_IMAGE_INPUTS = ("img_encoder.", "fps_embedding.", "motion_embedding.")


def diffusers_name(original: str) -> str:
    """The name that diffusers gives to a tensor (or module) of the original motion modules."""
    for old, new in _NAMES:
        original = original.replace(old, new)
    return original


def lacks_positions(names: Iterable[str]) -> bool:
    """Whether a motion module is AnimateLCM's: no other is published without its positions."""
    ours = [name for name in names if "motion_modules." in name]
    return bool(ours) and not any(".pos_e" in name for name in ours)


def load_motion_module(
    path: Path, dtype: torch.dtype, variant: str | None = None
) -> MotionAdapter:
    """Reads a motion module of version 1, 2 or 3, of AnimateLCM or AnimateDiff-Lightning, under the
    original names or those of diffusers."""
    if path.is_dir():
        return load_network(f"motion module '{path}'", path, MotionAdapter, dtype, variant)
    tensors = read_tensors(path)
    refuse_other_kinds(f"--motion-module '{path}'", tensors, "--motion-module")
    states = {
        diffusers_name(name): tensor.to(dtype)
        for name, tensor in tensors.items()
        # Both attentions of a block have the same positions.
        if "motion_modules." in name and "attention_blocks.1.pos_encoder" not in name
    }
    _check_takes_text_alone(path, tensors)
    if lacks_positions(states):
        states |= _positions(states, dtype)
    config = _config(path, states)
    with torch.device("meta"):
        adapter = MotionAdapter(**config)
    assign_weights(f"motion module '{path}'", adapter, states, _LAYOUT)
    return adapter


def motion_unet(unet: UNet2DConditionModel, adapter: MotionAdapter, path: Path) -> UNetMotionModel:
    """The video UNet of both. It shares their tensors: a copy would double the memory."""
    _check_widths(unet.config, adapter.config, path)
    try:
        with torch.device("meta"):
            model = UNetMotionModel.from_unet2d(unet, adapter, load_weights=False)
    except ValueError as error:
        raise ExportError(f"motion module '{path}': does not fit the base model: {one_line(error)}")
    states = {**unet.state_dict(), **adapter.state_dict()}
    assign_weights(f"motion module '{path}'", model, states, _LAYOUT)
    return model


def _check_takes_text_alone(path: Path, tensors: Tensors) -> None:
    conv_in = tensors.get("conv_in.weight")  # whole networks are published too: 4 channels
    if any(name.startswith(_IMAGE_INPUTS) for name in tensors) or (
        conv_in is not None and conv_in.shape[1:2] != (4,)
    ):
        raise ExportError(
            f"motion module '{path}': starts from an image (AnimateLCM-I2V, PIA, FancyVideo);"
            " expected a text-to-video module"
        )


def _positions(states: Tensors, dtype: torch.dtype) -> Tensors:
    """The positions of every block: sines, whatever the model learnt."""
    return {
        name.replace("norm1.weight", "pos_embed.pe"): SinusoidalPositionalEmbedding(
            tensor.shape[0], _POSITIONS_LCM
        ).pe.to(dtype)
        for name, tensor in states.items()
        if name.endswith(".norm1.weight")
    }


def _config(path: Path, states: Tensors) -> dict[str, Any]:
    """What the shapes of an original module say of it."""
    widths, layers = {}, {}
    for name, tensor in states.items():
        found = re.fullmatch(r"down_blocks\.(\d+)\.motion_modules\.(\d+)\.norm\.weight", name)
        if found:
            block, layer = map(int, found.groups())
            widths[block] = tensor.shape[0]
            layers[block] = max(layers.get(block, 0), layer + 1)
    positions = {tensor.shape[1] for name, tensor in states.items() if name.endswith(".pe")}
    if sorted(widths) != list(range(len(widths))) or not widths or len(positions) != 1:
        raise ExportError(
            f"motion module '{path}': has no motion modules in all blocks; expected those of"
            " AnimateDiff v1, v2 or v3"
        )
    return {
        "block_out_channels": tuple(widths[block] for block in sorted(widths)),
        "motion_layers_per_block": tuple(layers[block] for block in sorted(layers)),
        "motion_num_attention_heads": _HEADS,
        "motion_max_seq_length": positions.pop(),
        "use_motion_mid_block": any(name.startswith("mid_block.") for name in states),
    }


def _check_widths(unet: Any, adapter: Any, path: Path) -> None:
    found, expected = tuple(adapter.block_out_channels), tuple(unet.block_out_channels)
    if found != expected:
        raise ExportError(
            f"motion module '{path}': made for blocks of width {found}; the base model has"
            f" {expected} (Stable Diffusion 1.5: 320, 640, 1280, 1280)"
        )
    if adapter.conv_in_channels:
        raise ExportError(
            f"motion module '{path}': is image-conditioned (PIA); expected AnimateDiff v1, v2 or v3"
        )
