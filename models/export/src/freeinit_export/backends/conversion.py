"""`freeinit-export backend`: adds a converted UNet to a bundle that exists.

The TorchScript file in the bundle is the original: it is converted, the converted network is
compared with it at other shapes and timesteps, and only then is the manifest changed.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from freeinit_export.backends.table import backend_module
from freeinit_export.bundle.manifest import (
    canonical,
    file_record,
    file_records,
    read_manifest,
    replace_manifest,
    rounded_up,
)
from freeinit_export.errors import ExportError, Report, naming, one_line
from freeinit_export.networks.component import Inputs
from freeinit_export.networks.torchscript_file import read_torchscript
from freeinit_export.networks.unet_inputs import random_inputs
from freeinit_export.networks.verify import Expectation, compare

_TIMESTEPS = (999, 37, 500)


def add_backend(name: str, bundle: Path, report: Report, prompts: Sequence[str] = ()) -> float:
    """Adds backend `name` to the bundle; returns the largest relative difference. On any failure
    the bundle stays as it was. `prompts`: of the videos to calibrate it with, if not the usual ones."""
    manifest = _checked_manifest(bundle)
    unet = manifest["unet"]
    if unet.get("dtype") != "float32":
        raise ExportError(f"unet: is in {unet.get('dtype')}; expected float32, as CPUs want it")
    network = _load(bundle / unet["file"], unet)
    backend = backend_module(name)
    probes = _probes(unet)
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=bundle) as staging, torch.no_grad():
        expected = [Expectation("__call__", probe, (network(*probe),)) for probe in probes]
        file = Path(staging) / backend.FILE
        calibration = partial(_calibration, network, bundle, manifest, prompts, report)
        backend.convert(network, probes[0], canonical(unet), file, calibration)
        report(f"converted for {name}")
        difference = compare(backend.FILE, backend.runner(file), expected, backend.TOLERANCE)
        report(
            f"within {backend.TOLERANCE:g} of the original at {len(probes)} inputs, largest"
            f" difference {difference:.2g}"
        )
        _publish(
            bundle,
            manifest,
            Path(staging),
            name,
            {
                "file": backend.FILE,
                "converted_from": manifest["files"][unet["file"]]["sha256"],
                "verified_max_relative_error": rounded_up(difference),
            },
        )
    return difference


def _checked_manifest(bundle: Path) -> dict[str, Any]:
    """The manifest, whose record of the UNet's file holds."""
    manifest = read_manifest(bundle)
    with naming(f"'{bundle / 'manifest.json'}'", "the manifest of a bundle"):
        file = manifest["unet"]["file"]
        record = manifest["files"][file]
        found = file_record(bundle / file)
        for entry in manifest.get("unet_backends", {}).values():
            Path(entry["file"])
    if record != found:
        raise ExportError(f"'{bundle / file}': is not the file that manifest.json lists")
    return manifest


def _load(path: Path, section: dict[str, Any]) -> torch.jit.ScriptModule:
    """The network, which says of itself what `section` says."""
    try:
        network, contract = read_torchscript(path)
    except Exception as error:  # the loader raises RuntimeError and its kin
        raise ExportError(f"'{path}': cannot be loaded: {one_line(error)}")
    if contract != canonical(section):
        raise ExportError(f"'{path}': does not say of itself what manifest.json says of it")
    network.eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


def _probes(unet: dict[str, Any]) -> list[Inputs]:
    """The inputs to compare at: the shapes at which the TorchScript file itself was compared."""
    shapes = unet["verified_shapes"]
    if not shapes:
        raise ExportError("unet: 'verified_shapes' is empty; expected a shape to compare at")
    timesteps = itertools.cycle(_TIMESTEPS)
    inputs = partial(random_inputs, unet["in_channels"], unet["context_dim"], torch.float32)
    return [inputs(shape, timestep) for shape, timestep in zip(shapes, timesteps)]


def _calibration(
    network: torch.jit.ScriptModule,
    bundle: Path,
    manifest: dict[str, Any],
    prompts: Sequence[str],
    report: Report,
) -> list[Inputs]:
    # Imported late: the other backends do without diffusers and transformers.
    from freeinit_export.backends.calibration import PROMPTS, denoising_inputs

    prompts = prompts or PROMPTS
    report.step(f"making {len(prompts)} videos to calibrate with")
    with naming(f"'{bundle}'", "a model that can be sampled"):
        return denoising_inputs(network, bundle, manifest, prompts)


def _publish(
    bundle: Path, manifest: dict[str, Any], staging: Path, name: str, entry: dict[str, Any]
) -> None:
    """Moves the new files into the bundle, then the manifest that names them; removes the file of
    another name that this form was in."""
    backends = manifest.setdefault("unet_backends", {})
    former = backends.get(name, entry)["file"]
    backends[name] = entry
    gives_way = former != entry["file"] and _is_its_own(bundle, manifest, former)
    if gives_way:
        manifest["files"].pop(former, None)
    manifest["files"].update(file_records(staging))
    for path in sorted(staging.rglob("*")):
        if path.is_file():
            target = bundle / path.relative_to(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
    replace_manifest(bundle, manifest)
    if gives_way:
        (bundle / former).unlink(missing_ok=True)


def _is_its_own(bundle: Path, manifest: dict[str, Any], former: str) -> bool:
    """Whether the file is inside the bundle and nothing else in the manifest, which may be
    anybody's, names it."""
    others = json.dumps({key: value for key, value in manifest.items() if key != "files"})
    inside = (bundle / former).resolve().is_relative_to(bundle.resolve())
    return inside and json.dumps(former) not in others
