"""What each family's authors sample with: recommended settings and AnimateDiff's two schedules."""

from __future__ import annotations

from typing import Any

from freeinit_export.errors import ExportError

# What every bundle samples with, as the manifest names it.
SAMPLER = {"_class_name": "DDIMScheduler"}

# AnimateDiff's noise schedule in two readings. The authors' pipeline forces leading timesteps, an
# offset of one and no clipping, and its final level is alpha 1. diffusers' documentation takes the
# base model's scheduler file, hence its final level, with linear betas and timesteps from 999 down.
_ANIMATEDIFF = {
    **SAMPLER,
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "linear",
    "clip_sample": False,
    "steps_offset": 1,
    "prediction_type": "epsilon",
}
PRESETS: dict[str, dict[str, Any]] = {
    "freeinit-official": {
        **_ANIMATEDIFF,
        "timestep_spacing": "leading",
        "set_alpha_to_one": True,
    },
    "diffusers-doc": {
        **_ANIMATEDIFF,
        "timestep_spacing": "linspace",
        "set_alpha_to_one": False,
    },
}

# Original motion modules of version 1 have 24 positions, those of versions 2 and 3 have 32.
POSITIONS_V1 = 24


def preset_scheduler(name: str, family: str) -> dict[str, Any]:
    """The DDIM settings of preset `name`."""
    if family != "animatediff":
        raise ExportError(
            f"preset '{name}': is a schedule of AnimateDiff, and the model is of family"
            f" '{family}'; expected no preset"
        )
    return dict(PRESETS[name])


def animatediff_settings(max_positions: int | None) -> dict[str, Any]:
    """25 steps with guidance 7.5. Modules of version 1 flicker more: the authors of FreeInit advise
    the Gaussian filter, which keeps more of the low frequencies."""
    method = "gaussian" if max_positions == POSITIONS_V1 else "butterworth"
    return {
        "fps": 8.0,
        "num_inference_steps": 25,
        "guidance_scale": 7.5,
        "eta": 0.0,
        "filter": {"method": method},
    }


def modelscope_settings() -> dict[str, Any]:
    return {"fps": 8.0, "num_inference_steps": 50, "guidance_scale": 9.0, "eta": 0.0}
