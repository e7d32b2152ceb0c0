"""The image model under AnimateDiff: Stable Diffusion 1.5 or a personalised version of it.

From a folder written by diffusers, from a single file in the original (LDM) layout, or from a folder
whose networks a single file replaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from freeinit_export.errors import ExportError, one_line
from freeinit_export.sources.checkpoint_file import Tensors, filled, read_tensors
from freeinit_export.sources.autoencoder import SD15_VAE, load_vae, saved_vae_config, vae_of
from freeinit_export.sources.diffusers_pipeline import (
    FILES,
    check_component_files,
    chosen_variant,
    pipeline_class,
)
from freeinit_export.sources.file_contents import is_image_unet, refuse_other_kinds
from freeinit_export.sources.folder_network import load_network, load_tokenizer, read_json

# What Stable Diffusion 1.5 is; a single file does not say it.
SD15_UNET: dict[str, Any] = {
    "sample_size": 64,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
SD15_TEXT: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}

_KIND = "StableDiffusionPipeline"
_CLASSES = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}
# Beginnings of names that only other models have.
_OTHER_MODELS = {
    "conditioner.": "Stable Diffusion XL",
    "cond_stage_model.model.": "Stable Diffusion 2",
    "text_encoders.": "Stable Diffusion 3",
}


@dataclass
class ImageModel:
    """The networks of an image model, in the dtype of the export."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer


def load_image_model(
    base: Path,
    checkpoint: Path | None,
    tokenizer: Path | None,
    dtype: torch.dtype,
    vae: Path | None = None,
    variant: str | None = None,
) -> ImageModel:
    """`base`: a diffusers folder or a single file. `checkpoint` replaces the networks it holds,
    `vae` the autoencoder. `tokenizer` is needed where no folder has one. `variant`: see
    `load_network`."""
    if base.is_file():
        if checkpoint is not None:
            raise ExportError(
                f"base '{base}': is a single file, as is --checkpoint '{checkpoint}'; expected one"
                " of the two alone, as --base"
            )
        configs = _known_configs()
        networks = _from_file(base, dtype, configs, "--base")
        if vae is not None:
            networks["vae"] = load_vae(vae, configs["vae"], dtype)
        missing = sorted(_CLASSES.keys() - networks)
        if missing:
            raise ExportError(
                f"base '{base}': holds no {' and no '.join(missing)}; expected a complete model, or"
                " a folder as --base and this file as --checkpoint"
            )
    else:
        name = pipeline_class(base, _KIND)
        if name != _KIND:
            raise ExportError(
                f"base '{base}': pipeline class '{name}' is not supported; expected {_KIND}"
                " (Stable Diffusion 1.5)"
            )
        check_component_files(base, FILES, without="vae" if vae else None)
        variant = chosen_variant(base, variant)
        networks = {}
        if checkpoint:
            networks = _from_file(checkpoint, dtype, _saved_configs(base), "--checkpoint")
        if vae is not None:
            networks["vae"] = load_vae(vae, saved_vae_config(base), dtype)
        for part in sorted(_CLASSES.keys() - networks):
            kind = _CLASSES[part]
            networks[part] = load_network(f"base: {part}", base / part, kind, dtype, variant)
    model = ImageModel(**networks, tokenizer=_tokenizer(base, tokenizer))
    _check_is_sd15(base, model.unet.config)
    return model


def _known_configs() -> dict[str, Any]:
    return {"unet": SD15_UNET, "vae": SD15_VAE, "text_encoder": CLIPTextConfig(**SD15_TEXT)}


def _saved_configs(base: Path) -> dict[str, Any]:
    unet, text = (
        read_json(base / part / "config.json", f"the configuration of a {part}")
        for part in ("unet", "text_encoder")
    )
    try:
        text = CLIPTextConfig(**text)
    except Exception as error:  # whatever a damaged value makes of it
        raise ExportError(f"'{base}/text_encoder/config.json': not of CLIP: {one_line(error)}")
    return {"unet": unet, "vae": saved_vae_config(base), "text_encoder": text}


def _from_file(
    path: Path, dtype: torch.dtype, configs: dict[str, Any], option: str
) -> dict[str, torch.nn.Module]:
    """The networks that a file in the original layout holds. `option` gave it."""
    tensors = read_tensors(path)
    refuse_other_kinds(f"{option} '{path}'", tensors, option)
    for prefix, name in _OTHER_MODELS.items():
        if any(key.startswith(prefix) for key in tensors):
            raise ExportError(
                f"'{path}': is a {name} model ('{prefix}...'); expected Stable Diffusion 1.5"
            )
    unet = UNet2DConditionModel.from_config
    found = {}
    if any(key.startswith("model.diffusion_model.") for key in tensors):
        states = convert_ldm_unet_checkpoint(tensors, configs["unet"] | _unet_layers(configs))
        found["unet"] = filled(path, "unet", lambda: unet(configs["unet"]), states, dtype)
    elif is_image_unet(tensors):  # diffusers' file or a trainer's
        found["unet"] = filled(path, "unet", lambda: unet(configs["unet"]), tensors, dtype)
    if any(key.startswith("first_stage_model.") for key in tensors):
        found["vae"] = vae_of(path, tensors, configs["vae"], dtype)
    if any(key.startswith("cond_stage_model.transformer.") for key in tensors):
        found["text_encoder"] = _text_encoder(path, tensors, configs["text_encoder"], dtype)
    if not found:
        raise ExportError(
            f"'{path}': holds no Stable Diffusion model ('model.diffusion_model...'); expected a"
            " checkpoint in the original layout, or a UNet in diffusers'"
        )
    return found


def _unet_layers(configs: dict[str, Any]) -> dict[str, int]:
    return {"layers_per_block": configs["unet"].get("layers_per_block", 2)}


def _text_encoder(
    path: Path, tensors: Tensors, config: CLIPTextConfig, dtype: torch.dtype
) -> CLIPTextModel:
    model = CLIPTextModel(config)  # with memory: its buffers are not in files
    states = convert_ldm_clip_checkpoint(tensors)
    if not any(name.startswith("text_model.") for name in model.state_dict()):
        states = {name.removeprefix("text_model."): value for name, value in states.items()}
    states = {name: value for name, value in states.items() if not name.endswith("position_ids")}
    return filled(path, "text encoder", lambda: model, states, dtype)


def _tokenizer(base: Path, folder: Path | None) -> CLIPTokenizer:
    if folder is None and base.is_file():
        raise ExportError(
            f"base '{base}': a single file has no tokenizer; expected --tokenizer FOLDER with"
            " vocab.json and merges.txt of openai/clip-vit-large-patch14"
        )
    return load_tokenizer(folder or base / "tokenizer")


def _check_is_sd15(base: Path, config: Any) -> None:
    """Models of other versions would take the motion modules, and give noise."""
    reasons = {
        f"{config.in_channels} input channels": config.in_channels != 4,
        "linear projections, as Stable Diffusion 2 has": config.use_linear_projection,
        "other heads in every block, as Stable Diffusion 2 and XL have": not isinstance(
            config.attention_head_dim, int
        ),
        f"'{config.addition_embed_type}' embeddings": config.addition_embed_type is not None,
    }
    for reason, is_so in reasons.items():
        if is_so:
            raise ExportError(
                f"base '{base}': its unet has {reason}; expected Stable Diffusion 1.5"
            )
