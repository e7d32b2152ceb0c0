"""The sampler of a bundle: DDIM, under diffusers' key names."""

from __future__ import annotations

from typing import Any

from diffusers import DDIMScheduler

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


def ddim_settings(scheduler) -> tuple[dict[str, Any], list[str]]:
    """The DDIM settings of `scheduler`, whatever its class, and notes on what was converted."""
    notes = []
    config = dict(scheduler.config)
    if not isinstance(scheduler, DDIMScheduler):
        kind = type(scheduler).__name__
        notes.append(
            f"the pipeline's scheduler is a {kind}: its settings were carried over to DDIM"
        )
        if "clip_sample" not in config:
            # DDIM clips to -1..1 unless told otherwise; latents are larger, and this sampler did
            # not clip.
            config["clip_sample"] = False
            notes.append(f"{kind} has no 'clip_sample': set to false")
    try:
        ddim = DDIMScheduler.from_config(config)
    except Exception as error:  # NotImplementedError, ValueError, TypeError
        raise ExportError(f"scheduler: its settings do not fit DDIM: {one_line(error)}")
    settings = {key: ddim.config[key] for key in KEYS if ddim.config[key] is not None}
    if "trained_betas" in settings:
        settings["trained_betas"] = [float(beta) for beta in settings["trained_betas"]]
    return settings, notes
