"""Times freeinit and what a user would take instead, on the same weights, in one run.

    cmake -S . -B build -DFREEINIT_BUILD_BENCHMARKS=ON && cmake --build build --target compare_worker
    pip install -r benchmarks/compare/requirements.txt && pip install -e models/export
    python benchmarks/compare/compare.py build/benchmarks/compare_worker --threads 2

Every peer is a process of its own with its model loaded once. First all compute the same thing, and
the run ends if one does not; then they take turns, round by round, one at a time. Figures are
medians of the rounds; memory is the largest resident set of the process, load included. The rate of
a large matrix product is measured in every round too. Writes results/NAME_SIZE.json, one run in one
file, which report.py makes a table of docs/performance.md of. What is measured with `--only` or
`--jobs` replaces the whole file too, as a ratio of figures of two runs says little: give `--name`
for a run of its own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from measuring import conditions, measuring_parser, write_result
from models import PROMPT, SIZES, Model, ensure_backend, prepare, unet_inputs
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
REFERENCE = "diffusers"
# Largest difference relative to the largest value. One call: other kernels sum in another order. A
# generation repeats that some dozen times, each step on the last one's result.
TOLERANCE = {"unet": 1e-4, "generate": 1e-3}
MATMUL = 3072  # rows and columns of the large product


class Worker:
    """One peer; `ask` blocks until it answers."""

    def __init__(self, name: str, command: list[str], threads: int, more: dict[str, str] | None = None):
        """`more`: variables of its environment."""
        self.name = name
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "0"}
        environment |= more or {}
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.loaded = self._answer()

    def ask(self, **job) -> dict:
        print(json.dumps(job), file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: the worker ended with code {self.process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def start(name: str, model: Model, folder: Path, options) -> Worker:
    if name.startswith("freeinit-"):
        backend = name.removeprefix("freeinit-")
        ensure_backend(model, backend)
        command = [options.program, model.bundle, options.threads, backend]
    else:
        if name == "openvino":  # the same converted file
            ensure_backend(model, "openvino")
        if name == "onnxruntime" and not (folder / "onnx").exists():
            subprocess.run([sys.executable, HERE / "convert_onnx.py", folder], check=True)
        command = [sys.executable, HERE / "worker.py", name, folder, "--threads", options.threads]
    return Worker(name, command, options.threads)


def jobs_of(model: Model, folder: Path, options) -> dict[str, dict]:
    """`generate` first: its peak of memory is then not that of an earlier job."""
    inputs = folder / "inputs.safetensors"
    save_file(unet_inputs(model.size), inputs)
    shape = SIZES[model.size]
    recommended = json.loads((model.bundle / "manifest.json").read_text())["vae"]
    pixels = shape.latent * recommended["spatial_scale"]
    jobs = {
        "generate": {
            "prompt": PROMPT,
            "seed": 7,
            "num_frames": shape.frames,
            "height": pixels,
            "width": pixels,
            "num_inference_steps": options.steps,
            "num_iters": options.passes,
            "guidance_scale": shape.guidance_scale,
        },
        "unet": {"input": str(inputs), "timestep": 500},
    }
    return {name: jobs[name] for name in jobs if name in options.jobs}


def difference(path: Path, reference: Path) -> float:
    found, expected = load_file(path)["latents"], load_file(reference)["latents"]
    if found.shape != expected.shape or not torch.isfinite(found).all():
        return float("inf")
    return ((found - expected).abs().max() / expected.abs().max()).item()


def check(workers: dict[str, Worker], job: str, settings: dict, folder: Path) -> dict[str, dict]:
    """One call of every peer, compared with diffusers; also the warm-up."""
    reference = folder / f"{job}-{REFERENCE}.safetensors"
    seen = {}
    for name in sorted(workers, key=lambda name: name != REFERENCE):
        output = folder / f"{job}-{name}.safetensors"
        first = workers[name].ask(job=job, **settings, output=str(output))
        found = difference(output, reference) if reference.exists() else float("nan")
        print(f"  {job} {name}: first {first['seconds']:.2f} s, difference {found:.2g}", flush=True)
        if found > TOLERANCE[job]:
            raise SystemExit(f"{name} computes something else: {found:.3g} > {TOLERANCE[job]:g}")
        seen[name] = {"difference": found, "first_seconds": first["seconds"]}
    return seen


def measure(workers: dict[str, Worker], jobs: dict, folder: Path, options) -> dict:
    results: dict[str, dict] = {name: {} for name in workers}
    matmul: list[dict] = []
    if REFERENCE in workers:
        workers[REFERENCE].ask(job="matmul", size=MATMUL)  # warm-up
    for job, settings in jobs.items():
        checked = check(workers, job, settings, folder)
        rounds: dict[str, list[dict]] = {name: [] for name in workers}
        for index in range(options.repeats):
            for name, worker in workers.items():
                rounds[name].append(worker.ask(job=job, **settings))
            if REFERENCE in workers:
                matmul.append(workers[REFERENCE].ask(job="matmul", size=MATMUL))
            print(f"  {job}: round {index + 1} of {options.repeats}", flush=True)
        for name, samples in rounds.items():
            results[name][job] = {**checked[name], **summary(samples)}
    found: dict = {"peers": results}
    if matmul:
        found["matmul"] = {"gflop": 2e-9 * MATMUL**3, **summary(matmul)}
    return found


def summary(samples: list[dict]) -> dict:
    seconds = [sample["seconds"] for sample in samples]
    found = {
        "seconds": statistics.median(seconds),
        "cpu_seconds": statistics.median(sample["cpu_seconds"] for sample in samples),
        "all_seconds": [round(value, 4) for value in seconds],
        "peak_mib": round(samples[-1]["peak_mib"]),
    }
    if "network_seconds" in samples[0]:
        outside = [1 - sample["network_seconds"] / sample["seconds"] for sample in samples]
        found["outside_networks"] = statistics.median(outside)
        found["unet_calls"] = samples[0]["unet_calls"]
    return found


def run_size(size: str, options) -> None:
    print(size, flush=True)
    model = prepare(size, options.work)
    folder = options.work / size
    workers = {}
    try:
        for name in options.only:
            workers[name] = start(name, model, folder, options)
        found = measure(workers, jobs_of(model, folder, options), folder, options)
    finally:
        for worker in workers.values():
            worker.close()
    head = {
        "size": size,
        "conditions": conditions(options),
        "repeats": options.repeats,
        "unet_gflop": round(model.unet_flops / 1e9, 1),
    }
    write_result(options.results / f"{options.name}_{size}.json", {**head, **found})


def main() -> None:
    peers = ["diffusers", "diffusers-compile", "openvino", "onnxruntime"]
    peers += ["freeinit-torchscript", "freeinit-openvino"]
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5, steps=4, passes=2)
    parser.add_argument("program", help="the built compare_worker")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--only", nargs="+", default=peers, help=f"of {', '.join(peers)}")
    parser.add_argument("--jobs", nargs="+", default=["generate", "unet"])
    parser.add_argument("--name", default="compare", help="of the results")
    options = parser.parse_args()
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(options.work / "inductor"))
    for size in options.sizes:
        run_size(size, options)


if __name__ == "__main__":
    main()
