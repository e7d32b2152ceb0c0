"""What the options that compute less save, and what they change in the demo model's videos.

    python benchmarks/compare/fewer_operations.py build/benchmarks/compare_worker --judge FOLDER

For every option the same prompts and seeds: CPU time against the exact run, the relative difference
of the latents (root mean square over that of the exact latents), the correlation of neighbouring
frames, and, with --judge (the folder of judge.pt, see models/train), the shares of clips whose
colour, shape, motion and background are right. The prompts name words together that training never
saw together. Options take turns, prompt by prompt. Writes results/fewer_operations.json.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from compare import start
from measuring import conditions, measuring_parser, write_result
from models import ROOT, SIZES, prepare
from safetensors.torch import load_file

sys.path.insert(0, str(ROOT / "models" / "train"))

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


def relative(found: torch.Tensor, exact: torch.Tensor) -> float:
    return ((found - exact).norm() / exact.norm()).item()


def correlation(clips: torch.Tensor) -> float:
    """Mean over neighbouring frames of clips [n, F, 3, H, W]."""
    flat = clips.flatten(2)
    flat = flat - flat.mean(2, keepdim=True)
    return torch.nn.functional.cosine_similarity(flat[:, 1:], flat[:, :-1], dim=2).mean().item()


def run_all(workers: dict, prompts: list[dict], folder: Path, options) -> dict[str, dict]:
    """Latents and CPU seconds of every option. What an earlier, stopped run has is kept."""
    pixels = SIZES["demo"].latent * 4
    common = {"num_frames": SIZES["demo"].frames, "height": pixels, "width": pixels}
    common |= {"num_inference_steps": options.steps, "num_iters": options.passes}
    folder = folder / f"fewer-{options.passes}x{options.steps}"
    folder.mkdir(exist_ok=True)
    found: dict[str, dict] = {name: {"latents": [], "seconds": []} for name in OPTIONS}
    warm_up = {**common, "num_inference_steps": 2}
    for worker in workers.values():
        worker.ask(job="generate", prompt="", seed=0, guidance_scale=4.0, **warm_up)
    workers[BACKEND].ask(job="generate", prompt="", seed=0, guidance_scale=4.0, **warm_up | {"cache_interval": 2})
    for index, prompt in enumerate(prompts):
        job = {"prompt": prompt["prompt"], "seed": prompt["seed"], "guidance_scale": 4.0, **common}
        for number, (name, settings) in enumerate(OPTIONS.items()):
            output = folder / f"{index}-{number}.safetensors"
            noted = output.with_suffix(".json")
            if not noted.exists():
                answer = workers[settings.get("backend", BACKEND)].ask(job="generate", **job, **settings, output=str(output))
                noted.write_text(json.dumps(answer))
            found[name]["seconds"].append(json.loads(noted.read_text())["cpu_seconds"])
            found[name]["latents"].append(load_file(output)["latents"])
        print(f"  prompt {index + 1} of {len(prompts)}", flush=True)
    return {name: {**v, "latents": torch.cat(v["latents"])} for name, v in found.items()}


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
    parser.add_argument("--judge", type=Path, help="the folder that holds judge.pt")
    parser.add_argument("--videos", type=int, default=40)
    options = parser.parse_args()

    import data

    prompts = data.held_out_prompts()[: options.videos]
    model = prepare("demo", options.work)
    workers = {
        backend: start(f"freeinit-{backend}", model, options.work / "demo", options)
        for backend in (BACKEND, "int8", "float16-weights")
    }
    try:
        found = run_all(workers, prompts, options.work / "demo", options)
    finally:
        for worker in workers.values():
            worker.close()
    exact = found[EXACT]
    result: dict = {"conditions": conditions(options), "videos": len(prompts), "options": {}}
    result["words"] = list(WORDS) if options.judge else []
    for name, run in found.items():
        clips = decoded(model.pipeline, run["latents"])
        pairs = zip(run["latents"], exact["latents"], strict=True)
        entry = {
            "ratio": statistics.median(run["seconds"]) / statistics.median(exact["seconds"]),
            "difference": statistics.mean(relative(a, b) for a, b in pairs),
            "consistency": correlation(clips),
        }
        if options.judge:
            import judge

            combos = torch.tensor([prompt["combo"] for prompt in prompts])
            entry["judge"] = judge.score(judge.load(options.judge), clips, combos)
        result["options"][name] = entry
        print(name, json.dumps(entry), flush=True)
    write_result(options.results / "fewer_operations.json", result)


if __name__ == "__main__":
    main()
