"""The sampler of a bundle: the pipeline's own or DDIM, under diffusers' key names."""

from __future__ import annotations

import inspect
from typing import Any

from diffusers import DDIMScheduler

from freeinit_export.bundle.scheduler_values import check_scheduler_values
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
# The samplers that a bundle names, each with what it reads beside the keys above.
_SIGMAS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")
_MULTISTEP = (*_SIGMAS, "final_sigmas_type", "solver_order", "solver_type", "lower_order_final")
OWN_KEYS = {
    "DDIMScheduler": (),
    "PNDMScheduler": ("skip_prk_steps",),
    "EulerDiscreteScheduler": (*_SIGMAS, "final_sigmas_type"),
    "EulerAncestralDiscreteScheduler": (),
    "HeunDiscreteScheduler": _SIGMAS,
    "DPMSolverMultistepScheduler": (*_MULTISTEP, "algorithm_type", "euler_at_final"),
    "UniPCMultistepScheduler": (*_MULTISTEP, "predict_x0"),
    "LCMScheduler": ("original_inference_steps", "timestep_scaling"),
    "TCDScheduler": ("original_inference_steps",),
}
# What shares DDIM's betas: the same model, sampled along another path. Others scale or shift their
# betas, or have none, and DDIM would take its own defaults for them in silence.
CARRIED_OVER = (
    "DDIMParallelScheduler",
    "DDPMParallelScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverSDEScheduler",
    "DPMSolverSinglestepScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "LMSDiscreteScheduler",
    "SASolverScheduler",
)
_PREDICTIONS = ("epsilon", "sample", "v_prediction")


def scheduler_settings(scheduler) -> tuple[dict[str, Any], list[str]]:
    """The manifest's section for a diffusers scheduler, and notes on what was converted."""
    kind = type(scheduler).__name__
    config = dict(scheduler.config)
    _check_kind(kind, config)
    if kind in OWN_KEYS:
        return _own_settings(kind, scheduler, config), []
    notes = [
        f"the pipeline's scheduler is a {kind}: its settings were carried over, and the bundle"
        " samples with DDIM"
    ]
    if "clip_sample" not in config:
        # DDIM clips to -1..1 unless told otherwise; latents are larger, and this sampler did
        # not clip.
        config["clip_sample"] = False
        notes.append(f"{kind} has no 'clip_sample': set to false")
    try:
        ddim = DDIMScheduler.from_config(config)
    except Exception as error:  # NotImplementedError, ValueError, TypeError
        raise ExportError(f"scheduler '{kind}': its settings do not fit DDIM: {one_line(error)}")
    return {**SAMPLER, **_plain(kind, ddim.config, KEYS)}, notes


def _own_settings(kind: str, scheduler, config: dict[str, Any]) -> dict[str, Any]:
    """What the bundle's sampler of that name reads; whatever else the class knows must be at its
    default."""
    known = (*KEYS, *OWN_KEYS[kind])
    for key, parameter in inspect.signature(type(scheduler).__init__).parameters.items():
        if key in known or key not in config or config[key] == parameter.default:
            continue
        raise ExportError(
            f"scheduler '{kind}': {key} '{config[key]}': is not known; expected"
            f" {parameter.default}"
        )
    # Also false by default, and a start that few use: Stable Diffusion's files skip it.
    if config.get("skip_prk_steps") is False:
        raise ExportError(
            f"scheduler '{kind}': skip_prk_steps 'False': its Runge-Kutta start is not known;"
            " expected True"
        )
    algorithm = config.get("algorithm_type", "dpmsolver++")
    if algorithm not in ("dpmsolver++", "sde-dpmsolver++"):
        raise ExportError(
            f"scheduler '{kind}': algorithm_type '{algorithm}': is not known; expected"
            " dpmsolver++ or sde-dpmsolver++"
        )
    return {"_class_name": kind, **_plain(kind, config, known)}


def _plain(kind: str, config, keys) -> dict[str, Any]:
    settings = {key: config[key] for key in keys if config.get(key) is not None}
    check_scheduler_values(f"scheduler '{kind}'", settings)
    if "trained_betas" in settings:
        settings["trained_betas"] = [float(beta) for beta in settings["trained_betas"]]
    return settings


def _check_kind(kind: str, config: dict[str, Any]) -> None:
    known = (*OWN_KEYS, *CARRIED_OVER)
    if kind not in known:
        raise ExportError(
            f"scheduler '{kind}': is not known to have DDIM's betas; expected {', '.join(known)}"
        )
    if config.get("use_flow_sigmas"):
        raise ExportError(f"scheduler '{kind}': samples a flow, without betas; expected noise")
    prediction = config["prediction_type"]
    if prediction not in _PREDICTIONS:
        raise ExportError(
            f"scheduler '{kind}': prediction type '{prediction}': unknown; expected"
            f" {', '.join(_PREDICTIONS)}"
        )
