"""What it gains that the process keeps freed memory (`keep_freed_memory`): one UNet call with and without.

    python benchmarks/compare/freed_memory.py build/benchmarks/compare_worker --threads 1

Both results are the same to the last bit. "page faults" are the pages that the system clears and
hands out during one call. Calls take turns. Writes results/freed_memory.json.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from compare import Worker, difference, jobs_of, summary
from measuring import conditions, measuring_parser, write_result
from models import prepare

BACKEND = "torchscript"  # OpenVINO has a memory pool of its own
FORMS = {"handed back": ["hand-back"], "kept": []}


def page_faults(worker: Worker) -> int:
    """Of the process so far, without those that needed a disk."""
    return int(Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[7])


def measure(size: str, options) -> dict:
    model = prepare(size, options.work)
    folder = options.work / size
    options.jobs, options.steps, options.passes = ["unet"], None, None
    job = jobs_of(model, folder, options)["unet"]
    outputs = {name: folder / f"freed-{index}.safetensors" for index, name in enumerate(FORMS)}
    command = [options.program, model.bundle, options.threads, BACKEND, options.device]
    workers: dict[str, Worker] = {}
    try:
        for name, argument in FORMS.items():
            workers[name] = Worker(name, [*command, *argument], options.threads)
            workers[name].ask(job="unet", **job, output=str(outputs[name]))  # warm-up
        samples: dict[str, list[dict]] = {name: [] for name in workers}
        faults: dict[str, list[int]] = {name: [] for name in workers}
        for _ in range(options.repeats):
            for name, worker in workers.items():
                before = page_faults(worker)
                samples[name].append(worker.ask(job="unet", **job))
                faults[name].append(page_faults(worker) - before)
    finally:
        for worker in workers.values():
            worker.close()
    first, second = outputs.values()
    if difference(second, first) != 0:
        raise SystemExit("the results differ")
    return {name: {**summary(samples[name]), "page_faults": statistics.median(faults[name])} for name in FORMS}


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=7)
    parser.add_argument("program", help="the built compare_worker")
    parser.add_argument("--sizes", nargs="+", default=["demo", "mid"])
    options = parser.parse_args()
    result: dict = {"repeats": options.repeats, "sizes": {size: measure(size, options) for size in options.sizes}}
    write_result(options.results / "freed_memory.json", {"conditions": conditions(options), **result})


if __name__ == "__main__":
    main()
