"""Times freeinit and what a user would take instead, on the same weights, in one run.

    cmake -S . -B build -DFREEINIT_BUILD_BENCHMARKS=ON && cmake --build build --target compare_worker
    pip install -r benchmarks/requirements.txt && pip install -e models/export
    python benchmarks/run.py compare build/benchmarks/compare_worker --threads 2

Every peer is a process of its own with its model loaded once. First all compute the same thing, and
the run ends if one does not; then they take turns, round by round, one at a time, every other round
backwards. Figures are medians of the rounds; memory is the largest resident set of the process, load
included. The rate of a large matrix product is measured in every round too. Writes
results/NAME_SIZE.json, one run in one file, of which `run.py report` makes a table.
What is measured with `--only` or `--jobs` replaces the whole file too, as a ratio of figures of two
runs says little: give `--name` for a run of its own. `--device cuda` measures on that device: wall
time, and as memory what the process has reserved there (`run.py cuda`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from measuring.clocks import CLOCKS
from measuring.models import PROMPT, SIZES, Model, ensure_backend, prepare, shape_of, unet_inputs
from measuring.options import conditions, measuring_parser, write_result
from measuring.reference import reference_of
from safetensors.torch import load_file, save_file

BENCHMARKS = Path(__file__).resolve().parents[1]
# Largest difference relative to the largest value. One call: other kernels sum in another order. A
# generation repeats that some dozen times, each step on the last one's result. In float16 every
# operator's result is rounded by up to 4.9e-4: with that done to a float32 network a call is off by
# up to 7e-3 at these sizes and 2 passes of 2 steps by 1.2e-2, so two runtimes by twice that; a
# generation may have more steps. A timestep of 480 for 500 moves a call by 0.1, swapped prompts by 0.09.
TOLERANCE = {
    "float32": {"unet": 1e-4, "generate": 1e-3},
    "float16": {"unet": 2e-2, "generate": 5e-2},
}
EXACT = ("freeinit-winograd", "freeinit-float16-weights")  # promise 1e-5 for a call in float32
EXACT_CALL = 1e-5
MATMUL = 3072  # rows and columns of the large product
DEVICE_MATMUL = 8192  # off the CPU, where the other takes little more than its launch
PEERS = (
    "diffusers", "diffusers-compile", "openvino", "onnxruntime",
    "freeinit-torchscript", "freeinit-openvino", "freeinit-winograd", "freeinit-float16-weights",
)  # fmt: skip
FLOAT32_ON_CPU = (
    "openvino", "onnxruntime", "freeinit-openvino", "freeinit-winograd", "freeinit-float16-weights",
)  # run nowhere else
ROUNDS = {"demo": "freeinit-float16-weights"}  # float16 does not hold the weights of that size
CUDA_GRAPHS = "freeinit-cuda-graphs"


class Worker:
    """One peer; `ask` blocks until it answers."""

    def __init__(self, name: str, command: list[str], threads: int):
        self.name = name
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "0"}
        environment["PYTHONPATH"] = os.pathsep.join([str(BENCHMARKS), os.environ.get("PYTHONPATH", "")])
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


def command_of(name: str, model: Model, folder: Path, options) -> list:
    """The command line of a peer's worker, after what it loads has been made."""
    if name == CUDA_GRAPHS:  # a matter of the build, not of the backend
        return [options.cuda_graphs, model.bundle, options.threads, "torchscript", options.device]
    if name.startswith("freeinit-"):
        backend = name.removeprefix("freeinit-")
        ensure_backend(model, backend)
        return [options.program, model.bundle, options.threads, backend, options.device]
    if name == "openvino":  # the same converted file
        ensure_backend(model, "openvino")
    if name == "onnxruntime" and not (folder / "onnx").exists():
        subprocess.run([sys.executable, BENCHMARKS / "measuring" / "convert_onnx.py", folder], check=True)
    command = [sys.executable, "-m", "measuring.worker", name, folder, "--threads", options.threads]
    return [*command, "--device", options.device, "--dtype", options.dtype]


def start(name: str, model: Model, folder: Path, options) -> Worker:
    return Worker(name, command_of(name, model, folder, options), options.threads)


def jobs_of(model: Model, folder: Path, options) -> dict[str, dict]:
    """`generate` first: its peak of memory is then not that of an earlier job."""
    inputs = folder / "inputs.safetensors"
    save_file(unet_inputs(model.size), inputs)
    shape = shape_of(model.size)
    scale = json.loads((model.bundle / "manifest.json").read_text())["vae"]["spatial_scale"]
    height, width = (scale * latents for latents in shape.latents[3:])
    jobs = {
        "generate": {
            "prompt": PROMPT,
            "seed": 7,
            "num_frames": shape.frames,
            "height": height,
            "width": width,
            "num_inference_steps": options.steps,
            "num_iters": options.passes,
            "guidance_scale": shape.guidance_scale,
        },
        "unet": {"input": str(inputs), "timestep": 500},
    }
    return {name: jobs[name] for name in jobs if name in options.jobs}


def difference(path: Path, reference: Path) -> float:
    found, expected = (load_file(file)["latents"].float() for file in (path, reference))
    if found.shape != expected.shape or not torch.isfinite(found).all():
        return float("inf")
    return ((found - expected).abs().max() / expected.abs().max()).item()


