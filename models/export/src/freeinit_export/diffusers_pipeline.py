"""Source `diffusers`: the folder that `AnimateDiffPipeline.save_pretrained` writes."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AnimateDiffPipeline, AutoencoderKL, UNetMotionModel
from transformers import CLIPTextModel

from freeinit_export import __version__
from freeinit_export.autoencoder import autoencoder_components
from freeinit_export.component import VideoModel
from freeinit_export.errors import ExportError, one_line
from freeinit_export.scheduler import ddim_settings
from freeinit_export.text_encoder import text_encoder_component
from freeinit_export.unet import unet_component

SUPPORTED = "AnimateDiffPipeline"

# Component folders and the files of which one must be there. Checked here, because transformers
# makes up an empty tokenizer where it finds no file.
_FILES = {
    "unet": ("config.json",),
    "vae": ("config.json",),
    "text_encoder": ("config.json",),
    "tokenizer": ("tokenizer.json", "vocab.json"),
    "scheduler": ("scheduler_config.json",),
}


def load_model(folder: Path, dtype: torch.dtype, clip_skip: int = 0) -> VideoModel:
    """Reads `folder` and prepares everything that is exported."""
    pipeline = _load_pipeline(folder, dtype)
    unet, unet_section = unet_component(pipeline.unet, dtype)
    max_length = _text_length(pipeline)
    text, text_section = text_encoder_component(pipeline.text_encoder, clip_skip, max_length)
    autoencoder, vae_section = autoencoder_components(pipeline.vae, dtype)
    _check_agreement(unet_section, text_section, vae_section)
    _check_vocabulary(pipeline)
    scheduler, notes = ddim_settings(pipeline.scheduler)
    return VideoModel(
        family="animatediff",
        dtype=dtype,
        components={"unet": unet, "text_encoder": text, **autoencoder},
        unet=unet_section,
        text_encoder=text_section,
        vae=vae_section,
        tokenizer=pipeline.tokenizer,
        max_text_length=max_length,
        scheduler=scheduler,
        recommended=_recommended(pipeline.unet.config.sample_size, unet_section, vae_section),
        created_by={
            "exporter": f"freeinit-export {__version__}",
            "source": f"diffusers {SUPPORTED}",
            "source_text_layout": "one text per frame; exported as one per video",
            "clip_skip": str(clip_skip),
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
        notes=notes,
    )


def _load_pipeline(folder: Path, dtype: torch.dtype) -> AnimateDiffPipeline:
    _check_index(folder)
    try:
        pipeline = AnimateDiffPipeline.from_pretrained(
            folder, dtype=dtype, local_files_only=True, low_cpu_mem_usage=False
        )
    except Exception as error:  # OSError, ValueError, KeyError, TypeError, ...
        raise ExportError(f"'{folder}': the pipeline cannot be loaded: {one_line(error)}")
    expected = {"unet": UNetMotionModel, "text_encoder": CLIPTextModel, "vae": AutoencoderKL}
    for name, kind in expected.items():
        found = getattr(pipeline, name)
        if not isinstance(found, kind):
            raise ExportError(
                f"'{folder}': component '{name}' is a {type(found).__name__}; expected"
                f" {kind.__name__}"
            )
        found.eval().requires_grad_(False)
    return pipeline


def _check_index(folder: Path) -> None:
    index = folder / "model_index.json"
    if not folder.is_dir():
        raise ExportError(f"'{folder}': no such folder; expected a saved {SUPPORTED}")
    if not index.is_file():
        raise ExportError(f"'{folder}': has no model_index.json; expected a saved {SUPPORTED}")
    try:
        kind = json.loads(index.read_text(encoding="utf-8"))["_class_name"]
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"'{index}': not a pipeline index ({type(error).__name__}); expected JSON with"
            " _class_name"
        )
    if kind != SUPPORTED:
        raise ExportError(
            f"'{folder}': pipeline class '{kind}' is not supported; expected {SUPPORTED}"
        )
    for component, names in _FILES.items():
        if not any((folder / component / name).is_file() for name in names):
            raise ExportError(
                f"'{folder}': component '{component}' has no {' or '.join(names)}; expected a saved"
                f" {SUPPORTED}"
            )


def _text_length(pipeline: AnimateDiffPipeline) -> int:
    """The tokenizer's length, which is absurdly large where it was never set."""
    return min(
        pipeline.tokenizer.model_max_length, pipeline.text_encoder.config.max_position_embeddings
    )


def _check_agreement(unet: dict, text: dict, vae: dict) -> None:
    if unet["context_dim"] != text["width"]:
        raise ExportError(
            f"the UNet reads texts of width {unet['context_dim']}, the text encoder makes width"
            f" {text['width']}; expected equal widths"
        )
    if unet["in_channels"] != vae["latent_channels"]:
        raise ExportError(
            f"the UNet has {unet['in_channels']} channels, the VAE's latents"
            f" {vae['latent_channels']}; expected as many"
        )


def _check_vocabulary(pipeline: AnimateDiffPipeline) -> None:
    known, largest = (
        pipeline.text_encoder.config.vocab_size,
        max(pipeline.tokenizer.get_vocab().values()),
    )
    if largest >= known:
        raise ExportError(
            f"the tokenizer makes ids up to {largest}, the text encoder knows {known} tokens;"
            " expected smaller ids"
        )


def _recommended(sample_size, unet: dict, vae: dict) -> dict:
    """What AnimateDiffPipeline would do unasked."""
    size = (sample_size or 64) * vae["spatial_scale"]
    frames = min(16, unet["max_frames"] or 16)
    return {"num_frames": frames, "height": size, "width": size}
