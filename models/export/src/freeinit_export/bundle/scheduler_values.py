"""Values that a sampler can work with: what is refused here would be refused by every reader of the
bundle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from freeinit_export.errors import ExportError

_SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2")
_PREDICTIONS = ("epsilon", "sample", "v_prediction")
_SPACINGS = ("leading", "trailing", "linspace", "uniform")
_LONGEST = 1_000_000  # timesteps


def is_number(value: Any) -> bool:
    """Whether JSON's `value` is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def _whole(least: int, most: int) -> tuple[str, Callable[[Any], bool]]:
    return f"a whole number, {least} to {most}", lambda v: type(v) is int and least <= v <= most


def _one_of(*names: str) -> tuple[str, Callable[[Any], bool]]:
    return " or ".join(names), lambda value: isinstance(value, str) and value in names


def _is_beta(value: Any) -> bool:
    return is_number(value) and 0 < value <= 1


_FLAG = ("true or false", lambda value: isinstance(value, bool))
_BETA = ("a number above 0, at most 1", _is_beta)
_SHARE = ("a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1)
_POSITIVE = ("a finite number above 0", lambda value: is_number(value) and value > 0)
_BETAS = (
    "numbers above 0, at most 1",
    lambda value: isinstance(value, list) and value and all(map(_is_beta, value)),
)

_RULES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "num_train_timesteps": _whole(1, _LONGEST),
    "beta_start": _BETA,
    "beta_end": _BETA,
    "beta_schedule": _one_of(*_SCHEDULES),
    "trained_betas": _BETAS,
    "clip_sample_range": _POSITIVE,
    "steps_offset": _whole(0, _LONGEST),
    "prediction_type": _one_of(*_PREDICTIONS),
    "dynamic_thresholding_ratio": _SHARE,
    "sample_max_value": _POSITIVE,
    "timestep_spacing": _one_of(*_SPACINGS),
    "final_sigmas_type": _one_of("zero", "sigma_min"),
    "solver_order": _whole(1, 3),
    "solver_type": _one_of("midpoint", "heun", "bh1", "bh2"),
    "original_inference_steps": _whole(1, _LONGEST),
    "timestep_scaling": _POSITIVE,
    **dict.fromkeys(
        (
            "clip_sample",
            "set_alpha_to_one",
            "thresholding",
            "rescale_betas_zero_snr",
            "use_karras_sigmas",
            "use_exponential_sigmas",
            "use_beta_sigmas",
            "lower_order_final",
            "euler_at_final",
            "predict_x0",
            "skip_prk_steps",
        ),
        _FLAG,
    ),
}


def check_scheduler_values(what: str, settings: dict[str, Any]) -> None:
    """Refuses the first of `settings` that no sampler takes. `what` opens the message."""
    for key, value in settings.items():
        expected, fits = _RULES.get(key, ("", lambda value: True))
        if not fits(value):
            raise ExportError(f"{what}: {key} is {value!r}; expected {expected}")
    steps = settings.get("num_train_timesteps", 1000)
    if settings.get("steps_offset", 0) >= steps:
        raise ExportError(
            f"{what}: steps_offset is {settings['steps_offset']}; expected 0 to {steps - 1}"
        )
    betas = settings.get("trained_betas")
    if betas is not None and len(betas) != steps:
        raise ExportError(f"{what}: trained_betas are {len(betas)}; expected {steps}")
