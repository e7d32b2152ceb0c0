"""What the experiments share: their arguments, the machine, the results."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path

import torch
from measuring.models import ROOT

RESULTS = ROOT / "benchmarks" / "results"


def measuring_parser(description: str, *, threads: int | None = None, **counts: int) -> argparse.ArgumentParser:
    """`counts`: those of `repeats`, `steps` and `passes` that the script takes, with their defaults.
    `threads`: the default, all cores where it is not given. A script that adds no options for them
    measures on the CPU in float32."""
    parser = argparse.ArgumentParser(description=description)
    for name, default in counts.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=threads or os.cpu_count())
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "compare", help="models")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.set_defaults(device="cpu", dtype="float32")
    return parser


def conditions(options: argparse.Namespace) -> dict:
    """`steps` and `passes` are null where single calls were measured."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    other_device = options.device != "cpu"
    return {
        **({"accelerator": torch.cuda.get_device_name(options.device)} if other_device else {}),
        "processor": names[0] if names else platform.processor(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),  # the instruction set LibTorch uses
        "cores": os.cpu_count(),
        "threads": options.threads,
        "device": options.device,
        "dtype": options.dtype,
        "steps": getattr(options, "steps", None),
        "passes": getattr(options, "passes", None),
    }


def write_result(path: Path, result: dict) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {os.path.relpath(path)}", flush=True)
