"""Which sampler and how many steps: the distance to the video that many steps make, and FreeInit's gain.

    python benchmarks/run.py samplers build/bin/freeinit

For every sampler and number of network calls, the demo model and the same noise: the root mean square
difference of the latents to those of REFERENCE, relative to these, the median over prompts. Samplers that
draw noise make another video each time and have no such distance. Then the mean cosine of neighbouring
latent frames with one pass and with three of 15 calls each, with the 95 %
interval of the paired difference. What a stopped run has made is kept in --work and not made again.
Writes results/samplers.json.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import torch
from evaluation import worlds
from evaluation.intervals import difference
from measuring.child import run_to_end
from measuring.models import DEMO, bundle_key
from measuring.options import conditions, measuring_parser, write_result
from safetensors.torch import load_file

REFERENCE = ("heun", None, 100)
CALLS = (5, 10, 15, 25)
DETERMINISTIC = (
    ("ddim", None), ("pndm", None), ("euler", None), ("euler", "karras"), ("heun", None),
    ("dpmsolver++", None), ("dpmsolver++", "karras"), ("unipc", None), ("unipc", "karras"),
)
DRAWING = (("euler-ancestral", None), ("lcm", None), ("tcd", None))
PASSES, PASS_CALLS = 3, 15


def steps_of(sampler: str, calls: int) -> int:
    """How many steps make at most so many network calls: Heun's method makes 2 n - 1, PNDM's n + 1."""
    return {"heun": (calls + 1) // 2, "pndm": calls - 1}.get(sampler, calls)


def label(sampler: str, sigmas: str | None) -> str:
    return f"{sampler}, {sigmas}" if sigmas else sampler


def latents_of(options, prompt: dict, sampler: str, sigmas: str | None, steps: int, passes: int) -> torch.Tensor:
    """[C, F, h, w] of one video."""
    folder = options.work / "samplers" / bundle_key(options.bundle)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{prompt['seed']}-{sampler}-{sigmas}-{steps}-{passes}.safetensors"
    if not file.exists():
        command = [options.program, "generate", prompt["prompt"], "--bundle", options.bundle]
        command += ["--seed", prompt["seed"], "--sampler", sampler, "--num-inference-steps", steps]
        command += ["--num-iters", passes, "--threads", options.threads, "--save-latents", file,
                    "-o", folder / "video.mp4", "--overwrite"]
        command += ["--sigmas", sigmas] if sigmas else []
        run_to_end(command)
    return load_file(file)["latents"][0].double()


def cosine(latents: torch.Tensor) -> float:
    """Mean over neighbouring frames."""
    frames = latents.transpose(0, 1).flatten(1)
    return torch.nn.functional.cosine_similarity(frames[1:], frames[:-1], dim=1).mean().item()


def distances(options, prompts: list[dict], sampler: str, sigmas: str | None) -> dict[str, float]:
    found = {}
    for calls in CALLS:
        rows = []
        for prompt in prompts:
            exact = latents_of(options, prompt, *REFERENCE, 1)
            made = latents_of(options, prompt, sampler, sigmas, steps_of(sampler, calls), 1)
            rows.append(((made - exact).norm() / exact.norm()).item())
        found[str(calls)] = float(f"{statistics.median(rows):.3g}")
    return found


def gain(options, prompts: list[dict], sampler: str, sigmas: str | None) -> dict:
    steps = steps_of(sampler, PASS_CALLS)
    one, three = ([cosine(latents_of(options, prompt, sampler, sigmas, steps, passes)) for prompt in prompts]
                  for passes in (1, PASSES))
    return {"steps": steps, "one": statistics.mean(one), "three": statistics.mean(three),
            "change": difference(three, one, [prompt["prompt"] for prompt in prompts])}


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], threads=1)
    parser.add_argument("program", type=Path, help="the built command")
    parser.add_argument("--bundle", type=Path, default=DEMO)
    parser.add_argument("--videos", type=int, default=10)
    options = parser.parse_args()

    prompts = worlds.load().tuning_prompts(options.videos)
    rows: dict[str, dict] = {}
    for sampler, sigmas in (*DETERMINISTIC, *DRAWING):
        row: dict = {}
        if (sampler, sigmas) in DETERMINISTIC:
            row["distance"] = distances(options, prompts, sampler, sigmas)
        row["passes"] = gain(options, prompts, sampler, sigmas)
        rows[label(sampler, sigmas)] = row
        print(label(sampler, sigmas), row, flush=True)
    write_result(options.results / "samplers.json", {
        "conditions": conditions(options), "videos": len(prompts), "calls": list(CALLS),
        "reference": "{0}, {2} steps".format(*REFERENCE), "samplers": rows})
