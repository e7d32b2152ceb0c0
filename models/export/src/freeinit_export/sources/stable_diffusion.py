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
    convert_ldm_vae_checkpoint,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from freeinit_export.errors import ExportError, one_line
from freeinit_export.sources.checkpoint_file import Tensors, read_tensors
from freeinit_export.sources.diffusers_pipeline import check_component_files, pipeline_class

# What Stable Diffusion 1.5 is; a single file does not say it.
SD15_UNET: dict[str, Any] = {
    "sample_size": 64,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
SD15_VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}
SD15_TEXT: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}

_KIND = "StableDiffusionPipeline"
_FILES = {
    "unet": ("config.json",),
    "vae": ("config.json",),
    "text_encoder": ("config.json",),
    "tokenizer": ("tokenizer.json", "vocab.json"),
}
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
    base: Path, checkpoint: Path | None, tokenizer: Path | None, dtype: torch.dtype
) -> ImageModel:
    """`base`: a diffusers folder or a single file. `checkpoint` replaces the networks it holds.
    `tokenizer` is needed where no folder has one."""
    if base.is_file():
        if checkpoint is not None:
            raise ExportError(
                f"base '{base}': is a single file, as is --checkpoint '{checkpoint}'; expected one"
                " of the two alone, as --base"
            )
        networks = _from_file(base, dtype, _known_configs())
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
        check_component_files(base, _FILES)
        networks = _from_file(checkpoint, dtype, _saved_configs(base)) if checkpoint else {}
        for part in _CLASSES.keys() - networks:
            networks[part] = _from_folder(base, part, dtype)
    model = ImageModel(**networks, tokenizer=_tokenizer(base, tokenizer))
    _check_is_sd15(base, model.unet.config)
    return model


def _known_configs() -> dict[str, Any]:
    return {"unet": SD15_UNET, "vae": SD15_VAE, "text_encoder": CLIPTextConfig(**SD15_TEXT)}


def _saved_configs(base: Path) -> dict[str, Any]:
    configs = {part: _CLASSES[part].load_config(base / part) for part in ("unet", "vae")}
    return {**configs, "text_encoder": CLIPTextConfig.from_pretrained(base / "text_encoder")}


def _from_folder(base: Path, part: str, dtype: torch.dtype) -> torch.nn.Module:
    # Some folders hold half precision files only.
    whole = any(
        path.suffix in (".safetensors", ".bin") and path.name.count(".") == 1
        for path in (base / part).iterdir()
    )
    try:
        return _CLASSES[part].from_pretrained(
            base / part, dtype=dtype, local_files_only=True, variant=None if whole else "fp16"
        )
    except Exception as error:  # OSError, ValueError, KeyError, ...
        raise ExportError(f"base '{base}': its {part} cannot be loaded: {one_line(error)}")


def _from_file(
    path: Path, dtype: torch.dtype, configs: dict[str, Any]
) -> dict[str, torch.nn.Module]:
    """The networks that a file in the original layout holds."""
    tensors = read_tensors(path)
    for prefix, name in _OTHER_MODELS.items():
        if any(key.startswith(prefix) for key in tensors):
            raise ExportError(
                f"'{path}': is a {name} model ('{prefix}...'); expected Stable Diffusion 1.5"
            )
    unet = UNet2DConditionModel.from_config
    vae = AutoencoderKL.from_config
    found = {}
    if any(key.startswith("model.diffusion_model.") for key in tensors):
        states = convert_ldm_unet_checkpoint(tensors, configs["unet"] | _unet_layers(configs))
        found["unet"] = _filled(path, "unet", lambda: unet(configs["unet"]), states, dtype)
    if any(key.startswith("first_stage_model.") for key in tensors):
        states = convert_ldm_vae_checkpoint(tensors, configs["vae"])
        found["vae"] = _filled(path, "vae", lambda: vae(configs["vae"]), states, dtype)
    if any(key.startswith("cond_stage_model.transformer.") for key in tensors):
        found["text_encoder"] = _text_encoder(path, tensors, configs["text_encoder"], dtype)
    if not found:
        raise ExportError(
            f"'{path}': holds no Stable Diffusion model ('model.diffusion_model...'); expected a"
            " checkpoint in the original layout"
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
    return _filled(path, "text encoder", lambda: model, states, dtype)


def _filled(path: Path, what: str, make, states: Tensors, dtype: torch.dtype) -> torch.nn.Module:
    with torch.device("meta"):  # no memory for weights that are replaced at once
        model = make()
    try:
        model.load_state_dict({k: v.to(dtype) for k, v in states.items()}, assign=True)
    except (RuntimeError, AttributeError) as error:
        raise ExportError(
            f"'{path}': its {what} is not that of Stable Diffusion 1.5: {one_line(error, 160)};"
            " expected the same layers and widths"
        )
    return model


def _tokenizer(base: Path, folder: Path | None) -> CLIPTokenizer:
    if folder is None and base.is_file():
        raise ExportError(
            f"base '{base}': a single file has no tokenizer; expected --tokenizer FOLDER with"
            " vocab.json and merges.txt of openai/clip-vit-large-patch14"
        )
    folder = folder or base / "tokenizer"
    if not any((folder / name).is_file() for name in _FILES["tokenizer"]):
        raise ExportError(
            f"tokenizer '{folder}': has no {' or '.join(_FILES['tokenizer'])}; expected CLIP's"
            " tokenizer"
        )
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


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
