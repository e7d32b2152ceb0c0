"""Models distilled to a few steps: what their authors sample with, as far as a bundle can say it."""

from __future__ import annotations

import re
from typing import Any

# What a name or a scheduler says, and the settings of its authors.
_LCM = {"num_inference_steps": 6, "guidance_scale": 2.0}
_SCHEDULERS = {"LCMScheduler": _LCM, "TCDScheduler": {"num_inference_steps": 4, "guidance_scale": 1.0}}
_LIGHTNING = re.compile(r"lightning.?(\d)step", re.IGNORECASE)
_NOTE = (
    "{}: is distilled to a few steps and wants a sampler that freeinit does not have yet; {}"
    " steps of DDIM with guidance {:g} are recommended, and results will be worse than the original's"
)


def few_step_scheduler(scheduler: Any) -> tuple[dict[str, Any], list[str]]:
    """Recommended settings and a note for a saved scheduler of a distilled model; else nothing."""
    kind = type(scheduler).__name__
    settings = _SCHEDULERS.get(kind)
    trailing = scheduler.config.get("timestep_spacing") == "trailing"
    if kind == "EulerDiscreteScheduler" and trailing:  # as AnimateDiff-Lightning asks for
        settings = {"num_inference_steps": 4, "guidance_scale": 1.0}
    return _with_note(f"scheduler {kind}", settings)


def few_step_file(name: str) -> tuple[dict[str, Any], list[str]]:
    """The same for the file name of a motion module: its weights do not say it."""
    if lightning := _LIGHTNING.search(name):
        steps = int(lightning[1])
        return _with_note(name, {"num_inference_steps": steps, "guidance_scale": 1.0})
    return _with_note(name, _LCM if "animatelcm" in name.lower() else None)


def _with_note(what: str, settings: dict[str, Any] | None) -> tuple[dict[str, Any], list[str]]:
    if settings is None:
        return {}, []
    return dict(settings), [
        _NOTE.format(what, settings["num_inference_steps"], settings["guidance_scale"])
    ]