def check(
    workers: dict[str, Worker], job: str, settings: dict, folder: Path, tolerance: float
) -> dict[str, dict]:
    """One call of every peer, compared with the reference; also the warm-up."""
    base = reference_of(workers)
    seen = {}
    for name in sorted(workers, key=lambda name: name != base):
        output = folder / f"{job}-{name}.safetensors"
        first = workers[name].ask(job=job, **settings, output=str(output))
        found = difference(output, folder / f"{job}-{base}.safetensors")
        print(f"  {job} {name}: first {first['seconds']:.2f} s, difference {found:.2g}", flush=True)
        limit = min(tolerance, EXACT_CALL) if job == "unet" and name in EXACT else tolerance
        if found > limit:
            raise SystemExit(f"{name} computes something else: {found:.3g} > {limit:g}")
        seen[name] = {"difference": found, "first_seconds": first["seconds"]}
    return seen


def measure(workers: dict[str, Worker], product: Worker, jobs: dict, folder: Path, options) -> dict:
    """`product` multiplies in a process of its own: its matrices are then in no peer's memory."""
    results: dict[str, dict] = {name: {} for name in workers}
    matmul: list[dict] = []
    size = MATMUL if options.device == "cpu" else DEVICE_MATMUL
    product.ask(job="matmul", size=size)  # warm-up
    for job, settings in jobs.items():
        checked = check(workers, job, settings, folder, TOLERANCE[options.dtype][job])
        rounds: dict[str, list[dict]] = {name: [] for name in workers}
        for index in range(options.repeats):
            turns = list(workers) if index % 2 == 0 else reversed(workers)  # nobody always follows the same peer
            for name in turns:
                rounds[name].append(workers[name].ask(job=job, **settings))
            matmul.append(product.ask(job="matmul", size=size))
            print(f"  {job}: round {index + 1} of {options.repeats}", flush=True)
        for name, samples in rounds.items():
            results[name][job] = {**checked[name], **summary(samples)}
    return {"peers": results, "matmul": {"gflop": 2e-9 * size**3, **summary(matmul)}}


def summary(samples: list[dict]) -> dict:
    """Medians, and each round's own figures."""
    found: dict = {}
    for clock in CLOCKS:
        values = [sample[clock] for sample in samples]
        found |= {clock: statistics.median(values), f"all_{clock}": [round(value, 4) for value in values]}
    found["peak_mib"] = round(samples[-1]["peak_mib"])
    if "network_seconds" in samples[0]:
        outside = [1 - sample["network_seconds"] / sample["seconds"] for sample in samples]
        found["outside_networks"] = statistics.median(outside)
        found["unet_calls"] = samples[0]["unet_calls"]
    return found


def run_size(size: str, options) -> dict:
    print(size, flush=True)
    model = prepare(size, options.work, options.dtype)
    folder = model.folder
    names = [name for name in options.only if name != ROUNDS.get(size)]
    workers: dict[str, Worker] = {}
    try:
        for name in ("matmul", *names):
            workers[name] = start(name, model, folder, options)
        peers = {name: workers[name] for name in names}
        found = measure(peers, workers["matmul"], jobs_of(model, folder, options), folder, options)
    finally:
        for worker in workers.values():
            worker.close()
    result = {
        "size": size,
        "conditions": conditions(options),
        "repeats": options.repeats,
        "unet_gflop": round(sum(model.unet_flops.values()) / 1e9, 1),
        **found,
    }
    write_result(options.results / f"{options.name}_{size}.json", result)
    return result


def chosen_peers(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[str]:
    impossible = {}  # and why
    if (options.device, options.dtype) != ("cpu", "float32"):
        impossible = dict.fromkeys(FLOAT32_ON_CPU, "runs on a CPU in float32 alone")
    if not options.cuda_graphs:
        impossible[CUDA_GRAPHS] = "needs --cuda-graphs"
    wanted = options.only or [name for name in (*PEERS, CUDA_GRAPHS) if name not in impossible]
    for name in wanted:
        if name in impossible:
            parser.error(f"--only {name}: it {impossible[name]}")
    return wanted


def compare_sizes(description: str, **defaults) -> Iterator[dict]:
    """The result of each size that the command line asks for; `defaults` are of its options."""
    parser = measuring_parser(description, repeats=5, steps=4, passes=2)
    parser.add_argument("program", help="the built compare_worker")
    parser.add_argument("--device", help="cpu, cuda or cuda:N")
    parser.add_argument("--dtype", choices=list(TOLERANCE))
    parser.add_argument("--cuda-graphs", help=f"compare_worker of a build with them: {CUDA_GRAPHS}")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--only", nargs="+", help="default: all that run on that device in that dtype")
    parser.add_argument("--jobs", nargs="+", default=["generate", "unet"])
    parser.add_argument("--name", default="compare", help="of the results")
    parser.set_defaults(**defaults)
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        parser.error(f"--device {options.device}: torch finds no CUDA device here")
    options.only = chosen_peers(parser, options)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(options.work / "inductor"))
    for size in options.sizes:
        yield run_size(size, options)


def main() -> None:
    for _ in compare_sizes(__doc__.splitlines()[0]):
        pass

