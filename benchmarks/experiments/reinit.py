"""Times one FreeInit re-initialisation here and in diffusers, in one run, on the same tensors.

    cmake -S . -B build -DFREEINIT_BUILD_BENCHMARKS=ON && cmake --build build --target benchmark_reinit
    pip install torch diffusers
    python benchmarks/run.py reinit build/benchmarks/benchmark_reinit

Both sides use one thread and take turns, round by round. The figures are medians of CPU time, which a
busy machine disturbs less than wall time (kept beside it). The tensors are 1x4x16x64x64; both sides make
them from the seeds 1 and 2, which gives equal values. Prints a table, writes results/reinit.json.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import time

os.environ["OMP_NUM_THREADS"] = "1"

import diffusers  # noqa: E402
import torch  # noqa: E402
from diffusers import DDIMScheduler  # noqa: E402
from diffusers.pipelines.free_init_utils import FreeInitMixin  # noqa: E402

SHAPE = (1, 4, 16, 64, 64)
# What is compared with what, and how much faster it has to be.
PAIRS = [
    ("mask and mix (cold)", "mask and _apply_freq_filter", "mix_cold", 100),
    ("mix (cached)", "_apply_freq_filter", "mix_cached", 3),
    # With add_noise and torch.randn around it, which cost the same on both sides and set the limit here.
    ("whole, cold", "_apply_free_init", "pass_cold", None),
    ("whole, cached", "_apply_free_init, mask kept", "pass_cached", None),
]
MOST_OVER_PAIR = 1.2  # the cached mix against the FFTs that no form can avoid


def randn(seed):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def reference_jobs():
    """diffusers' own methods; `mask kept` replaces only the method that builds the mask."""
    latents, noise = randn(1), randn(2)
    generator = torch.Generator().manual_seed(3)
    pipeline, kept = FreeInitMixin(), FreeInitMixin()
    for one in (pipeline, kept):
        one.scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, clip_sample=False)
        one.enable_free_init()
        one._free_init_initial_noise = noise
    build = lambda: pipeline._get_free_init_freq_filter(SHAPE, "cpu", "butterworth", 4, 0.25, 0.25)  # noqa: E731
    mask = build()
    kept._get_free_init_freq_filter = lambda **_: mask
    run = lambda one: one._apply_free_init(latents, 1, 25, torch.device("cpu"), torch.float32, generator)  # noqa: E731
    return {
        "_apply_free_init": (lambda: run(pipeline), 1),
        "mask and _apply_freq_filter": (lambda: pipeline._apply_freq_filter(latents, noise, build()), 1),
        "_apply_freq_filter": (lambda: pipeline._apply_freq_filter(latents, noise, mask), 20),
        "_apply_free_init, mask kept": (lambda: run(kept), 20),
    }


def time_reference(jobs, samples):
    for name, (job, count) in jobs.items():
        job()
        for _ in range(3):
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(count):
                job()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            samples.setdefault(name, []).append((1e3 * cpu / count, 1e3 * wall / count))


def time_ours(program, samples):
    command = [program, "--benchmark_format=json", "--benchmark_repetitions=5", "--benchmark_min_time=0.1"]
    command.append("--benchmark_enable_random_interleaving=true")  # a slow moment then meets every benchmark
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # errors are shown as they come
    for row in json.loads(output)["benchmarks"]:
        if row["run_type"] == "iteration":
            samples.setdefault(row["name"], []).append((row["cpu_time"], row["real_time"]))


def processor():
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the built benchmark_reinit")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    jobs, samples = reference_jobs(), {}
    for _ in range(arguments.rounds):
        time_reference(jobs, samples)
        time_ours(arguments.program, samples)

    cpu = {name: statistics.median(value[0] for value in values) for name, values in samples.items()}
    wall = {name: statistics.median(value[1] for value in values) for name, values in samples.items()}
    ratios = {}
    print(f"{'':22}{'diffusers':>12}{'here':>10}{'ratio':>9}   (ms of CPU time, one thread)")
    for label, theirs, ours, wanted in PAIRS:
        ratios[label] = {"ratio": round(cpu[theirs] / cpu[ours], 1), "expected": wanted, "diffusers": theirs, "here": ours}
        print(f"{label:22}{cpu[theirs]:12.2f}{cpu[ours]:10.2f}{ratios[label]['ratio']:9.1f}"
              + (f"   expected at least {wanted}" if wanted else ""))
    print(f"bare rfftn + irfftn   {'':12}{cpu['fft_pair']:10.2f}\nmask                  {'':12}{cpu['mask']:10.2f}")
    over_pair = round(cpu["mix_cached"] / cpu["fft_pair"], 2)
    print(f"cached mix over the bare pair: {over_pair}   expected at most {MOST_OVER_PAIR}")

    result = {
        "shape": SHAPE, "threads": 1, "rounds": arguments.rounds, "processor": processor(),
        "torch": torch.__version__, "diffusers": diffusers.__version__, "ratios": ratios,
        "cached_mix_over_fft_pair": {"ratio": over_pair, "expected_at_most": MOST_OVER_PAIR},
        "cpu_ms": {name: round(value, 3) for name, value in cpu.items()},
        "wall_ms": {name: round(value, 3) for name, value in wall.items()},
    }
    target = pathlib.Path(__file__).resolve().parents[1] / "results" / "reinit.json"
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {os.path.relpath(target)}")

