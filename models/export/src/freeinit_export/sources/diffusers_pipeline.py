"""Source `diffusers`: the folder that `save_pretrained` of a text-to-video pipeline writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import (
    AutoencoderKL,
    MotionAdapter,
    SchedulerMixin,
    UNet2DConditionModel,
    UNet3DConditionModel,
    UNetMotionModel,
)
from transformers import CLIPTextModel

from freeinit_export.bundle.few_steps import FewSteps, of_scheduler
from freeinit_export.bundle.scheduler import scheduler_settings
from freeinit_export.bundle.settings import (
    animatediff_settings,
    modelscope_settings,
    preset_scheduler,
)
from freeinit_export.errors import ExportError, one_line
from freeinit_export.networks.component import VideoModel
from freeinit_export.sources.autoencoder import load_vae, saved_vae_config
from freeinit_export.sources.embedding import EmbeddingFile, add_embedding
from freeinit_export.sources.folder_network import (
    LORA_INSIDE,
    load_network,
    load_tokenizer,
    read_json,
    variants,
)
from freeinit_export.sources.motion_module import motion_unet
from freeinit_export.sources.parts import About, Parts, video_model


@dataclass(frozen=True)
class Kind:
    """One pipeline class that can be exported."""

    family: str
    unet: type
    text_layout: str
    recommended: Callable[[Any], dict[str, Any]]  # from the UNet's configuration


KINDS = {
    "AnimateDiffPipeline": Kind(
        "animatediff",
        UNetMotionModel,
        "one text per frame; exported as one per video",
        lambda config: animatediff_settings(config.motion_max_seq_length),
    ),
    "TextToVideoSDPipeline": Kind(
        "modelscope",
        UNet3DConditionModel,
        "one text per video",
        lambda config: modelscope_settings(),
    ),
}
SUPPORTED = " or ".join(KINDS)
# Pipelines of the same networks that begin with a video or guide in another way.
_SAME_NETWORKS = {
    "AnimateDiffPAGPipeline": "AnimateDiffPipeline",
    "AnimateDiffVideoToVideoPipeline": "AnimateDiffPipeline",
    "VideoToVideoSDPipeline": "TextToVideoSDPipeline",
}
_INDEX = "model_index.json"
_IMAGE_UNET = UNet2DConditionModel

# Component folders and the files of which one must be there. Checked here, because transformers
# makes up an empty tokenizer where it finds no file.
FILES = {
    "unet": ("config.json",),
    "vae": ("config.json",),
    "text_encoder": ("config.json",),
    "tokenizer": ("tokenizer.json", "vocab.json"),
}


@dataclass(frozen=True)
class Changes:
    """What a user asks for beside the folder."""

    clip_skip: int = 0
    preset: str | None = None  # one of `settings.PRESETS`: replaces the saved scheduler
    variant: str | None = None  # weights of that name, "fp16" say, where there are such
    vae: Path | None = None  # replaces the folder's
    embeddings: Sequence[EmbeddingFile] = ()
    few_step: str | None = None  # as `FewSteps.parse` reads it; absent: what the scheduler says


def load_model(folder: Path, dtype: torch.dtype, changes: Changes = Changes()) -> VideoModel:
    """Reads `folder` and prepares everything that is exported."""
    name = pipeline_class(folder, SUPPORTED)
    name = _SAME_NETWORKS.get(name, name)
    if name not in KINDS:
        raise ExportError(
            f"'{folder}': pipeline class '{name}' is not supported; expected {SUPPORTED}"
        )
    kind = KINDS[name]
    needed = {**FILES, "scheduler": ("scheduler_config.json",)}
    check_component_files(folder, needed, without="vae" if changes.vae else None)
    index = read_json(folder / _INDEX, "a pipeline index")
    variant = chosen_variant(folder, changes.variant)
    sampling = _sampling(folder, index, kind.family, changes)
    unet = _load_unet(folder, index, kind, dtype, variant)
    check_class(folder, index, "text_encoder", CLIPTextModel)
    encoder = load_network(
        "text_encoder", folder / "text_encoder", CLIPTextModel, dtype, variant
    )
    if changes.vae is None:
        check_class(folder, index, "vae", AutoencoderKL)
        vae = load_network("vae", folder / "vae", AutoencoderKL, dtype, variant)
    else:
        vae = load_vae(changes.vae, saved_vae_config(folder), dtype)
    tokenizer = load_tokenizer(folder / "tokenizer")
    notes = [add_embedding(file, tokenizer, encoder) for file in changes.embeddings]
    few = sampling.few
    about = About(
        family=kind.family,
        source=f"diffusers {name}",
        scheduler=sampling.scheduler,
        recommended={**kind.recommended(unet.config), **(few.recommended if few else {})},
        notes=[*notes, *sampling.notes],
        details={
            "source_text_layout": kind.text_layout,
            "scheduler_preset": changes.preset or "none: as saved",
            **({"few_step": str(few)} if few else {}),
        },
        limits=few.limits if few and changes.few_step else {},
    )
    parts = Parts(unet, encoder, vae, tokenizer, folder)
    return video_model(parts, about, dtype, changes.clip_skip)


def pipeline_class(folder: Path, expected: str) -> str:
    """The class that `folder`'s index names."""
    if not (folder / _INDEX).is_file():
        raise ExportError(f"'{folder}': {_what_lies_there(folder)}; expected a saved {expected}")
    name = read_json(folder / _INDEX, "a pipeline index").get("_class_name")
    if not isinstance(name, str):
        raise ExportError(f"'{folder / _INDEX}': not a pipeline index; expected '_class_name'")
    return name


