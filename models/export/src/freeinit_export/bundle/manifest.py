"""`manifest.json`: what a bundle is, and the contracts its networks repeat."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from freeinit_export import __version__
from freeinit_export.errors import ExportError, naming

SCHEMA = 1

# Recommended settings and what a value must be. Keys of "filter" are written "filter.KEY" by the
# user.
_METHODS = ("butterworth", "gaussian", "ideal", "box")
RECOMMENDED: dict[str, Any] = {
    "num_frames": 16,
    "height": 512,
    "width": 512,
    "fps": 8.0,
    "num_inference_steps": 25,
    "guidance_scale": 7.5,
    "eta": 0.0,
    "num_iters": 3,
    "negative_prompt": "",
    "filter": {
        "method": "butterworth",
        "order": 4.0,
        "spatial_stop_frequency": 0.25,
        "temporal_stop_frequency": 0.25,
    },
}


def provenance(
    source: str, details: dict[str, str], packages: tuple[ModuleType, ...] = ()
) -> dict[str, str]:
    """What a bundle was made from and with."""
    versions = {package.__name__: package.__version__ for package in (torch, *packages)}
    return {
        "exporter": f"freeinit-export {__version__}",
        "source": source,
        **details,
        **versions,
        "python": platform.python_version(),
    }


def canonical(section: dict[str, Any]) -> str:
    """The text of a contract: sorted keys, no white space. The loader computes the same from the
    manifest."""
    return json.dumps(section, sort_keys=True, separators=(",", ":"), allow_nan=False)


def rounded_up(value: float) -> float:
    """`value` with two digits, not smaller: short decimals print the same in Python and in C++."""
    if value == 0.0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step - 1e-9) * step:.1e}")


def recommended_settings(
    defaults: dict[str, Any], changes: list[str], max_frames: int | None = None, multiple: int = 1
) -> dict[str, Any]:
    """`RECOMMENDED` with the model's `defaults` and the user's `KEY=VALUE` on top. The model takes
    at most `max_frames` frames, and height and width that are multiples of `multiple` pixels."""
    group = {**RECOMMENDED["filter"], **defaults.get("filter", {})}
    settings = {**RECOMMENDED, **defaults, "filter": group}
    for change in changes:
        key, equals, text = change.partition("=")
        group, leaf = (
            (settings["filter"], key[7:]) if key.startswith("filter.") else (settings, key)
        )
        if not equals or leaf not in group or isinstance(group[leaf], dict):
            known = [k for k in RECOMMENDED if k != "filter"]
            known += [f"filter.{k}" for k in RECOMMENDED["filter"]]
            raise ExportError(
                f"recommended '{change}': expected KEY=VALUE with KEY of {', '.join(known)}"
            )
        group[leaf] = _parsed(change, type(group[leaf]), text)
    _check_recommended(settings)
    if max_frames is not None and settings["num_frames"] > max_frames:
        raise ExportError(
            f"recommended num_frames {settings['num_frames']}: the model makes at most {max_frames};"
            f" expected 1 to {max_frames}"
        )
    for key in ("height", "width"):
        if settings[key] % multiple:
            raise ExportError(
                f"recommended {key} {settings[key]}: expected a multiple of {multiple}, as the model"
                " takes it"
            )
    return settings


def _parsed(change: str, kind: type, text: str) -> Any:
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind is bool:
        raise ExportError(f"recommended '{change}': expected true or false")
    try:
        value = kind(text)
    except ValueError:
        raise ExportError(f"recommended '{change}': expected a value of type {kind.__name__}")
    if kind is float and not math.isfinite(value):
        raise ExportError(f"recommended '{change}': expected a finite number")
    return value


def _check_recommended(settings: dict[str, Any]) -> None:
    for key in ("num_frames", "height", "width", "num_inference_steps", "num_iters"):
        if settings[key] < 1:
            raise ExportError(f"recommended {key} {settings[key]}: expected 1 or more")
    if settings["filter"]["method"] not in _METHODS:
        method = settings["filter"]["method"]
        raise ExportError(
            f"recommended filter.method '{method}': expected one of {', '.join(_METHODS)}"
        )


def file_records(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file in `folder`, by relative path."""
    return {
        path.relative_to(folder).as_posix(): file_record(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def file_record(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def read_manifest(bundle: Path) -> dict[str, Any]:
    path = bundle / "manifest.json"
    with naming(f"'{path}'", "the manifest of a bundle"):
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"holds {name}, which JSON does not have")


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    text = json.dumps({"schema": SCHEMA, **manifest}, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def replace_manifest(bundle: Path, manifest: dict[str, Any]) -> None:
    """The whole manifest of a bundle that exists, in one step."""
    fresh = bundle / ".manifest.json"
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(bundle / "manifest.json")
