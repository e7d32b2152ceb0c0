"""Where one UNet call spends its time: LibTorch's operators at mid size, by kind.

    python benchmarks/run.py operators build/benchmarks/compare_worker --threads 1

For TorchScript, which runs the operators of the traced network, and for the backend that is the
default at that size, with the operations that their definition counts, and a large matrix product
in the same run to set their rates against. Calls take turns. Writes
results/operators.json.
"""

from __future__ import annotations

import statistics

from experiments.compare import MATMUL, jobs_of, start
from measuring.models import prepare
from measuring.options import conditions, measuring_parser, write_result
from report.demands import DEFAULTS

KINDS = {
    "convolutions": ("convolution", "winograd_conv2d", "winograd_upsampled_conv2d", "winograd_temporal_conv"),
    "matrix products": ("addmm", "mm", "bmm", "linear_pointwise"),
    "attention": ("scaled_dot_product", "attention"),
    "normalisation": ("group_norm", "layer_norm"),
    "copies": ("copy_", "cat", "clone", "index_select", "repeat_interleave"),
    "activations and sums": ("gelu", "silu", "mul", "add", "add_", "div", "sin", "cos"),
}
ELSE = "everything else"
# Of the operators that torch counts; it counts attention as the batched products that it is.
COUNTED = {
    "convolutions": ("convolution",),
    "matrix products": ("addmm", "mm"),
    "attention": ("bmm",),
}


def kind_of(operator: str) -> str:
    name = operator.split("::")[-1]
    for kind, parts in KINDS.items():
        if name in parts or any(part in name for part in parts if len(part) > 5):
            return kind
    return ELSE


def by_kind(answer: dict) -> dict[str, float]:
    """Seconds; what lies between the operators is in `ELSE`."""
    seconds = dict.fromkeys((*KINDS, ELSE), 0.0)
    for operator, value in answer["operators"].items():
        seconds[kind_of(operator)] += value
    seconds[ELSE] += answer["seconds"] - sum(seconds.values())
    return seconds


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5, threads=1)
    parser.add_argument("program", help="the built compare_worker")
    parser.add_argument("--size", default="mid")
    parser.set_defaults(jobs=["unet"], steps=None, passes=None)
    options = parser.parse_args()
    model = prepare(options.size, options.work)
    folder = model.pipeline.parent
    job = jobs_of(model, folder, options)["unet"]
    names = ("freeinit-torchscript", DEFAULTS[options.size][0])
    workers: dict = {}
    rounds: dict[str, list[dict]] = {name: [] for name in names}
    rates = []
    try:
        for name in ("matmul", *names):
            workers[name] = start(name, model, folder, options)
        for index in range(options.repeats + 1):  # the first is the warm-up
            for name in names:
                rounds[name].append(by_kind(workers[name].ask(job="operators", **job)))
            rates.append(2e-9 * MATMUL**3 / workers["matmul"].ask(job="matmul", size=MATMUL)["seconds"])
            print(f"  round {index} of {options.repeats}", flush=True)
    finally:
        for worker in workers.values():
            worker.close()
    result = {
        "conditions": conditions(options),
        "size": options.size,
        "repeats": options.repeats,
        "seconds": {
            name: {kind: round(statistics.median(sample[kind] for sample in samples[1:]), 4) for kind in samples[0]}
            for name, samples in rounds.items()
        },
        "gflop": {
            kind: round(sum(model.unet_flops[name] for name in counted) / 1e9, 1)
            for kind, counted in COUNTED.items()
        },
        "matmul_gflops": round(statistics.median(rates[1:]), 1),
    }
    write_result(options.results / "operators.json", result)

