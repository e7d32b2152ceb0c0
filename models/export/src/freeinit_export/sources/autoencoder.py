"""A VAE given by itself: a folder of diffusers', or one file in the original or in diffusers' names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

from freeinit_export.errors import ExportError
from freeinit_export.sources.checkpoint_file import Tensors, filled, read_tensors
from freeinit_export.sources.file_contents import refuse_other_kinds
from freeinit_export.sources.folder_network import load_network, read_json

# The VAE of Stable Diffusion 1.5, which a single file does not describe.
SD15_VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}

PREFIX = "first_stage_model."
_PARTS = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
# diffusers' names before its version 0.13, which published files still have.
_OLD_NAMES = (
    (".query.", ".to_q."),
    (".key.", ".to_k."),
    (".value.", ".to_v."),
    (".proj_attn.", ".to_out.0."),
)


def load_vae(path: Path, config: dict[str, Any], dtype: torch.dtype) -> AutoencoderKL:
    """`config`: what a single file is taken to be; a folder has its own."""
    if path.is_dir():
        inner = path / "vae" if (path / "vae" / "config.json").is_file() else path
        return load_network("--vae", inner, AutoencoderKL, dtype)
    tensors = read_tensors(path)
    refuse_other_kinds(f"--vae '{path}'", tensors, "--vae")
    return vae_of(path, tensors, config, dtype)


def saved_vae_config(folder: Path) -> dict[str, Any]:
    """The configuration of the VAE of a saved pipeline; that of Stable Diffusion 1.5 where the
    folder has none."""
    path = folder / "vae" / "config.json"
    return read_json(path, "the configuration of a VAE") if path.is_file() else SD15_VAE


def vae_of(
    path: Path, tensors: Tensors, config: dict[str, Any], dtype: torch.dtype
) -> AutoencoderKL:
    """The VAE among `tensors`, which may have the names of a whole model ("first_stage_model.")
    and what training leaves behind (losses, averages)."""
    whole = any(name.startswith(PREFIX) for name in tensors)
    states = {
        name.removeprefix(PREFIX): tensor
        for name, tensor in tensors.items()
        if name.startswith(PREFIX) or not whole
    }
    states = {name: tensor for name, tensor in states.items() if name.startswith(_PARTS)}
    if not states:
        raise ExportError(f"'{path}': holds no VAE ('decoder....'); expected one")
    if any(name.startswith(("encoder.down_blocks.", "decoder.up_blocks.")) for name in states):
        states = {_new_name(name): tensor for name, tensor in states.items()}
    else:
        named = {PREFIX + name: tensor for name, tensor in states.items()}
        try:
            states = convert_ldm_vae_checkpoint(named, config)
        except (KeyError, IndexError, AttributeError) as error:
            raise ExportError(
                f"'{path}': its vae is not that of Stable Diffusion 1.5: lacks {error}; expected"
                " the same layers and widths"
            )
    return filled(path, "vae", lambda: AutoencoderKL.from_config(config), states, dtype)


def _new_name(name: str) -> str:
    if ".attentions." in name:
        for old, new in _OLD_NAMES:
            name = name.replace(old, new)
    return name
