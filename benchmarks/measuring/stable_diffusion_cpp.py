"""stable-diffusion.cpp's AnimateDiff: the same weights in its files, the same first noise, its command line."""

from __future__ import annotations

from pathlib import Path

import measuring.models  # noqa: F401, where original_names is found
import torch
from original_names import in_original_names
from safetensors.torch import load_file, save_file

# Where its own files have the weights (ModelLoader::init_from_diffusers_file).
PARTS = {
    "unet": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
}
# What it samples with: Stable Diffusion's betas, from the last timestep, to nothing but the clean video.
SCHEDULER = {"beta_schedule": "scaled_linear", "timestep_spacing": "trailing", "set_alpha_to_one": True}


def write_files(pipeline: Path, folder: Path) -> None:
    """A saved AnimateDiffPipeline as an image model and a motion module, in float16."""
    for part, file in PARTS.items():
        states = {name: tensor.half() for name, tensor in load_file(pipeline / part / file).items()}
        motion = {name: states.pop(name) for name in list(states) if "motion_modules" in name}
        if motion:
            folder.mkdir(parents=True, exist_ok=True)
            save_file(in_original_names(motion), folder / "motion_module.safetensors")
        if part == "text_encoder":  # transformers 5 leaves this out of the names
            states = {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in states.items()}
        (folder / "model" / part).mkdir(parents=True, exist_ok=True)
        save_file(states, folder / "model" / part / file)


def first_noise(seed: int, frames: int, size: int, alpha: float) -> torch.Tensor:
    """What its `--rng cpu` draws, frame by frame, as a DDIM scheduler has it: [1,4,F,h,w].

    It begins with noise times sigma and divides that by sqrt(sigma^2 + 1) for the network: sqrt(1 - alpha), where
    DDIM begins with 1.
    """
    drawn = torch.randn((frames, 4, size, size), generator=torch.Generator().manual_seed(seed))
    return drawn.transpose(0, 1)[None].contiguous() * (1 - alpha) ** 0.5


def command(program: str, folder: Path, output: Path, job: dict, threads: int, extra: list[str]) -> list[str]:
    return [
        program, "--mode", "vid_gen", "--model", str(folder / "model"),
        "--motion-module", str(folder / "motion_module.safetensors"),
        "--prompt", job["prompt"], "--seed", str(job["seed"]), "--rng", "cpu",
        "--steps", str(job["num_inference_steps"]), "--cfg-scale", str(job["guidance_scale"]),
        "--sampling-method", "euler", "--scheduler", "discrete",
        "--video-frames", str(job["num_frames"]), "--height", str(job["height"]), "--width", str(job["width"]),
        "--threads", str(threads), "--output", str(output / "%03d.png"), *extra,
    ]  # fmt: skip
