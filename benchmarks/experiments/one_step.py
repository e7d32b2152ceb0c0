"""One step and the decoding of its video at true size, beside the peers.

    python benchmarks/run.py one_step build/benchmarks/compare_worker --threads 1 --size animatediff-512
    python benchmarks/run.py one_step ... --size videocrafter-320x512 --source VideoCrafter
    python benchmarks/run.py one_step ... --calls       # compares one call of the UNet, too: a call more a peer

A video of 16 frames: the text, one call of the UNet with guidance, 16 frames decoded one at a time. The
models have the true architectures and random weights. Python's peers run in a plain loop, in which
diffusers' own networks take what they take in its pipeline; so do VideoCrafter's from a checkout of it. A
peer is a process of its own for each round, since no two fit into memory: the first call counts, as it does
for who makes one video. Every other round goes backwards. Writes results/one_step_SIZE.json after every
round, so a run can be ended when there are enough.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path

from experiments.compare import EXACT, EXACT_CALL, difference, jobs_of, start, summary
from measuring.models import TRUE_SIZES, Model, prepare_true_size
from measuring.options import conditions, measuring_parser, write_result
from measuring.reference import reference_of

PEERS = ("diffusers", "diffusers-compile", "openvino", "freeinit-float16-weights",
         "openvino-bfloat16", "freeinit-bfloat16")  # fmt: skip
# Which diffusers does not have, so that Python's other peers have no text encoder and VAE.
PEERS_OF_VIDEOCRAFTER = ("videocrafter", "freeinit-openvino", "freeinit-float16-weights", "freeinit-bfloat16")
PARTS = ("text", "unet", "decode")
# Largest difference of latents, relative to their largest value: a step with guidance scale 7.5 multiplies
# that of a call by up to 15. bfloat16 has three digits; what it does to a video is measured elsewhere.
TOLERANCE = {"float32": 2e-3, "bfloat16": 1e-2}
# Of a single call: compare.py's, and of bfloat16 three times the largest at mid size, .66 % (narrow_convolutions).
CALL = {"float32": 1e-4, "bfloat16": 2e-2}
FIGURES = {"generate": "difference", "unet": "call_difference"}


def precision(name: str) -> str:
    return "bfloat16" if name.endswith("bfloat16") else "float32"


def turn(name: str, model: Model, jobs: dict, outputs: dict[str, Path], options) -> dict:
    """Of the jobs that have an output; the figures are those of the first."""
    worker = start(name, model, model.pipeline.parent, options)
    try:
        found, *_ = [worker.ask(job=job, **jobs[job], output=str(output)) for job, output in outputs.items()]
    finally:
        worker.close()
    print(f"  {name}: {found['cpu_seconds']:.1f} s, {found['peak_mib'] / 1024:.1f} GiB", flush=True)
    return {**found, "load_seconds": worker.loaded["load_seconds"]}


def figures(samples: list[dict], differences: dict[str, float]) -> dict:
    parts = {part: statistics.median(sample["parts"][part] for sample in samples) for part in PARTS}
    return {**summary(samples), "parts": parts, "load_seconds": samples[0]["load_seconds"], **differences}


def differences(outputs: dict[str, dict[str, Path]], base: str) -> dict[str, dict[str, float]]:
    """Of each peer's latents, and of its single call where there is one; ends the run where one is too large."""
    found = {}
    for name, files in outputs.items():
        off = {job: difference(file, outputs[base][job]) for job, file in files.items()}
        limits = {"generate": TOLERANCE[precision(name)], "unet": EXACT_CALL if name in EXACT else CALL[precision(name)]}
        for job, value in off.items():
            if value > limits[job]:
                raise SystemExit(f"{name} computes something else: {job} {value:.3g} > {limits[job]:g}")
        found[name] = {FIGURES[job]: value for job, value in off.items()}
    return found


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=3, steps=1, passes=1)
    parser.add_argument("program", help="the built compare_worker")
    parser.add_argument("--size", choices=list(TRUE_SIZES), required=True)
    parser.add_argument("--source", type=Path, help="of videocrafter: a checkout of the original")
    parser.add_argument("--only", nargs="+", help="peers")
    parser.add_argument("--calls", action="store_true", help="compare a single call, too")
    parser.add_argument("--name", default="one_step", help="of the results")
    options = parser.parse_args()
    options.only = options.only or (PEERS_OF_VIDEOCRAFTER if options.size.startswith("videocrafter") else PEERS)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(options.work / "inductor"))
    model = prepare_true_size(options.size, options.work, options.source)
    folder = model.pipeline.parent
    options.jobs = ["generate", "unet"] if options.calls else ["generate"]
    jobs = jobs_of(model, folder, options)
    jobs["generate"] |= {"parts": True, "decode_chunk_size": 1}
    base = reference_of(options.only)
    rounds: dict[str, list[dict]] = {name: [] for name in options.only}
    outputs = {name: {job: folder / f"one-step-{job}-{name}.safetensors" for job in jobs} for name in options.only}
    for index in range(options.repeats):
        turns = options.only if index % 2 == 0 else reversed(options.only)
        for name in turns:
            once = {job: file for job, file in outputs[name].items() if job == "generate" or index == 0}
            rounds[name].append(turn(name, model, jobs, once, options))
        found = differences(outputs, base)
        result = {
            "size": options.size,
            "conditions": conditions(options),
            "repeats": index + 1,
            "unet_gflop": round(sum(model.unet_flops.values()) / 1e9, 1),
            "peers": {name: figures(samples, found[name]) for name, samples in rounds.items()},
        }
        write_result(options.results / f"{options.name}_{options.size}.json", result)
