"""Many videos: one `freeinit batch` against as many calls of `generate` and a Python loop over diffusers.

    python benchmarks/run.py batch build/bin/freeinit --jobs 1000 --threads 1
    python benchmarks/run.py batch build/bin/freeinit --jobs 1000 --threads 1 --backend openvino

The loop loads diffusers' pipeline once. Each makes the same videos of the demo model, a GIF a job, from
process start to end; they take turns of some seconds. With --backend the bundle has that form of the UNet, too,
in place of what ships. Writes results/batch.json or batch_BACKEND.json.
"""

from __future__ import annotations

import json
import shutil
import sys

from measuring.models import DEMO, PROMPT, SIZES, ensure_backend, prepare_apart
from measuring.options import conditions, measuring_parser, write_result
from measuring.slices import side_by_side

LOOP = """
import sys
import torch
torch.set_num_threads(int(sys.argv[5]))
from diffusers import AnimateDiffPipeline
from diffusers.utils import export_to_gif
pipeline = AnimateDiffPipeline.from_pretrained(sys.argv[1])
pipeline.set_progress_bar_config(disable=True)
pipeline.enable_free_init(num_iters=int(sys.argv[3]))
for seed in range(int(sys.argv[9])):
    video = pipeline(sys.argv[6], num_frames=int(sys.argv[8]), height=int(sys.argv[10]), width=int(sys.argv[10]),
                     guidance_scale=float(sys.argv[7]), num_inference_steps=int(sys.argv[4]),
                     generator=torch.Generator().manual_seed(seed))
    export_to_gif(video.frames[0], f"{sys.argv[2]}/{seed}.gif")
"""

CALLS = 'for seed in $(seq 0 $(($1 - 1))); do "${@:2}" --seed $seed -o "$FOLDER/$seed.gif" >/dev/null || exit; done'


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], steps=1, passes=1)
    parser.add_argument("freeinit", help="the built command")
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--backend", help="of freeinit")
    options = parser.parse_args()

    bundle, name = DEMO, "batch"
    model = prepare_apart("demo", options.work)
    if options.backend:
        ensure_backend(model, options.backend)
        bundle, name = model.bundle, f"batch_{options.backend}"
    scale = json.loads((bundle / "manifest.json").read_text())["recommended"]["guidance_scale"]
    folder = options.work / "batch"
    shutil.rmtree(folder, ignore_errors=True)
    for program in ("diffusers", "generate"):
        (folder / program).mkdir(parents=True)
    settings = {"prompt": PROMPT, "num_iters": options.passes, "num_inference_steps": options.steps}
    jobs = folder / "jobs.jsonl"
    jobs.write_text(json.dumps({**settings, "seed": list(range(options.jobs))}) + "\n")
    backend = ["--backend", options.backend] if options.backend else []
    machine = [*backend, "--bundle", bundle, "--threads", options.threads, "--overwrite"]
    generate = [options.freeinit, "generate", PROMPT, *machine, "--num-iters", options.passes,
                "--num-inference-steps", options.steps]  # fmt: skip
    programs = {
        "diffusers, loaded once": [sys.executable, "-c", LOOP, model.pipeline, folder / "diffusers", options.passes,
                                   options.steps, options.threads, PROMPT, scale, SIZES["demo"].frames, options.jobs,
                                   SIZES["demo"].height],
        "freeinit generate, each": ["env", f"FOLDER={folder / 'generate'}", "bash", "-c", CALLS, "calls", options.jobs,
                                    *generate],
        "freeinit batch": [options.freeinit, "batch", jobs, "--out", folder / "batch", *machine, "--format", "gif"],
    }  # fmt: skip
    found = side_by_side(programs, options.threads)
    result = {"conditions": conditions(options), "jobs": options.jobs, "programs": found}
    write_result(options.results / f"{name}.json", result)
