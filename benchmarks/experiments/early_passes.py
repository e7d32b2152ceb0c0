"""FreeInit with passes that end early against diffusers' FreeInit, the same number of passes, mid size.

    python benchmarks/run.py early_passes build/benchmarks/compare_worker --threads 2

FreeInit needs a clean sample only to noise it again, so a pass before the last may end after its
first step, with the clean sample which that step predicts (`--intermediate prediction
--intermediate-steps 1`). The video changes: "difference" is the root mean square difference of the
latents relative to diffusers'. Both take turns. Writes results/early_passes.json.
"""

from __future__ import annotations

from experiments.compare import jobs_of, start, summary
from measuring.models import prepare
from measuring.options import conditions, measuring_parser, write_result
from measuring.reference import REFERENCE
from safetensors.torch import load_file


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5, steps=4, passes=3)
    parser.add_argument("program", help="the built compare_worker")
    parser.add_argument("--size", default="mid")
    parser.add_argument("--backend", default="float16-weights")
    parser.add_argument("--intermediate-steps", type=int, default=1)
    options = parser.parse_args()
    options.jobs = ["generate"]

    model = prepare(options.size, options.work)
    folder = model.folder
    job = {"job": "generate", **jobs_of(model, folder, options)["generate"]}
    early = f"freeinit-{options.backend}"
    jobs = {REFERENCE: job, early: {**job, "intermediate_steps": options.intermediate_steps}}
    outputs = {name: folder / f"early-{name}.safetensors" for name in jobs}
    workers = {}
    try:
        for name in jobs:
            workers[name] = start(name, model, folder, options)
            workers[name].ask(**{**job, "num_inference_steps": 1, "num_iters": 1})  # warm-up
        rounds: dict[str, list[dict]] = {name: [] for name in jobs}
        for _ in range(options.repeats):
            for name, worker in workers.items():
                rounds[name].append(worker.ask(**jobs[name], output=str(outputs[name])))
                print(f"  {name}: {rounds[name][-1]['seconds']:.2f} s", flush=True)
    finally:
        for worker in workers.values():
            worker.close()
    exact, found = (load_file(outputs[name])["latents"] for name in (REFERENCE, early))
    result = {
        "size": options.size,
        "conditions": conditions(options),
        "repeats": options.repeats,
        "intermediate_steps": options.intermediate_steps,
        "difference": float(f"{((found - exact).norm() / exact.norm()).item():.2g}"),
        "peers": {name: summary(samples) for name, samples in rounds.items()},
    }
    result["peers"][REFERENCE]["unet_calls"] = options.passes * options.steps
    write_result(options.results / "early_passes.json", result)

