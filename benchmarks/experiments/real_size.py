"""Models of true size through the whole path: make, export, load, two denoising steps.

    python benchmarks/run.py real_size modelscope --freeinit build/release/bin/freeinit
    python benchmarks/run.py real_size videocrafter --source VideoCrafter --freeinit build/release/bin/freeinit

Weights are random: time and memory do not depend on them. Needs about 24 GiB of free disk and 8 GiB
of memory; everything but the figures is deleted at the end. One thread unless OMP_NUM_THREADS says
otherwise. `run.py report` puts the figures into docs/models.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring.whole_process import measured, size_mib

BENCHMARKS = Path(__file__).resolve().parents[1]
FRAMES, SIZE, STEPS = 8, 128, 2  # frames, pixels, denoising steps of the run

# What `freeinit-export` is told, in the folder that models.py filled (for videocrafter: it draws the
# weights itself, {source} being the user's checkout of the original).
EXPORTS = {
    "animatediff": ["animatediff", "--base", "base", "--motion-module", "mm.ckpt", "bundle"],
    "animatediff-pipeline": ["diffusers", "pipeline", "bundle"],
    "modelscope": ["diffusers", "pipeline", "bundle"],
    "videocrafter": [
        "videocrafter", "bundle", "--source", "{source}", "--fill-zeros",
        "--config", "{source}/configs/inference_t2v_512_v2.0.yaml",
    ],
}


def run(model: str, freeinit: str, folder: Path, source: Path | None) -> Iterator[dict]:
    """The figures of the export; then, with them, those of the run."""
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "HF_HUB_OFFLINE": "1"}
    python = {"cwd": folder, "env": environment}
    if model != "videocrafter":
        measured([sys.executable, str(BENCHMARKS / "measuring" / "real_size_models.py"), model, str(folder)], env=environment)
    source_mib = size_mib(folder)
    arguments = [argument.format(source=source) for argument in EXPORTS[model]]
    exporter = [sys.executable, "-m", "freeinit_export", *arguments, "--quiet"]
    export = measured(exporter, **python)
    for path in folder.iterdir():
        if path.name != "bundle":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = {
        "source_mib": source_mib,
        "bundle_mib": size_mib(folder / "bundle"),
        "unet_mib": size_mib(folder / "bundle" / "unet.pt"),
        "export": export.figures(),
    }
    yield found
    command = [freeinit, "generate", "a corgi walking in the park", "--bundle", "bundle"]
    command += ["-o", "video.gif", "--num-inference-steps", str(STEPS), "--num-iters", "1"]
    command += ["--num-frames", str(FRAMES), "--height", str(SIZE), "--width", str(SIZE)]
    generate = measured([*command, "--seed", "1", "--json"], **python)
    found["generate"] = {
        "shape": f"{FRAMES} frames of {SIZE}x{SIZE}, {STEPS} steps with guidance, 1 pass",
        **generate.figures(),
        "phases": json.loads(generate.output)["seconds"],
    }
    yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=list(EXPORTS))
    parser.add_argument("--freeinit", required=True, help="the built command")
    parser.add_argument("--work", help="where to put the large files (default: the system's)")
    parser.add_argument("--figures", type=Path, default=BENCHMARKS / "results" / "real_size.json")
    parser.add_argument("--source", type=Path, help="videocrafter: checkout of the original")
    options = parser.parse_args()
    if (options.model == "videocrafter") != (options.source is not None):
        parser.error("--source goes with videocrafter, and only with it")
    freeinit = str(Path(options.freeinit).resolve())
    with tempfile.TemporaryDirectory(dir=options.work, prefix="freeinit-real-size.") as folder:
        source = options.source.resolve() if options.source else None
        for found in run(options.model, freeinit, Path(folder), source):
            known = json.loads(options.figures.read_text()) if options.figures.is_file() else {}
            known[options.model] = found
            options.figures.write_text(json.dumps(known, indent=2) + "\n")
    print(json.dumps(found, indent=2))

