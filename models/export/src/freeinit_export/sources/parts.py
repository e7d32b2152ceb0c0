"""A text encoder, a video UNet and a VAE of diffusers, put together as a VideoModel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from freeinit_export.bundle.manifest import provenance
from freeinit_export.errors import ExportError, naming
from freeinit_export.networks.autoencoder import autoencoder_components
from freeinit_export.networks.component import VideoModel, check_finite
from freeinit_export.networks.text_encoder import text_encoder_component
from freeinit_export.networks.unet import unet_component


@dataclass
class Parts:
    """The networks of one model in the dtype of the export, and its tokenizer."""

    unet: Any  # UNetMotionModel or UNet3DConditionModel
    text_encoder: Any  # CLIPTextModel
    vae: Any  # AutoencoderKL
    tokenizer: Any  # CLIPTokenizer
    source: Path  # where they are from, for messages

    def freeze(self) -> None:
        for name in ("unet", "text_encoder", "vae"):
            network = getattr(self, name).eval().requires_grad_(False)
            check_finite(f"'{self.source}': {name}", network)


@dataclass(frozen=True)
class About:
    """What is known of a model besides its networks."""

    family: str
    source: str  # where the export took it from
    scheduler: dict[str, Any]
    recommended: dict[str, Any]  # frames and size are the UNet's unless given here
    notes: list[str]
    details: dict[str, str]  # for the manifest's created_by
    limits: dict[str, float]  # for its section of the UNet


def video_model(parts: Parts, about: About, dtype: torch.dtype, clip_skip: int) -> VideoModel:
    """Prepares everything that is exported. The networks belong to the result from here on."""
    parts.freeze()
    runs = "a configuration with which it runs"
    with naming(f"'{parts.source}': unet", runs):
        unet, unet_section = unet_component(parts.unet, dtype)
    max_length = _text_length(parts)
    with naming(f"'{parts.source}': text_encoder", runs):
        text, text_section = text_encoder_component(parts.text_encoder, clip_skip, max_length)
    with naming(f"'{parts.source}': vae", runs):
        autoencoder, vae_section = autoencoder_components(parts.vae, dtype)
    _check_vocabulary(parts)
    frames = min(16, unet_section["max_frames"] or 16)
    height, width = _latent_size(parts)
    scale = vae_section["spatial_scale"]
    shape = {"num_frames": frames, "height": height * scale, "width": width * scale}
    return VideoModel(
        family=about.family,
        dtype=dtype,
        components={"unet": unet, "text_encoder": text, **autoencoder},
        unet={**unet_section, **about.limits},
        text_encoder=text_section,
        vae=vae_section,
        tokenizer=parts.tokenizer,
        max_text_length=max_length,
        scheduler=about.scheduler,
        recommended={**shape, **about.recommended},
        created_by=provenance(
            about.source,
            {**about.details, "clip_skip": str(clip_skip)},
            (diffusers, transformers),
        ),
        notes=about.notes,
    )


def _latent_size(parts: Parts) -> tuple[int, int]:
    size = parts.unet.config.sample_size
    height, width = size if isinstance(size, (list, tuple)) and len(size) == 2 else (size, size)
    if size is None:
        return 64, 64
    if not all(type(side) is int and side > 0 for side in (height, width)):
        raise ExportError(
            f"'{parts.source}': unet: sample_size is {size!r}; expected the latents' side, or both"
        )
    return height, width


def _text_length(parts: Parts) -> int:
    """The tokenizer's length, which is absurdly large where it was never set."""
    length = parts.tokenizer.model_max_length
    if type(length) not in (int, float) or not length >= 2:
        raise ExportError(
            f"'{parts.source}': tokenizer: model_max_length is {length!r}; expected the tokens of"
            " the longest text, 2 or more"
        )
    return int(min(length, parts.text_encoder.config.max_position_embeddings))


def _check_vocabulary(parts: Parts) -> None:
    known = parts.text_encoder.config.vocab_size
    largest = max(parts.tokenizer.get_vocab().values())
    if largest >= known:
        raise ExportError(
            f"'{parts.source}': the tokenizer makes ids up to {largest}, the text encoder knows"
            f" {known} tokens; expected smaller ids"
        )
