"""Source `diffusers`: the folder that `save_pretrained` of a text-to-video pipeline writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AnimateDiffPipeline,
    AutoencoderKL,
    DiffusionPipeline,
    TextToVideoSDPipeline,
    UNet3DConditionModel,
    UNetMotionModel,
)
from transformers import CLIPTextModel

from freeinit_export.bundle.scheduler import scheduler_settings
from freeinit_export.bundle.settings import (
    animatediff_settings,
    modelscope_settings,
    preset_scheduler,
)
from freeinit_export.errors import ExportError, one_line
from freeinit_export.networks.component import VideoModel
from freeinit_export.sources.parts import About, Parts, video_model


@dataclass(frozen=True)
class Kind:
    """One pipeline class that can be exported."""

    family: str
    pipeline: type[DiffusionPipeline]
    unet: type
    text_layout: str
    left_out: tuple[str, ...]  # components that are not loaded: the UNet holds the motion modules
    recommended: Callable[[Any], dict[str, Any]]  # from the UNet's configuration


KINDS = {
    "AnimateDiffPipeline": Kind(
        "animatediff",
        AnimateDiffPipeline,
        UNetMotionModel,
        "one text per frame; exported as one per video",
        ("motion_adapter", "image_encoder", "feature_extractor"),
        lambda config: animatediff_settings(config.motion_max_seq_length),
    ),
    "TextToVideoSDPipeline": Kind(
        "modelscope",
        TextToVideoSDPipeline,
        UNet3DConditionModel,
        "one text per video",
        (),
        lambda config: modelscope_settings(),
    ),
}
SUPPORTED = " or ".join(KINDS)

# Component folders and the files of which one must be there. Checked here, because transformers
# makes up an empty tokenizer where it finds no file.
_FILES = {
    "unet": ("config.json",),
    "vae": ("config.json",),
    "text_encoder": ("config.json",),
    "tokenizer": ("tokenizer.json", "vocab.json"),
    "scheduler": ("scheduler_config.json",),
}


def load_model(
    folder: Path, dtype: torch.dtype, clip_skip: int = 0, preset: str | None = None
) -> VideoModel:
    """Reads `folder` and prepares everything that is exported. `preset` (one of
    `settings.PRESETS`) replaces the saved scheduler."""
    name = pipeline_class(folder, SUPPORTED)
    if name not in KINDS:
        raise ExportError(
            f"'{folder}': pipeline class '{name}' is not supported; expected {SUPPORTED}"
        )
    kind = KINDS[name]
    scheduler = preset_scheduler(preset, kind.family) if preset else None
    check_component_files(folder, _FILES)
    pipeline = _load_pipeline(folder, kind, dtype)
    notes = []
    if scheduler is None:
        scheduler, notes = scheduler_settings(pipeline.scheduler)
    about = About(
        family=kind.family,
        source=f"diffusers {name}",
        scheduler=scheduler,
        recommended=kind.recommended(pipeline.unet.config),
        notes=notes,
        details={
            "source_text_layout": kind.text_layout,
            "scheduler_preset": preset or "none: as saved",
        },
    )
    parts = Parts(pipeline.unet, pipeline.text_encoder, pipeline.vae, pipeline.tokenizer)
    return video_model(parts, about, dtype, clip_skip)


def pipeline_class(folder: Path, expected: str) -> str:
    """The class that `folder`'s index names."""
    index = folder / "model_index.json"
    if not folder.is_dir():
        raise ExportError(f"'{folder}': no such folder; expected a saved {expected}")
    if not index.is_file():
        raise ExportError(f"'{folder}': has no model_index.json; expected a saved {expected}")
    try:
        return str(json.loads(index.read_text(encoding="utf-8"))["_class_name"])
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"'{index}': not a pipeline index ({type(error).__name__}); expected JSON with"
            " _class_name"
        )


def check_component_files(folder: Path, files: dict[str, tuple[str, ...]]) -> None:
    for component, names in files.items():
        if not any((folder / component / name).is_file() for name in names):
            raise ExportError(
                f"'{folder}': component '{component}' has no {' or '.join(names)}; expected all of"
                " a saved pipeline"
            )


def _load_pipeline(folder: Path, kind: Kind, dtype: torch.dtype) -> DiffusionPipeline:
    try:
        pipeline = kind.pipeline.from_pretrained(
            folder, dtype=dtype, local_files_only=True, **dict.fromkeys(kind.left_out)
        )
    except Exception as error:  # OSError, ValueError, KeyError, TypeError, ...
        raise ExportError(f"'{folder}': the pipeline cannot be loaded: {one_line(error)}")
    expected = {"unet": kind.unet, "text_encoder": CLIPTextModel, "vae": AutoencoderKL}
    for name, type_ in expected.items():
        found = getattr(pipeline, name)
        if not isinstance(found, type_):
            raise ExportError(
                f"'{folder}': component '{name}' is a {type(found).__name__}; expected"
                f" {type_.__name__}"
            )
    return pipeline
