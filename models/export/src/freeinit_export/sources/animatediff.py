"""Source `animatediff`: an image model, a motion module and LoRAs, as their authors publish them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import torch

from freeinit_export.bundle.few_steps import FewSteps
from freeinit_export.bundle.settings import POSITIONS_V1, animatediff_settings, preset_scheduler
from freeinit_export.networks.component import VideoModel
from freeinit_export.networks.original_norms import use_original_norms
from freeinit_export.sources.checkpoint_file import read_tensors
from freeinit_export.sources.embedding import EmbeddingFile, add_embedding
from freeinit_export.sources.lora import LoraFile, merge_lora
from freeinit_export.sources.motion_module import (
    lacks_positions,
    load_motion_module,
    motion_unet,
)
from freeinit_export.sources.parts import About, Parts, video_model
from freeinit_export.sources.stable_diffusion import load_image_model

_LIGHTNING = re.compile(r"lightning.?([1248])step", re.IGNORECASE)


@dataclass(frozen=True)
class Files:
    """Where the pieces are."""

    base: Path
    motion_module: Path
    checkpoint: Path | None = None
    tokenizer: Path | None = None
    loras: list[LoraFile] = field(default_factory=list)
    motion_loras: list[LoraFile] = field(default_factory=list)
    vae: Path | None = None
    variant: str | None = None  # of the folders' weights
    embeddings: list[EmbeddingFile] = field(default_factory=list)


def load_animatediff(
    files: Files,
    dtype: torch.dtype,
    clip_skip: int = 0,
    preset: str = "freeinit-official",
    norms: str = "diffusers",
    few_step: str | None = None,
) -> VideoModel:
    """Puts the pieces together and prepares everything that is exported. `norms`: see
    `original_norms`. `few_step`: as `FewSteps.parse` reads it; absent: what the module's file
    says."""
    scheduler = preset_scheduler(preset, "animatediff")
    few = FewSteps.parse(few_step) if few_step else None
    image = load_image_model(
        files.base, files.checkpoint, files.tokenizer, dtype, files.vae, files.variant
    )
    networks = {"unet": image.unet, "text_encoder": image.text_encoder}
    notes = []
    given = [embedding.path for embedding in files.embeddings]
    for lora in files.loras:
        notes.append(_merged(lora, networks, "--lora", takes_embeddings=lora.path in given))
    notes += [add_embedding(e, image.tokenizer, image.text_encoder) for e in files.embeddings]
    adapter = load_motion_module(files.motion_module, dtype, files.variant)
    if few_step is None and (few := recognised(files.motion_module)):
        notes += _notes(few, files)
    unet = motion_unet(image.unet, adapter, files.motion_module)
    notes += [_merged(lora, {"unet": unet}, "--motion-lora") for lora in files.motion_loras]
    positions = unet.config.motion_max_seq_length
    if norms == "original":
        use_original_norms(unet, version1=positions == POSITIONS_V1)
    names = [f"{lora.path.name}:{lora.scale:g}" for lora in [*files.loras, *files.motion_loras]]
    about = About(
        family="animatediff",
        source="AnimateDiff files",
        scheduler=few.scheduler(preset) if few else scheduler,
        recommended={**animatediff_settings(positions), **(few.recommended if few else {})},
        notes=notes,
        details={
            "source_text_layout": "one text per frame; exported as one per video",
            "scheduler_preset": preset,
            "norms": norms,
            "base": files.base.name,
            "checkpoint": files.checkpoint.name if files.checkpoint else "",
            "motion_module": files.motion_module.name,
            "loras": ", ".join(names),
            **({"vae": files.vae.name} if files.vae else {}),
            **({"few_step": str(few)} if few else {}),
        },
        limits=few.limits if few else {},
    )
    parts = Parts(unet, image.text_encoder, image.vae, image.tokenizer, files.base)
    return video_model(parts, about, dtype, clip_skip)


def _merged(
    lora: LoraFile,
    networks: dict[str, torch.nn.Module],
    option: str,
    takes_embeddings: bool = False,
) -> str:
    layers = merge_lora(lora, networks, option, takes_embeddings)
    return f"{lora.path.name}: {layers} layers added with scale {lora.scale:g}"


def recognised(module: Path) -> FewSteps | None:
    """What a motion module was distilled to. AnimateLCM's file is known by its contents,
    AnimateDiff-Lightning's, which are those of any other, by their names alone."""
    if found := _LIGHTNING.search(module.name):
        return FewSteps.parse(f"lightning:{found[1]}")
    named = "animatelcm" in module.name.lower()
    if named or module.is_file() and lacks_positions(read_tensors(module)):
        return FewSteps.parse("lcm")
    return None


def _notes(few: FewSteps, files: Files) -> list[str]:
    name = files.motion_module.name
    notes = [f"{name}: is distilled to few steps ({few}); --few-step changes that"]
    if few.kind == "lcm" and not files.loras:
        notes.append(
            "AnimateLCM needs its LoRA (--lora AnimateLCM_sd15_t2v_lora.safetensors:0.8), or a base"
            " model that is distilled in the same way"
        )
    return notes
