"""A text encoder, a video UNet and a VAE of diffusers, put together as a VideoModel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import diffusers
import torch
import transformers

from freeinit_export.bundle.manifest import provenance
from freeinit_export.errors import ExportError
from freeinit_export.networks.autoencoder import autoencoder_components
from freeinit_export.networks.component import VideoModel
from freeinit_export.networks.text_encoder import text_encoder_component
from freeinit_export.networks.unet import unet_component


@dataclass
class Parts:
    """The networks of one model in the dtype of the export, and its tokenizer."""

    unet: Any  # UNetMotionModel or UNet3DConditionModel
    text_encoder: Any  # CLIPTextModel
    vae: Any  # AutoencoderKL
    tokenizer: Any  # CLIPTokenizer

    def freeze(self) -> None:
        for network in (self.unet, self.text_encoder, self.vae):
            network.eval().requires_grad_(False)


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
    unet, unet_section = unet_component(parts.unet, dtype)
    max_length = _text_length(parts)
    text, text_section = text_encoder_component(parts.text_encoder, clip_skip, max_length)
    autoencoder, vae_section = autoencoder_components(parts.vae, dtype)
    _check_vocabulary(parts)
    frames = min(16, unet_section["max_frames"] or 16)
    height, width = _latent_size(parts.unet.config.sample_size)
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


def _latent_size(sample_size: int | list[int] | None) -> tuple[int, int]:
    if sample_size is None:
        return 64, 64
    return (sample_size, sample_size) if isinstance(sample_size, int) else tuple(sample_size)


def _text_length(parts: Parts) -> int:
    """The tokenizer's length, which is absurdly large where it was never set."""
    return min(parts.tokenizer.model_max_length, parts.text_encoder.config.max_position_embeddings)


def _check_vocabulary(parts: Parts) -> None:
    known = parts.text_encoder.config.vocab_size
    largest = max(parts.tokenizer.get_vocab().values())
    if largest >= known:
        raise ExportError(
            f"the tokenizer makes ids up to {largest}, the text encoder knows {known} tokens;"
            " expected smaller ids"
        )
