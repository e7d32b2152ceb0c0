"""A VideoCrafter model's YAML file, as far as the export needs it: checked, in our own terms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from freeinit_export.bundle.scheduler_values import check_scheduler_values, is_number
from freeinit_export.bundle.settings import SAMPLER
from freeinit_export.errors import ExportError, one_line

# What latent diffusion calls a schedule, and what diffusers calls it.
_BETA_SCHEDULES = {"linear": "scaled_linear", "sqrt_linear": "linear"}
_PREDICTIONS = {"eps": "epsilon", "x0": "sample"}


@dataclass(frozen=True)
class VideoCrafterConfig:
    channels: int
    scale_factor: float
    size: tuple[int, int]  # latent height and width
    unet_target: str
    unet: dict[str, Any]
    first_stage: dict[str, Any]  # with embed_dim and ddconfig
    text: dict[str, Any]  # layer, arch, max_length
    scheduler: dict[str, Any]  # under diffusers' key names

    @property
    def num_frames(self) -> int:
        return self.unet.get("temporal_length") or 16

    @property
    def uses_fps(self) -> bool:
        return bool(self.unet.get("fps_cond", False))


class _Section:
    """One mapping of the file; asks for keys by name."""

    def __init__(self, path: Path, name: str, value: Any):
        if not isinstance(value, dict):
            raise ExportError(f"'{path}': '{name}' is {value!r}; expected a mapping of keys")
        self.path, self.name, self.value = path, name, value

    def need(self, key: str, kind: type | tuple[type, ...]) -> Any:
        if key not in self.value:
            raise ExportError(f"'{self.path}': the key '{self.name}.{key}' is missing")
        return self.get(key, kind, None)

    def get(self, key: str, kind: type | tuple[type, ...], default: Any) -> Any:
        value = self.value.get(key, default)
        if key in self.value and not isinstance(value, kind):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            names = " or ".join(k.__name__ for k in kinds)
            raise ExportError(f"'{self.path}': '{self.name}.{key}' is {value!r}; expected {names}")
        return value

    def one_of(self, key: str, default: str, known: Any) -> str:
        value = self.value.get(key, default)
        if value not in known:
            raise ExportError(
                f"'{self.path}': '{self.name}.{key}' is {value!r}; expected {' or '.join(known)}"
            )
        return value

    def section(self, key: str) -> _Section:
        return _Section(self.path, f"{self.name}.{key}", self.need(key, dict))


def read_config(path: Path) -> VideoCrafterConfig:
    try:
        root = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(f"'{path}': cannot be read: {error.strerror}")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ExportError(f"'{path}': not YAML: {one_line(error)}")
    if not isinstance(root, dict) or "model" not in root:
        raise ExportError(f"'{path}': the key 'model' is missing; expected a VideoCrafter config")
    model = _Section(path, "model", root["model"])
    _check_class(model, "LatentDiffusion")
    params = model.section("params")
    params.one_of("conditioning_key", "crossattn", ("crossattn",))
    params.one_of("uncond_type", "empty_seq", ("empty_seq",))
    if params.get("scale_by_std", bool, False):
        raise ExportError(f"'{path}': '{params.name}.scale_by_std' is true; expected false")
    unet = params.section("unet_config")
    first_stage = params.section("first_stage_config")
    text = params.section("cond_stage_config")
    _check_class(first_stage, "AutoencoderKL")
    _check_class(text, "FrozenOpenCLIPEmbedder")
    return VideoCrafterConfig(
        channels=params.need("channels", int),
        scale_factor=float(params.need("scale_factor", (int, float))),
        size=_size(params),
        unet_target=unet.need("target", str),
        unet=_unet_params(unet.section("params")),
        first_stage=_first_stage_params(first_stage.section("params")),
        text=_text_params(_Section(path, f"{text.name}.params", text.get("params", dict, {}))),
        scheduler=_scheduler(params),
    )


def _check_class(section: _Section, expected: str) -> None:
    target = section.need("target", str)
    if target.rpartition(".")[2] != expected:
        raise ExportError(
            f"'{section.path}': '{section.name}.target' is '{target}'; expected a {expected}"
            " (text-to-video models only)"
        )


def _size(params: _Section) -> tuple[int, int]:
    size = params.need("image_size", (int, list))
    size = [size, size] if isinstance(size, int) else size
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise ExportError(
            f"'{params.path}': '{params.name}.image_size' is {size!r}; expected [height, width]"
        )
    return size[0], size[1]


def _unet_params(params: _Section) -> dict[str, Any]:
    for key in ("in_channels", "out_channels", "model_channels", "context_dim"):
        params.need(key, int)
    if params.value["in_channels"] != params.value["out_channels"]:
        raise ExportError(
            f"'{params.path}': '{params.name}' has {params.value['in_channels']} input and"
            f" {params.value['out_channels']} output channels; expected as many"
        )
    for key, only in (
        ("use_causal_attention", False),  # its mask has one fixed length
        ("temporal_selfatt_only", True),  # the other way loops over the videos of a batch
        ("use_image_attention", False),
    ):
        if params.get(key, bool, only) is not only:
            raise ExportError(
                f"'{params.path}': '{params.name}.{key}' is {params.value[key]}; expected {only}"
            )
    # Checkpointing is for training, and cannot be traced.
    return {**params.value, "use_checkpoint": False, "use_fp16": False}


def _first_stage_params(params: _Section) -> dict[str, Any]:
    details = params.section("ddconfig")
    for key in ("z_channels", "in_channels", "out_ch", "ch", "num_res_blocks", "resolution"):
        details.need(key, int)
    details.need("ch_mult", list)
    details.need("attn_resolutions", list)
    if not details.need("double_z", bool):
        raise ExportError(f"'{params.path}': '{details.name}.double_z' is false; expected true")
    return {"embed_dim": params.need("embed_dim", int), "ddconfig": details.value}


def _text_params(params: _Section) -> dict[str, Any]:
    return {
        "layer": params.one_of("layer", "last", ("last", "penultimate")),
        "arch": params.get("arch", str, "ViT-H-14"),
        "max_length": params.get("max_length", int, 77),
    }


def _scheduler(params: _Section) -> dict[str, Any]:
    """The original's sampler: its grid, no clipping, abar_0 at the end, noise in every step."""
    steps = params.need("timesteps", int)
    schedule = params.one_of("beta_schedule", "linear", _BETA_SCHEDULES)
    prediction = params.one_of("parameterization", "eps", _PREDICTIONS)
    settings = {
        **SAMPLER,
        "num_train_timesteps": steps,
        "beta_start": float(params.need("linear_start", (int, float))),
        "beta_end": float(params.need("linear_end", (int, float))),
        "beta_schedule": _BETA_SCHEDULES[schedule],
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "prediction_type": _PREDICTIONS[prediction],
        "timestep_spacing": "uniform",
        "always_draw_noise": True,
    }
    if params.get("use_scale", bool, False):
        settings["dynamic_rescale"] = _dynamic_rescale(params, steps)
    check_scheduler_values(f"'{params.path}'", settings)
    return settings


def _dynamic_rescale(params: _Section, steps: int) -> list[float]:
    """The factor of the clean signal falls evenly over the first `mid_step` timesteps and stays. The
    original rounds it to float32."""
    import numpy

    first = float(params.get("scale_a", (int, float), 1))
    last = float(params.get("scale_b", (int, float), 0.3))
    falling = params.get("mid_step", int, 400)
    if not (0 < falling <= steps and first > 0 and last > 0):
        raise ExportError(
            f"'{params.path}': '{params.name}' rescales from {first:g} to {last:g} over {falling}"
            f" of {steps} timesteps; expected factors above 0 and 1 to {steps} timesteps"
        )
    table = numpy.concatenate(
        [numpy.linspace(first, last, falling), numpy.full(steps - falling, last)]
    )
    return [float(factor) for factor in table.astype(numpy.float32)]
