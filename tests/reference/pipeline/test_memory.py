"""What `--dry-run` says beforehand against the process's peak, on the demo model.

Sizes at which the UNet, the decoder or the heap have most of it. Frames are few and steps one. Weights are small here,
so that the heap and pages of libraries have most of the peak. Those change by a tenth from run to run, hence the median
of five.
"""

from __future__ import annotations

import json
import shutil
import statistics
from pathlib import Path

import pytest
from command import Freeinit

LIMIT = 0.15
DEMO = Path(__file__).resolve().parents[3] / "models" / "shapes"
RECOMMENDED = json.loads((DEMO / "manifest.json").read_text())["recommended"]


def times(factor: int) -> list:
    """Of the recommended height and width."""
    return ["--height", factor * RECOMMENDED["height"], "--width", factor * RECOMMENDED["width"]]


RUNS = {
    "as recommended": [],
    "low memory": ["--low-memory"],
    "larger": times(2),
    "larger, low memory": [*times(2), "--low-memory"],
    "much larger": times(4),
    "a chunk of all frames": [*times(2), "--decode-chunk-size", 16],
    "one frame in tiles": [*times(8), "--num-frames", 1, "--vae-tiling"],
    "windows": [*times(2), "--context-length", 4],
    "no guidance": [*times(3), "--guidance-scale", 1],
}


@pytest.fixture
def freeinit(freeinit) -> Freeinit:
    """A process of its own, since its memory is measured."""
    return Freeinit(freeinit.path)


@pytest.mark.parametrize("run", RUNS)
def test_the_estimate_holds(freeinit, tmp_path, run):
    arguments = ["generate", "a red circle", "--bundle", DEMO, "--seed", 1, "--num-iters", 1]
    arguments += ["--num-inference-steps", 1, "--json", *RUNS[run]]
    planned = json.loads(freeinit.run([*arguments, "--dry-run"], tmp_path).stdout)["memory"]
    measured = statistics.median(
        json.loads(freeinit.run([*arguments, "-o", f"{i}.gif"], tmp_path).stdout)["memory"]["peak"] for i in range(5))
    print(f"{run}: said {planned['peak'] / 2**20:.0f} MiB, took {measured / 2**20:.0f} MiB")
    assert abs(measured / planned["peak"] - 1) < LIMIT


def test_it_does_not_hold_without_the_networks(freeinit, tmp_path):
    """The comparison can fail: activations count."""
    bundle = shutil.copytree(DEMO, tmp_path / "bundle")
    manifest = json.loads((bundle / "manifest.json").read_text())
    for network in manifest["memory"].values():
        network["per_latent"] = 0
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    arguments = ["generate", "a red circle", "--bundle", bundle, "--seed", 1, "--num-iters", 1]
    arguments += ["--num-inference-steps", 1, "--json", *times(4)]
    report = json.loads(freeinit.run([*arguments, "-o", "v.gif"], tmp_path).stdout)
    assert report["memory"]["peak"] / report["memory"]["estimated_peak"] - 1 > LIMIT