def _what_lies_there(folder: Path) -> str:
    if folder.is_file():
        return "is a file, which 'freeinit-export animatediff --base' may take"
    if not folder.is_dir():
        return "no such folder (a repository is downloaded first)"
    if (folder / "configuration.json").is_file():
        return "has ModelScope's own files, of which diffusers' form is published as well"
    if (folder / "config.json").is_file():
        return f"holds one network and no {_INDEX}"
    return f"has no {_INDEX}"


def check_component_files(
    folder: Path, files: dict[str, tuple[str, ...]], without: str | None = None
) -> None:
    for component, names in files.items():
        if component != without and not any((folder / component / n).is_file() for n in names):
            # transformers then saves the LoRA alone.
            lora = (folder / component / "adapter_config.json").is_file()
            raise ExportError(
                f"'{folder}': component '{component}' has no {' or '.join(names)}"
                f"{f': {LORA_INSIDE}' if lora else ''}; expected all of a saved pipeline"
            )


def chosen_variant(folder: Path, variant: str | None) -> str | None:
    """`variant`, which some part of `folder` must have: others may be there in one form alone."""
    parts = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    known = {name for part in parts for name in variants(part)}
    if variant is not None and variant not in known:
        raise ExportError(
            f"--variant '{variant}': '{folder}' has no such weights; expected"
            f" {' or '.join(sorted(known - {''})) or 'no variant: it has plain ones'}"
        )
    return variant


def check_class(folder: Path, index: dict[str, Any], component: str, expected: type) -> None:
    """The class alone counts: fine-tuning scripts save their own copy of a known class, under the
    name of their module."""
    name = class_name(folder, index, component)
    if name != expected.__name__:
        raise ExportError(
            f"'{folder}': component '{component}' is a {name}; expected {expected.__name__}"
        )


def class_name(folder: Path, index: dict[str, Any], component: str) -> str:
    entry = index.get(component)
    if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str)):
        raise ExportError(
            f"'{folder / _INDEX}': '{component}' is {entry!r}; expected [module, class]"
        )
    return entry[1]


def _load_unet(
    folder: Path, index: dict[str, Any], kind: Kind, dtype: torch.dtype, variant: str | None
) -> Any:
    """The video UNet; of an image UNet beside a motion adapter, both together."""
    if kind.unet is UNetMotionModel and class_name(folder, index, "unet") == _IMAGE_UNET.__name__:
        image = load_network("unet", folder / "unet", _IMAGE_UNET, dtype, variant)
        place = folder / "motion_adapter"
        adapter = load_network("motion_adapter", place, MotionAdapter, dtype, variant)
        return motion_unet(image, adapter, place)
    check_class(folder, index, "unet", kind.unet)
    return load_network("unet", folder / "unet", kind.unet, dtype, variant)


def _load_scheduler(folder: Path, index: dict[str, Any]) -> Any:
    name = class_name(folder, index, "scheduler")
    kind = getattr(diffusers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, SchedulerMixin)):
        raise ExportError(f"scheduler '{name}': is not one of diffusers'; expected DDIMScheduler")
    config = folder / "scheduler" / "scheduler_config.json"
    settings = read_json(config, f"the settings of a {name}")
    try:
        return kind.from_config(settings)
    except Exception as error:  # whatever a damaged value makes of it
        raise ExportError(
            f"'{config}': does not fit {name}: {type(error).__name__}: {one_line(error)}"
        )


@dataclass(frozen=True)
class _Sampling:
    """The manifest's scheduler, and what the model was distilled to."""

    scheduler: dict[str, Any]
    few: FewSteps | None = None
    notes: Sequence[str] = ()


def _sampling(folder: Path, index: dict[str, Any], family: str, changes: Changes) -> _Sampling:
    """What the user asks for, else the saved scheduler and what that says."""
    asked = FewSteps.parse(changes.few_step) if changes.few_step else None
    saved = None if changes.preset else _load_scheduler(folder, index)
    own = None if saved is None else of_scheduler(saved)
    if saved is None or asked and (own is None or own.kind != asked.kind):
        preset = changes.preset or "diffusers-doc"
        plain = preset_scheduler(preset, family)
        return _Sampling(asked.scheduler(preset) if asked else plain, asked)
    scheduler, notes = scheduler_settings(saved)
    if changes.few_step:
        return _Sampling(scheduler, asked, notes)
    if own is not None:
        notes = [*notes, f"its scheduler is for few steps ({own}); --few-step changes that"]
    return _Sampling(scheduler, own, notes)
