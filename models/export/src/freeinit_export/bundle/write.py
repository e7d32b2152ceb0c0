"""From a VideoModel to a bundle: trace, compare, write, read again, publish."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from freeinit_export.bundle.manifest import canonical, file_records, rounded_up, write_manifest
from freeinit_export.bundle.preview import preview_of
from freeinit_export.bundle.staging import staged
from freeinit_export.errors import ExportError, Report, naming
from freeinit_export.networks.component import Component, VideoModel
from freeinit_export.networks.tokenizer import write_tokenizer
from freeinit_export.networks.torchscript_file import write_torchscript
from freeinit_export.networks.trace import trace_component
from freeinit_export.networks.verify import compare, expectations, save_expectations

# The section of the manifest that each network repeats as its contract.
SECTION = {
    "unet": "unet",
    "text_encoder": "text_encoder",
    "vae_decoder": "vae",
    "vae_encoder": "vae",
}


def write_bundle(
    model: VideoModel,
    out: Path,
    about: dict[str, str],
    recommended: dict[str, Any],
    overwrite: bool,
    report: Report,
) -> dict[str, float]:
    """Writes the bundle `out`; returns the largest relative difference by file. `about`: name,
    description, license. On any failure nothing is left behind. Empties `model.components`."""
    with (
        staged(out, overwrite) as folder,
        tempfile.TemporaryDirectory() as scratch,
        torch.no_grad(),
    ):
        with naming("tokenizer", "CLIP's tokenizer"):
            tokenizer = write_tokenizer(model.tokenizer, folder)
        tokenizer["max_length"] = model.max_text_length
        report("tokenizer: vocab.json and merges.txt encode as the original does")
        sections, worst = _write_networks(model, folder, Path(scratch), report)
        report.step("reading the files again in a fresh process")
        reread, memory = _check_in_fresh_process(folder, Path(scratch), sections)
        report(f"read again by a fresh process: largest difference {max(reread.values()):.2g}")
        write_manifest(
            folder / "manifest.json",
            {
                "name": about["name"],
                "family": model.family,
                "description": about["description"],
                "license": about["license"],
                "created_by": model.created_by,
                "files": file_records(folder),
                **sections,
                "memory": memory,
                "preview": preview_of(folder, sections["vae"], report),
                "tokenizer": tokenizer,
                "scheduler": model.scheduler,
                "recommended": recommended,
            },
        )
    return {name: max(value, worst[name]) for name, value in reread.items()}


def _write_networks(
    model: VideoModel, folder: Path, scratch: Path, report: Report
) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Traces, compares and writes the networks; returns the final sections of the manifest and the
    largest difference by file.

    Each network is let go once it is written, so that the process that reads the files again does
    not need memory beside them.
    """
    dtype = {"dtype": str(model.dtype).removeprefix("torch.")}
    sections = {name: {**getattr(model, name), **dtype} for name in sorted(set(SECTION.values()))}
    worst = {}
    for role in list(model.components):
        component = model.components.pop(role)
        section = sections[SECTION[role]]
        with naming(component.file, "a network that runs, and room for its file"):
            worst[component.file] = _write_network(component, section, folder, scratch, report)
        del component
        gc.collect()
    return sections, worst


def _write_network(
    component: Component, section: dict[str, Any], folder: Path, scratch: Path, report: Report
) -> float:
    """Returns the largest difference; `section` gets it where it says what was compared."""

    def step(doing: str):
        return lambda i, n: report.step(f"{component.file}: {doing} {i} of {n}")

    expected = expectations(component, step("running the original,"))
    save_expectations(scratch / component.file, expected)
    report.step(f"{component.file}: tracing")
    traced = trace_component(component)
    difference = compare(component.file, traced, expected, step=step("comparing,"))
    if "verified_shapes" in section:
        section["verified_max_relative_error"] = rounded_up(difference)
    report.step(f"{component.file}: writing")
    write_torchscript(folder / component.file, traced, canonical(section))
    report(
        f"{component.file}: equal to the original at {len(expected)} other shapes, largest"
        f" difference {difference:.2g}"
    )
    return difference


def _check_in_fresh_process(
    folder: Path, scratch: Path, sections: dict[str, dict[str, Any]]
) -> tuple[dict[str, float], dict[str, dict[str, int]]]:
    """The largest difference by file and the memory by network. `scratch` holds the expected
    outputs of every network, under the network's file name."""
    checks = [
        {
            "role": expected.stem,
            "file": str(folder / expected.name),
            "expectations": str(expected),
            "contract": canonical(sections[SECTION[expected.stem]]),
        }
        for expected in sorted(scratch.glob("*.pt"))
    ]
    request = scratch / "checks.json"
    request.write_text(json.dumps(checks), encoding="utf-8")
    answer = _answer_of_fresh_process(request)
    if "error" in answer:
        raise ExportError(f"after saving, in a fresh process: {answer['error']}")
    return answer["worst"], answer["memory"]


def _answer_of_fresh_process(request: Path) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "freeinit_export.bundle.reload_check",
        str(request),
        str(torch.get_num_threads()),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise ExportError(f"the check in a fresh process ended with code {done.returncode}: {last}")
