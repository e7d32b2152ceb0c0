"""The `freeinit` command as a user calls it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch
from forked_command import ForkedCommand
from safetensors.torch import load_file, save_file

# What diffusers calls a setting, and what the command calls it.
NAMES = {
    "num_frames": "--num-frames",
    "height": "--height",
    "width": "--width",
    "num_inference_steps": "--num-inference-steps",
    "guidance_scale": "--guidance-scale",
    "eta": "--eta",
    "negative_prompt": "--negative-prompt",
    "num_iters": "--num-iters",
    "method": "--filter",
    "order": "--order",
    "spatial_stop_frequency": "--spatial-stop",
    "temporal_stop_frequency": "--temporal-stop",
    "profile": "--profile",
    "strength": "--strength",
    "sampler": "--sampler",
    "video": "--init-video",
    "vae_tile_size": "--vae-tile-size",
    "vae_tile_overlap": "--vae-tile-overlap",
}


@dataclass(frozen=True)
class Result:
    latents: torch.Tensor  # [B,C,F,h,w]
    frames: torch.Tensor  # [F,H,W,3], or [B,F,H,W,3] of several videos
    report: dict  # the object of --json
    messages: str  # what it said on stderr


@dataclass(frozen=True)
class Freeinit:
    path: Path
    forked: ForkedCommand | None = None  # in place of program starts

    def generate(
        self, bundle: Path, folder: Path, prompt: str, seed: int, settings: dict
    ) -> Result:
        """Runs `freeinit generate` in `folder`; `settings` under diffusers' names."""
        settings = dict(settings)
        arguments = [prompt, "--bundle", bundle, "-o", "video.gif", "--seed", seed, "--json"]
        arguments.append("--overwrite")
        arguments += [
            "--save-latents",
            "latents.safetensors",
            "--save-frames",
            "frames.safetensors",
        ]
        arguments += ["--num-videos", settings.pop("num_videos", 1)]
        if settings.pop("use_fast_sampling", False):
            arguments.append("--fast-sampling")
        if settings.pop("vae_tiling", False):
            arguments.append("--vae-tiling")
        noise = settings.pop("latents", None)
        if noise is not None:
            save_file({"noise": noise}, folder / "noise.safetensors")
            arguments += ["--init-noise", "noise.safetensors"]
        for name, value in settings.items():
            arguments += [NAMES[name], value]
        done = self.run(["generate", *arguments], folder)
        return Result(
            only_tensor(folder / "latents.safetensors"),
            only_tensor(folder / "frames.safetensors"),
            json.loads(done.stdout),
            done.stderr,
        )

    def run(self, arguments: list, folder: Path) -> subprocess.CompletedProcess:
        command = [str(argument) for argument in [self.path, *arguments]]
        if self.forked:
            code, out, err, *_ = self.forked.run(folder, command[1:], seconds=300)
            done = subprocess.CompletedProcess(command, code, out.decode(), err.decode())
        else:
            done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        return done


def only_tensor(path: Path) -> torch.Tensor:
    (tensor,) = load_file(path).values()
    return tensor
