"""What the options that compute less save, and what they change in the demo model's videos.

    python benchmarks/run.py fewer_operations build/benchmarks/compare_worker --judge FOLDER

For every option the same prompts and seeds: CPU time against the exact run, the relative difference
of the latents (root mean square over that of the exact latents), the correlation of neighbouring
frames, and by --judge (the judge's folder, see benchmarks/evaluation) the background deviation and the
shares of clips whose words are right, as benchmarks/evaluation has them. Changes are paired, with
bootstrap intervals over sentences. The prompts name words together that training never saw together.
Options take turns, prompt by prompt; what a stopped run has made is kept in --work and not made again.
Writes results/fewer_operations.json.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from pathlib import Path

import torch
from evaluation import worlds
from evaluation.intervals import difference
from experiments.compare import start
from measuring.models import SIZES, prepare
from measuring.options import conditions, measuring_parser, write_result
from safetensors.torch import load_file

EXACT = "exact"
BACKEND = "torchscript"  # of every option but those that name one
OPTIONS = {
    EXACT: {},
    "--cache-interval 2": {"cache_interval": 2},
    "--cache-interval 3": {"cache_interval": 3},
    "--cache-interval 5": {"cache_interval": 5},
    "--guidance-interval 0.2 1": {"guidance_interval": [0.2, 1.0]},
    "--guidance-interval 0.5 1": {"guidance_interval": [0.5, 1.0]},
    "--guidance-interval 0.2 0.8": {"guidance_interval": [0.2, 0.8]},
    "--cache-interval 3 --guidance-interval 0.2 1": {
        "cache_interval": 3,
        "guidance_interval": [0.2, 1.0],
    },
    "--backend int8": {"backend": "int8"},
    "--backend float16-weights": {"backend": "float16-weights"},
}
WORDS = ("colour", "shape", "motion", "background", "all")
CHANGES = ("consistency", "background_deviation", "all")  # shown with an interval


def relative(found: torch.Tensor, exact: torch.Tensor) -> float:
    return ((found - exact).norm() / exact.norm()).item()


def correlation(clips: torch.Tensor) -> list[float]:
    """Mean over neighbouring frames of each of clips [n, F, 3, H, W]."""
    flat = clips.flatten(2)
    flat = flat - flat.mean(2, keepdim=True)
    return torch.nn.functional.cosine_similarity(flat[:, 1:], flat[:, :-1], dim=2).mean(1).tolist()


def run_all(workers: dict, prompts: list[dict], folder: Path, options) -> dict[str, dict]:
    """Latents and CPU seconds of every option."""
    pixels = SIZES["demo"].height
    common = {"num_frames": SIZES["demo"].frames, "height": pixels, "width": pixels, "guidance_scale": 4.0}
    common |= {"num_inference_steps": options.steps, "num_iters": options.passes}
    folder.mkdir(exist_ok=True)
    found: dict[str, dict] = {name: {"latents": [], "seconds": []} for name in OPTIONS}
    warm_up = {**common, "job": "generate", "prompt": "", "seed": 0, "num_inference_steps": 2}
    for worker in workers.values():
        worker.ask(**warm_up)
    workers[BACKEND].ask(**warm_up, cache_interval=2)
    for index, prompt in enumerate(prompts):
        for name, settings in OPTIONS.items():
            job = {"job": "generate", "prompt": prompt["prompt"], "seed": prompt["seed"], **common, **settings}
            key = hashlib.sha256(json.dumps(job).encode()).hexdigest()[:16]
            output, noted = folder / f"{key}.safetensors", folder / f"{key}.json"
            if not noted.exists():
                answer = workers[settings.get("backend", BACKEND)].ask(**job, output=str(output))
                noted.write_text(json.dumps(answer))
            found[name]["seconds"].append(json.loads(noted.read_text())["cpu_seconds"])
            found[name]["latents"].append(load_file(output)["latents"])
        print(f"  prompt {index + 1} of {len(prompts)}", flush=True)
    return {name: {**v, "latents": torch.cat(v["latents"])} for name, v in found.items()}


def scores_of(clips: torch.Tensor, prompts: list[dict], measure) -> list[dict]:
    """Of each clip its consistency and what the judge sees."""
    frames = (clips * 255).round().to(torch.uint8).permute(0, 1, 3, 4, 2)
    judged = [measure(frame[None], prompt["words"])[0] for frame, prompt in zip(frames, prompts, strict=True)]
    return [{"consistency": value, **row} for value, row in zip(correlation(clips), judged, strict=True)]


def column(rows: list[dict], field: str) -> list[float]:
    """Of the clips that have it: the background is named in some prompts alone."""
    return [float(row[field]) for row in rows if field in row]


@torch.no_grad()
def decoded(pipeline: Path, latents: torch.Tensor) -> torch.Tensor:
    """Clips [n, F, 3, H, W] in 0..1 of latents [n, C, F, h, w]."""
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(pipeline / "vae")
    clips = [vae.decode(one.transpose(0, 1) / vae.config.scaling_factor).sample for one in latents]
    return (torch.stack(clips) / 2 + 0.5).clamp(0, 1)


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], steps=25, passes=1, threads=1)
    parser.add_argument("program", help="the built compare_worker")
    parser.add_argument("--judge", type=Path, required=True, help="the judge's folder")
    parser.add_argument("--videos", type=int, default=40)
    options = parser.parse_args()

    world = worlds.load()
    prompts = world.tuning_prompts(options.videos)
    measure = world.Measure(options.judge)
    model = prepare("demo", options.work)
    workers = {
        backend: start(f"freeinit-{backend}", model, model.folder, options)
        for backend in (BACKEND, "int8", "float16-weights")
    }
    try:
        found = run_all(workers, prompts, model.folder / "fewer", options)
    finally:
        for worker in workers.values():
            worker.close()
    exact = found[EXACT]
    sentences = [prompt["prompt"] for prompt in prompts]
    result: dict = {"conditions": conditions(options), "videos": len(prompts), "sentences": len(set(sentences)),
                    "words": list(WORDS), "options": {}}
    rows = {}
    for name, run in found.items():
        rows[name] = scores_of(decoded(model.pipeline, run["latents"]), prompts, measure)
        pairs = zip(run["latents"], exact["latents"], strict=True)
        entry = {
            "ratio": statistics.median(run["seconds"]) / statistics.median(exact["seconds"]),
            "difference": statistics.mean(relative(a, b) for a, b in pairs),
            "mean": {field: statistics.mean(column(rows[name], field)) for field in (*CHANGES, *WORDS)},
            "change": {field: difference(column(rows[name], field), column(rows[EXACT], field), sentences)
                       for field in CHANGES},
        }
        result["options"][name] = entry
        print(name, json.dumps(entry), flush=True)
    write_result(options.results / "fewer_operations.json", result)

