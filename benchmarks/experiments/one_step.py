"""One step and the decoding of its video at true size, beside the peers.

    python benchmarks/run.py one_step build/benchmarks/compare_worker --threads 1 --size animatediff-512
    python benchmarks/run.py one_step ... --size videocrafter-320x512 --source VideoCrafter

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

from experiments.compare import difference, jobs_of, start, summary
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


def precision(name: str) -> str:
    return "bfloat16" if name.endswith("bfloat16") else "float32"


def turn(name: str, model: Model, job: dict, output: Path, options) -> dict:
    worker = start(name, model, model.pipeline.parent, options)
    try:
        found = worker.ask(job="generate", **job, output=str(output))
    finally:
        worker.close()
    print(f"  {name}: {found['cpu_seconds']:.1f} s, {found['peak_mib'] / 1024:.1f} GiB", flush=True)
    return {**found, "load_seconds": worker.loaded["load_seconds"]}


def figures(samples: list[dict], difference: float) -> dict:
    parts = {part: statistics.median(sample["parts"][part] for sample in samples) for part in PARTS}
    return {**summary(samples), "parts": parts, "load_seconds": samples[0]["load_seconds"], "difference": difference}


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=3, steps=1, passes=1)
    parser.add_argument("program", help="the built compare_worker")
    parser.add_argument("--size", choices=list(TRUE_SIZES), required=True)
    parser.add_argument("--source", type=Path, help="of videocrafter: a checkout of the original")
    parser.add_argument("--only", nargs="+", help="peers")
    parser.add_argument("--name", default="one_step", help="of the results")
    options = parser.parse_args()
    options.only = options.only or (PEERS_OF_VIDEOCRAFTER if options.size.startswith("videocrafter") else PEERS)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(options.work / "inductor"))
    model = prepare_true_size(options.size, options.work, options.source)
    folder = model.pipeline.parent
    options.jobs = ["generate"]
    job = {**jobs_of(model, folder, options)["generate"], "parts": True, "decode_chunk_size": 1}
    base = reference_of(options.only)
    rounds: dict[str, list[dict]] = {name: [] for name in options.only}
    outputs = {name: folder / f"one-step-{name}.safetensors" for name in options.only}
    for index in range(options.repeats):
        turns = options.only if index % 2 == 0 else reversed(options.only)
        for name in turns:
            rounds[name].append(turn(name, model, job, outputs[name], options))
        found = {name: difference(outputs[name], outputs[base]) for name in options.only}
        for name, off in found.items():
            if off > TOLERANCE[precision(name)]:
                raise SystemExit(f"{name} computes something else: {off:.3g}")
        result = {
            "size": options.size,
            "conditions": conditions(options),
            "repeats": index + 1,
            "unet_gflop": round(sum(model.unet_flops.values()) / 1e9, 1),
            "peers": {name: figures(samples, found[name]) for name, samples in rounds.items()},
        }
        write_result(options.results / f"{options.name}_{options.size}.json", result)
