"""Where one UNet call spends its time: LibTorch's operators at mid size, by kind.

    python benchmarks/compare/operators.py --threads 1

Profiles the bundle's traced UNet, which runs the kernels that the C++ library runs. The rate of
convolutions and matrix products, with the operations counted for them, is set against a large
matrix product in the same run. Writes results/operators.json.
"""

from __future__ import annotations

import ctypes
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from compare import MATMUL
from measuring import conditions, measuring_parser, write_result
from models import prepare, unet_inputs

KINDS = {
    "convolutions": ("convolution",),
    "matrix products": ("addmm", "mm", "bmm"),
    "attention": ("scaled_dot_product",),
    "normalisation": ("group_norm", "layer_norm"),
    "copies": ("copy_", "cat", "clone", "index_select", "repeat_interleave"),
    "activations and sums": ("gelu", "silu", "mul", "add", "add_", "div", "sin", "cos"),
}


def kind_of(operator: str) -> str:
    name = operator.removeprefix("aten::")
    for kind, parts in KINDS.items():
        if name in parts or any(part in name for part in parts if len(part) > 5):
            return kind
    return "everything else"


def keep_freed_memory() -> None:
    """What the library's function of this name does (core/freed_memory.hpp), for glibc."""
    m_trim_threshold, m_mmap_max = -1, -4
    libc = ctypes.CDLL(None)
    libc.mallopt(m_mmap_max, 0)
    libc.mallopt(m_trim_threshold, 2**31 - 1)


def profile(network, inputs) -> dict[str, float]:
    """Seconds by kind of operator, in one call after two warm-up calls."""
    for _ in range(2):
        network(*inputs)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        network(*inputs)
    seconds: dict[str, float] = {}
    for event in profiler.key_averages():
        kind = kind_of(event.key)
        seconds[kind] = seconds.get(kind, 0.0) + event.self_cpu_time_total / 1e6
    return seconds


def matmul_rate() -> float:
    a, b = torch.randn(2, MATMUL, MATMUL).unbind()
    a @ b
    start = time.perf_counter()
    for _ in range(3):
        a @ b
    return 3 * 2e-9 * MATMUL**3 / (time.perf_counter() - start)


@torch.no_grad()
def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], threads=1)
    parser.add_argument("--size", default="mid")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    model = prepare(options.size, options.work)
    given = unet_inputs(options.size)
    batch = given["latents"].shape[0]
    inputs = (given["latents"], torch.full((batch,), 500.0), given["text"], torch.full((batch,), 8.0))
    seconds = profile(torch.jit.load(model.bundle / "unet.pt").eval(), inputs)
    result = {
        "conditions": conditions(options),
        "size": options.size,
        "seconds": {kind: round(value, 4) for kind, value in seconds.items()},
        "unet_gflop": round(model.unet_flops / 1e9, 1),
        "matmul_gflops": round(matmul_rate(), 1),
    }
    write_result(options.results / "operators.json", result)


if __name__ == "__main__":
    main()
