"""Whole processes: `freeinit generate` against a Python script that imports, loads and runs diffusers.

    python benchmarks/run.py startup build/freeinit --threads 1

Both make the demo video with FreeInit and write a GIF, in turns, from process start to end. Also how
long `freeinit generate` takes from process start to its first UNet call, by measuring/first_call.py. Writes
results/startup.json.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

from measuring.child import run_to_end
from measuring.first_call import first_call, medians
from measuring.models import DEMO, PROMPT, SIZES, Model, prepare_apart
from measuring.options import conditions, measuring_parser, write_result

SCRIPT = """
import sys
import torch
torch.set_num_threads(int(sys.argv[5]))
from diffusers import AnimateDiffPipeline
from diffusers.utils import export_to_gif
pipeline = AnimateDiffPipeline.from_pretrained(sys.argv[1])
pipeline.set_progress_bar_config(disable=True)
pipeline.enable_free_init(num_iters=int(sys.argv[3]))
video = pipeline(sys.argv[6], num_frames=int(sys.argv[8]), height=int(sys.argv[9]), width=int(sys.argv[9]),
                 guidance_scale=float(sys.argv[7]), num_inference_steps=int(sys.argv[4]),
                 generator=torch.Generator().manual_seed(7))
export_to_gif(video.frames[0], sys.argv[2])
"""


def timed(command: list, threads: int) -> dict:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    start = time.perf_counter()
    usage = run_to_end(command, env=environment)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }


def diffusers_process(model: Model, options) -> list:
    """The command line of a process that makes the video of `freeinit_process` with diffusers."""
    scale = json.loads((model.bundle / "manifest.json").read_text())["recommended"]["guidance_scale"]
    return [sys.executable, "-c", SCRIPT, model.pipeline, options.work / "whole.gif", options.passes, options.steps,
            options.threads, PROMPT, scale, SIZES[model.size].frames, SIZES[model.size].height]  # fmt: skip


def freeinit_process(bundle: Path, options, *more: str) -> list:
    return [options.freeinit, "generate", PROMPT, "--bundle", bundle, "--seed", 7, "--num-iters", options.passes,
            "--num-inference-steps", options.steps, "--threads", options.threads, "-o", options.work / "whole.gif",
            "--overwrite", *more]  # fmt: skip


def medians_of_turns(programs: dict[str, list], options) -> dict[str, dict]:
    """Runs the programs in turns; the first turn fills the caches of the disk and does not count."""
    samples: dict[str, list[dict]] = {name: [] for name in programs}
    for index in range(options.repeats + 1):
        for name, command in programs.items():
            found = timed(command, options.threads)
            if index:
                samples[name].append(found)
            print(f"{name}: {found['seconds']:.2f} s, {found['peak_mib']:.0f} MiB", flush=True)
    return {
        name: {key: round(statistics.median(s[key] for s in found), 3) for key in found[0]}
        for name, found in samples.items()
    }


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5, steps=25, passes=3)
    parser.add_argument("freeinit", help="the built command")
    options = parser.parse_args()

    bundle = DEMO  # as it ships, whatever was converted in the work folder
    programs = {
        "diffusers": diffusers_process(prepare_apart("demo", options.work), options),
        "freeinit generate": freeinit_process(bundle, options),
    }
    found = medians_of_turns(programs, options)
    here = ["--bundle", str(bundle), "--threads", str(options.threads)]
    rounds = range(2 * options.repeats + 1)  # short runs; the first notes the hashes of the bundle
    calls = [first_call(options.freeinit, here) for _ in rounds][1:]
    result = {
        "conditions": conditions(options),
        "first_call": medians(calls),
        "repeats": options.repeats,
        "programs": found,
    }
    write_result(options.results / "startup.json", result)

