"""Whether the kernels of the convolutions should lie in memory as channels_last: one UNet call, TorchScript.

    python benchmarks/compare/memory_format.py --threads 1

LibTorch takes the layout of a convolution's result from its inputs, so that kernels in channels_last turn
activations to it as well. Freed memory is kept, as `generate` does. Calls take turns. Writes
results/memory_format.json.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from measuring import KEPT_MEMORY, conditions, measuring_parser, write_result
from models import prepare, unet_inputs

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def load(file: Path, memory_format: torch.memory_format) -> torch.jit.ScriptModule:
    network = torch.jit.load(file)
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=memory_format)
    return network


def measure(size: str, options) -> dict:
    file = prepare(size, options.work).bundle / "unet.pt"
    given = unet_inputs(size)
    batch = given["latents"].shape[0]
    inputs = (given["latents"], torch.full((batch,), 500.0), given["text"], torch.full((batch,), 8.0))
    networks = {name: load(file, value) for name, value in FORMATS.items()}
    outputs = {name: network(*inputs) for name, network in networks.items()}  # warm-up
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in networks}
    for _ in range(options.repeats):
        for name, network in networks.items():
            clocks = time.perf_counter(), time.process_time()
            network(*inputs)
            samples[name].append((time.perf_counter() - clocks[0], time.process_time() - clocks[1]))
    exact = outputs["contiguous"]
    return {
        name: {
            "seconds": statistics.median(wall for wall, _ in found),
            "cpu_seconds": statistics.median(cpu for _, cpu in found),
            "difference": float(f"{((outputs[name] - exact).abs().max() / exact.abs().max()).item():.2g}"),
        }
        for name, found in samples.items()
    }


@torch.no_grad()
def main() -> None:
    if not KEPT_MEMORY.items() <= os.environ.items():  # glibc reads them when a process starts
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEPT_MEMORY})
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5)
    parser.add_argument("--sizes", nargs="+", default=["demo", "mid"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch._C._jit_set_profiling_mode(False)  # as the library does
    result = {"conditions": conditions(options), "repeats": options.repeats}
    result["sizes"] = {size: measure(size, options) for size in options.sizes}
    write_result(options.results / "memory_format.json", result)


if __name__ == "__main__":
    main()
