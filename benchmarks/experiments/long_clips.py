"""Clips longer than the model: seams between windows, time and memory by length, on the demo model.

    python benchmarks/run.py long_clips build/bin/freeinit --threads 1

A seam is the mean absolute change of latents between two frames at a border of windows, over that between
all other neighbours; 1 is no seam. Borders are where static windows begin or end; each pass of a run counts.
Time is processor time of a step alone, for each frame that the network sees, against a clip of one window.
Memory is the peak resident set of the whole process. The longer clip has the first two kinds of windows
alone. Writes results/long_clips.json.
"""

from __future__ import annotations

import json
import statistics

from experiments.startup import timed
from measuring.models import PROMPT, ROOT
from measuring.options import conditions, measuring_parser, write_result
from safetensors.torch import load_file

LENGTH, OVERLAP = 16, 4
PLAIN = {"schedule": "static", "noise": "random"}
SEAMS = [
    {**PLAIN, "overlap": 0},
    {**PLAIN, "overlap": OVERLAP},
    {**PLAIN, "overlap": OVERLAP, "schedule": "uniform"},
    {**PLAIN, "overlap": OVERLAP, "noise": "shuffle_context"},
]


def generate(options, frames: int, steps: int, passes: int, kind: dict, seed: int, *more) -> dict:
    bundle = ROOT / "models" / "shapes"
    return timed([options.freeinit, "generate", PROMPT, "--bundle", bundle, "--num-frames", frames, "--seed", seed,
                  "--num-inference-steps", steps, "--num-iters", passes, "--threads", options.threads,
                  "--context-length", LENGTH, "--context-overlap", kind["overlap"],
                  "--context-schedule", kind["schedule"], "--long-noise", kind["noise"],
                  "-o", options.work / "long.gif", "--overwrite", *more], options.threads)  # fmt: skip


def starts(frames: int, overlap: int) -> list[int]:
    """Of static windows: the last one ends with the clip."""
    stride = LENGTH - overlap
    return [min(first, frames - LENGTH) for first in range(0, frames - overlap, stride)]


def seam(latents, overlap: int) -> float:
    """Of latents [1,C,F,h,w]."""
    change = (latents[:, :, 1:] - latents[:, :, :-1]).abs().mean(dim=(0, 1, 3, 4)).tolist()
    edges = {edge for first in starts(latents.shape[2], overlap) for edge in (first, first + LENGTH)}
    at_borders = [value for i, value in enumerate(change) if i + 1 in edges]
    inside = [value for i, value in enumerate(change) if i + 1 not in edges]
    return statistics.mean(at_borders) / statistics.mean(inside)


def seams(options) -> list[dict]:
    rows = []
    for frames, kinds in zip(options.frames, (SEAMS, SEAMS[:2]), strict=True):
        for kind in kinds:
            row = {"frames": frames, **kind, "seams": {}}
            for seed in range(1, options.seeds + 1):
                folder = options.work / "long_passes"
                generate(options, frames, options.steps, options.passes, kind, seed, "--save-passes", folder)
                for number in range(1, options.passes + 1):
                    found = seam(load_file(folder / f"pass_{number}.safetensors")["latents"], kind["overlap"])
                    row["seams"].setdefault(number, []).append(round(found, 3))
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def costs(options) -> list[dict]:
    """Steps are the difference of two runs, so that loading and decoding fall out of the time."""
    few, many = 2, 10
    rows = []
    for frames in (LENGTH, *options.frames):
        kind = SEAMS[1]
        seconds, peaks = [], []
        for _ in range(options.repeats):
            short, long = (generate(options, frames, steps, 1, kind, 1) for steps in (few, many))
            seconds.append((long["cpu_seconds"] - short["cpu_seconds"]) / (many - few))
            peaks.append(long["peak_mib"])
        seen = LENGTH * len(starts(frames, OVERLAP)) if frames > LENGTH else frames
        rows.append({"frames": frames, "frames_seen": seen, "seconds_per_step": round(statistics.median(seconds), 4),
                     "peak_mib": round(statistics.median(peaks))})  # fmt: skip
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=3, steps=15, passes=3, seeds=2)
    parser.add_argument("freeinit", help="the built command")
    parser.add_argument("--frames", type=int, nargs=2, default=[64, 128])
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    result = {"conditions": conditions(options), "repeats": options.repeats, "length": LENGTH, "overlap": OVERLAP}
    result["costs"] = costs(options)
    result["seams"] = seams(options)
    write_result(options.results / "long_clips.json", result)


if __name__ == "__main__":
    main()
