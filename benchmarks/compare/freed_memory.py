"""What it gains that the process keeps freed memory (`keep_freed_memory`): one UNet call with and without.

    python benchmarks/compare/freed_memory.py build/benchmarks/compare_worker --threads 1

Also what the same gains diffusers, which can be told by glibc's environment variables. All results are
the same to the last bit. "page faults" are the pages that the system clears and hands out during one
call. Calls take turns. Writes results/freed_memory.json.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from compare import Worker, command_of, difference, jobs_of, summary
from measuring import KEPT_MEMORY, conditions, measuring_parser, write_result
from models import prepare
from reference import REFERENCE

FREEINIT = "freeinit-torchscript"  # OpenVINO has a memory pool of its own
# program: what its freed memory is, its arguments and environment for that
FORMS = {
    (FREEINIT, "handed back"): (["hand-back"], {}),
    (FREEINIT, "kept"): ([], {}),
    (REFERENCE, "handed back"): ([], {}),
    (REFERENCE, "kept"): ([], KEPT_MEMORY),
}


def page_faults(worker: Worker) -> int:
    """Of the process so far, without those that needed a disk."""
    return int(Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[7])


def measure(size: str, options) -> dict:
    model = prepare(size, options.work)
    folder = options.work / size
    options.jobs, options.steps, options.passes = ["unet"], None, None
    job = jobs_of(model, folder, options)["unet"]
    outputs = {form: folder / f"freed-{index}.safetensors" for index, form in enumerate(FORMS)}
    workers: dict[tuple[str, str], Worker] = {}
    try:
        for form, (arguments, variables) in FORMS.items():
            command = command_of(form[0], model, folder, options)
            workers[form] = Worker(" ".join(form), [*command, *arguments], options.threads, variables)
            workers[form].ask(job="unet", **job, output=str(outputs[form]))  # warm-up
        samples: dict[tuple, list[dict]] = {form: [] for form in workers}
        faults: dict[tuple, list[int]] = {form: [] for form in workers}
        for _ in range(options.repeats):
            for form, worker in workers.items():
                before = page_faults(worker)
                samples[form].append(worker.ask(job="unet", **job))
                faults[form].append(page_faults(worker) - before)
    finally:
        for worker in workers.values():
            worker.close()
    first, *others = outputs.values()
    if any(difference(other, first) != 0 for other in others):
        raise SystemExit("the results differ")
    found: dict[str, dict] = {}
    for form, given in samples.items():
        program, memory = form
        found.setdefault(program, {})[memory] = {**summary(given), "page_faults": statistics.median(faults[form])}
    return found


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=7)
    parser.add_argument("program", help="the built compare_worker")
    parser.add_argument("--sizes", nargs="+", default=["demo", "mid"])
    options = parser.parse_args()
    result: dict = {"repeats": options.repeats, "sizes": {size: measure(size, options) for size in options.sizes}}
    write_result(options.results / "freed_memory.json", {"conditions": conditions(options), **result})


if __name__ == "__main__":
    main()
