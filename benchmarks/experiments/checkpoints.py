"""What `--checkpoint` costs of a run at mid size, as often as it writes by default.

    python benchmarks/run.py checkpoints build/bin/freeinit --threads 1

Whole processes with and without it take turns. The cost lies far below what their times differ by from
round to round, so that one write is bounded by itself, too: a run of the demo model on latents of the same
shape that writes after every call, against one that writes nothing; of the rounds the largest difference
counts. Writes results/checkpoints.json.
"""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path

from experiments.startup import timed
from measuring.models import PROMPT, SIZES, Model, prepare_apart
from measuring.options import conditions, measuring_parser, write_result
from measuring.rounds import ratio_interval

EVERY = 10  # the default of --checkpoint-every
MANY = 150  # calls of the demo model


def line(program: Path, model: Model, steps: int, passes: int, folder: Path) -> list:
    pixels = SIZES["mid"].latent * SIZES[model.size].scale
    return [program, "generate", PROMPT, "--bundle", model.bundle, "--seed", 7, "--num-frames", SIZES["mid"].frames,
            "--height", pixels, "--width", pixels, "--num-inference-steps", steps, "--num-iters", passes,
            "--overwrite", "-o", folder / "clip.gif"]  # fmt: skip


def in_turns(plain: list, keeping: list, options, kept: Path) -> dict[str, dict]:
    """Medians and all rounds of both."""
    rounds: dict[str, list] = {"without": [], "with": []}
    for _ in range(options.repeats):
        for name, command in (("without", plain), ("with", keeping)):
            shutil.rmtree(kept, ignore_errors=True)
            found = timed(command, options.threads)
            rounds[name].append(found["cpu_seconds"])
            print(f"  {name}: {found['cpu_seconds']:.2f} s", flush=True)
    return {name: {"cpu_seconds": statistics.median(all_of), "all_cpu_seconds": all_of}
            for name, all_of in rounds.items()}  # fmt: skip


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=3, steps=10, passes=2, threads=1)
    parser.add_argument("freeinit", type=Path, help="the built command")
    options = parser.parse_args()
    folder = options.work / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "kept"
    keep = ["--checkpoint", kept]

    demo = prepare_apart("demo", options.work)
    many = line(options.freeinit, demo, MANY, 1, folder)
    apart = in_turns(many, [*many, *keep, "--checkpoint-every", 1], options, kept)
    pairs = zip(apart["with"]["all_cpu_seconds"], apart["without"]["all_cpu_seconds"], strict=True)
    write = max(abs(a - b) for a, b in pairs) / MANY

    mid = prepare_apart("mid", options.work)
    run = line(options.freeinit, mid, options.steps, options.passes, folder)
    whole = in_turns(run, [*run, *keep], options, kept)
    writes = options.passes * -(-options.steps // EVERY) + 2  # what was asked for, and that it is done
    write_result(options.results / "checkpoints.json", {
        "conditions": conditions(options), "repeats": options.repeats, "size": "mid", "programs": whole,
        "ratio_interval": ratio_interval(whole["with"], whole["without"], "cpu_seconds"),
        "write_seconds": write, "writes": writes,
        "share": write * writes / whole["without"]["cpu_seconds"],
    })  # fmt: skip


if __name__ == "__main__":
    main()
