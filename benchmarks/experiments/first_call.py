"""The start of a large model: from the start of a process to its first UNet call.

    python benchmarks/run.py first_call build/bin/freeinit --threads 1

AnimateDiff at its true size (1.3 billion parameters, random weights), for `freeinit generate` with the
weights of half the size, and for a Python script that imports and loads diffusers, in turns. The files
are in the page cache: the first turn reads them and does not count. Writes results/first_call.json.
"""

from __future__ import annotations

import os
import sys
import time

from measuring.child import run_to_end
from measuring.first_call import first_call, medians
from measuring.models import PROMPT, Model, ensure_backend, prepare_true_size
from measuring.options import conditions, measuring_parser, write_result

SIZE = "animatediff-256"
SMALL = ["--num-frames", "2", "--height", "64", "--width", "64", "--guidance-scale", "1"]  # the call itself is not timed
SCRIPT = """
import os, sys
import torch
torch.set_num_threads(int(sys.argv[2]))
from diffusers import AnimateDiffPipeline
pipeline = AnimateDiffPipeline.from_pretrained(sys.argv[1])
pipeline.unet.register_forward_pre_hook(lambda *_: os._exit(0))
pipeline(sys.argv[3], num_frames=2, height=64, width=64, guidance_scale=1, num_inference_steps=1)
sys.exit("the UNet was not called")
"""


def diffusers_first_call(model: Model, threads: int) -> dict[str, float]:
    command = [sys.executable, "-c", SCRIPT, str(model.pipeline), str(threads), PROMPT]
    start = time.perf_counter()
    usage = run_to_end(command, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    return {"first_call": time.perf_counter() - start, "peak_mib": usage.ru_maxrss / 1024}


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5)
    parser.add_argument("freeinit", help="the built command")
    options = parser.parse_args()

    model = prepare_true_size(SIZE, options.work)
    ensure_backend(model, "float16-weights")
    here = ["--bundle", str(model.bundle), "--threads", str(options.threads), *SMALL]
    programs = {
        "diffusers": lambda: diffusers_first_call(model, options.threads),
        "freeinit generate": lambda: first_call(options.freeinit, here),
    }
    samples: dict[str, list] = {name: [] for name in programs}
    for turn in range(options.repeats + 1):
        for name, program in programs.items():
            found = program()
            print(f"{name}: {found['first_call']:.2f} s", flush=True)
            if turn:
                samples[name].append(found)
    result = {"conditions": conditions(options), "size": SIZE, "repeats": options.repeats,
              "programs": {name: medians(found) for name, found in samples.items()}}  # fmt: skip
    write_result(options.results / "first_call.json", result)


if __name__ == "__main__":
    main()
