"""Peak memory of whole processes at mid size: `freeinit generate` in its forms, and diffusers.

    python benchmarks/run.py memory build/bin/freeinit --threads 1

Each makes the same video, from process start to file, in turns. Peak is the largest resident set, mapped
files (weights, libraries) included. The weights are such as float16 holds, as those of many checkpoints,
but for the row that says otherwise; all forms compute in float32. Writes results/NAME.json.
"""

from __future__ import annotations

from experiments.startup import diffusers_process, freeinit_process, medians_of_turns
from measuring.models import ensure_backend, prepare_apart
from measuring.options import conditions, measuring_parser, write_result

BACKENDS = ("float16-weights", "winograd", "torchscript", "openvino")
FORMS = ((), ("--low-memory",))


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5, steps=1, passes=2)
    parser.add_argument("freeinit", help="the built command")
    parser.add_argument("--size", default="mid")
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--name", default="memory", help="of the result")
    options = parser.parse_args()
    model = prepare_apart(options.size, options.work)
    all_bits = prepare_apart(options.size, options.work, all_bits=True)
    programs = {"diffusers": diffusers_process(model, options)}
    for backend in options.backends:
        ensure_backend(model, backend)
        for form in FORMS:
            choice = ("--backend", backend, *form)
            programs[" ".join(choice)] = freeinit_process(model.bundle, options, *choice)
    programs["--backend winograd, all bits of float32"] = freeinit_process(
        all_bits.bundle, options, "--backend", "winograd")
    result = {"size": options.size, "conditions": conditions(options), "repeats": options.repeats}
    result["programs"] = medians_of_turns(programs, options)
    write_result(options.results / f"{options.name}.json", result)

