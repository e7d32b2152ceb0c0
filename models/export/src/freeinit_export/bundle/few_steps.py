"""Models distilled to a few steps: what their authors sample with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from freeinit_export.bundle.settings import PRESETS
from freeinit_export.errors import ExportError

NONE = "none"
# Steps of the teacher that LCM's are taken from: AnimateLCM's own code, diffusers' documentation.
_TEACHER = {"freeinit-official": 100, "diffusers-doc": 50}


@dataclass(frozen=True)
class Kind:
    """One way to distil."""

    class_name: str
    settings: Callable[[str], dict[str, Any]]  # of the scheduler, beside a preset's betas
    guidance_scale: float
    steps: int | None  # where nobody says; None: the network was trained for one number
    allowed: Sequence[int] = range(1, 51)
    limits: dict[str, float] | None = None  # of the network, for its section of the manifest


KINDS = {
    "lcm": Kind(
        "LCMScheduler", lambda preset: {"original_inference_steps": _TEACHER[preset]}, 1.5, 6
    ),
    "lightning": Kind(
        "EulerDiscreteScheduler",
        lambda preset: {"timestep_spacing": "trailing"},
        1.0,
        None,
        (1, 2, 4, 8),
        {"max_guidance_scale": 1.0},
    ),
    "tcd": Kind("TCDScheduler", lambda preset: {}, 1.0, 4),
}


@dataclass(frozen=True)
class FewSteps:
    """A kind of `KINDS`, and how many steps."""

    kind: str
    steps: int

    @staticmethod
    def parse(text: str) -> FewSteps | None:
        """`KIND[:STEPS]`, or `none`."""
        name, colon, number = text.partition(":")
        what = f"--few-step '{text}'"
        if text == NONE:
            return None
        if name not in KINDS:
            known = ", ".join([*KINDS, NONE])
            raise ExportError(f"{what}: unknown; expected one of {known}, with :STEPS behind it")
        kind = KINDS[name]
        steps = int(number) if number.isdecimal() else None if colon else kind.steps
        if steps not in kind.allowed:
            allowed = "1 to 50" if isinstance(kind.allowed, range) else str(kind.allowed)[1:-1]
            raise ExportError(f"{what}: expected {name}:STEPS with STEPS of {allowed}")
        return FewSteps(name, steps)

    @property
    def recommended(self) -> dict[str, Any]:
        guidance = KINDS[self.kind].guidance_scale
        return {"num_inference_steps": self.steps, "guidance_scale": guidance}

    @property
    def limits(self) -> dict[str, float]:
        return dict(KINDS[self.kind].limits or {})

    def scheduler(self, preset: str) -> dict[str, Any]:
        """The manifest's section, with the betas of an AnimateDiff preset."""
        kind = KINDS[self.kind]
        return {**PRESETS[preset], **kind.settings(preset), "_class_name": kind.class_name}

    def __str__(self) -> str:
        settings = f"{self.steps} steps, guidance {KINDS[self.kind].guidance_scale:g}"
        return f"{self.kind}: {KINDS[self.kind].class_name}, {settings}"


def of_scheduler(scheduler: Any) -> FewSteps | None:
    """What a saved scheduler samples: LCM and TCD are for distilled models alone, and Euler with
    trailing timesteps is what AnimateDiff-Lightning asks for, of whatever number of steps."""
    name = type(scheduler).__name__
    if name == KINDS["lightning"].class_name:
        trailing = scheduler.config.get("timestep_spacing") == "trailing"
        return FewSteps("lightning", 4) if trailing else None
    for kind, row in KINDS.items():
        if name == row.class_name:
            return FewSteps(kind, row.steps)
    return None
