"""The sampler of a bundle: DDIM, under diffusers' key names."""

from __future__ import annotations

from typing import Any

from diffusers import DDIMScheduler

from freeinit_export.bundle.settings import SAMPLER
from freeinit_export.errors import ExportError, one_line

KEYS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "clip_sample",
    "clip_sample_range",
    "set_alpha_to_one",
    "steps_offset",
    "prediction_type",
    "thresholding",
    "dynamic_thresholding_ratio",
    "sample_max_value",
    "timestep_spacing",
    "rescale_betas_zero_snr",
)
# What shares DDIM's betas: the same model, sampled along another path. Others scale or shift their
# betas, or have none, and DDIM would take its own defaults for them in silence.
CARRIED_OVER = (
    "DDIMParallelScheduler",
    "DDPMParallelScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSDEScheduler",
    "DPMSolverSinglestepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "LCMScheduler",
    "LMSDiscreteScheduler",
    "PNDMScheduler",
    "SASolverScheduler",
    "TCDScheduler",
    "UniPCMultistepScheduler",
)
DDIM = SAMPLER["_class_name"]
_PREDICTIONS = ("epsilon", "sample", "v_prediction")


def ddim_settings(scheduler) -> tuple[dict[str, Any], list[str]]:
    """The manifest's section for a diffusers scheduler, and notes on what was converted."""
    kind = type(scheduler).__name__
    notes = []
    config = dict(scheduler.config)
    _check_kind(kind, config)
    if kind != DDIM:
        notes.append(
            f"the pipeline's scheduler is a {kind}: its settings were carried over, and the bundle"
            " samples with DDIM"
        )
        if "clip_sample" not in config:
            # DDIM clips to -1..1 unless told otherwise; latents are larger, and this sampler did
            # not clip.
            config["clip_sample"] = False
            notes.append(f"{kind} has no 'clip_sample': set to false")
    try:
        ddim = DDIMScheduler.from_config(config)
    except Exception as error:  # NotImplementedError, ValueError, TypeError
        raise ExportError(f"scheduler '{kind}': its settings do not fit DDIM: {one_line(error)}")
    settings = {key: ddim.config[key] for key in KEYS if ddim.config[key] is not None}
    if "trained_betas" in settings:
        settings["trained_betas"] = [float(beta) for beta in settings["trained_betas"]]
    return {**SAMPLER, **settings}, notes


def _check_kind(kind: str, config: dict[str, Any]) -> None:
    known = (DDIM, *CARRIED_OVER)
    if kind not in known:
        raise ExportError(
            f"scheduler '{kind}': is not known to have DDIM's betas; expected {', '.join(known)}"
        )
    if config.get("use_flow_sigmas"):
        raise ExportError(f"scheduler '{kind}': samples a flow, without betas; expected noise")
    prediction = config["prediction_type"]
    if prediction not in _PREDICTIONS:
        raise ExportError(
            f"scheduler '{kind}': prediction type '{prediction}': unknown to DDIM; expected"
            f" {', '.join(_PREDICTIONS)}"
        )
