"""Models distilled to a few steps: what their authors sample with, as far as a bundle can say it."""

from __future__ import annotations

import re
from typing import Any

# What a name or a scheduler says, and the settings of its authors.
_LCM = {"num_inference_steps": 6, "guidance_scale": 2.0}
_SCHEDULERS = {"LCMScheduler": _LCM, "TCDScheduler": {"num_inference_steps": 4, "guidance_scale": 1.0}}
_LIGHTNING = re.compile(r"lightning.?(\d)step", re.IGNORECASE)
_NOTE = (
    "{}: is distilled to a few steps for another sampler than DDIM, which this bundle names; {}"
    " steps with guidance {:g} are recommended, and results will be worse than the original's"
)


def few_step_scheduler(scheduler: Any) -> dict[str, Any]:
    """Recommended settings for a saved scheduler of a distilled model; else nothing."""
    kind = type(scheduler).__name__
    trailing = scheduler.config.get("timestep_spacing") == "trailing"
    if kind == "EulerDiscreteScheduler" and trailing:  # as AnimateDiff-Lightning asks for
        return {"num_inference_steps": 4, "guidance_scale": 1.0}
    return dict(_SCHEDULERS.get(kind, {}))


def few_step_file(name: str) -> tuple[dict[str, Any], list[str]]:
    """The same for the file name of a motion module, whose weights do not say it, and a note."""
    settings = dict(_LCM) if "animatelcm" in name.lower() else {}
    if lightning := _LIGHTNING.search(name):
        settings = {"num_inference_steps": int(lightning[1]), "guidance_scale": 1.0}
    if not settings:
        return {}, []
    return settings, [
        _NOTE.format(name, settings["num_inference_steps"], settings["guidance_scale"])
    ]
