"""T2V-Turbo: VideoCrafter2 distilled to a few steps of LCM.

Its UNet stands in a file of its own and is told the guidance scale by an embedding. That is a
constant of the exported network: every family has one signature, and a run asks for one scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers.models.embeddings import get_timestep_embedding

from freeinit_export.errors import ExportError
from freeinit_export.sources.checkpoint_file import Tensors
from freeinit_export.sources.videocrafter_config import VideoCrafterConfig

# Its own projections: parameter of the UNet's class, and the input that goes through it.
_GUIDANCE = ("time_cond_proj", "time_cond_proj_dim", "timestep_cond")
_MOTION = ("motion_cond_proj", "motion_cond_proj_dim", "motion_cond")
_BETAS = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type")


@dataclass(frozen=True)
class Turbo:
    """What a UNet file was distilled with."""

    guidance_scale: float
    widths: dict[str, int]  # of the embeddings, by parameter of the UNet's class

    @property
    def conditions(self) -> dict[str, torch.Tensor]:
        """The constant inputs [1,D]. Motion guidance is 0, as in the authors' command."""
        values = {_GUIDANCE: self.guidance_scale, _MOTION: 0.0}
        return {
            name: get_timestep_embedding(
                torch.tensor([value]), self.widths[key], downscale_freq_shift=1, scale=1000
            )
            for (_, key, name), value in values.items()
            if key in self.widths
        }

    @property
    def recommended(self) -> dict[str, Any]:
        """Version 2, which knows motion guidance, is shown with 16 steps, version 1 with 4."""
        steps = 16 if _MOTION[1] in self.widths else 4
        settings = {"num_inference_steps": steps, "guidance_scale": 1.0, "eta": 0.0}
        return {**settings, "fps": 16.0, "output_fps": 16.0}

    @property
    def limits(self) -> dict[str, float]:
        return {"max_guidance_scale": 1.0}

    def changed(self, config: VideoCrafterConfig) -> VideoCrafterConfig:
        """The UNet with its projections; LCM on VideoCrafter's betas, without dynamic rescale."""
        scheduler = {
            "_class_name": "LCMScheduler",
            **{key: config.scheduler[key] for key in _BETAS},
            "clip_sample": False,
            "original_inference_steps": 200,
        }
        return replace(config, unet={**config.unet, **self.widths}, scheduler=scheduler)


def turbo_of(unet: Tensors, guidance_scale: float) -> Turbo | None:
    """What a file of UNet weights says; None for VideoCrafter's own."""
    widths = {
        key: unet[f"{module}.weight"].shape[-1]
        for module, key, _ in (_GUIDANCE, _MOTION)
        if f"{module}.weight" in unet
    }
    if not widths:
        return None
    if _GUIDANCE[1] not in widths:
        raise ExportError("--unet: is told its motion but no guidance; expected both")
    return Turbo(guidance_scale, widths)
