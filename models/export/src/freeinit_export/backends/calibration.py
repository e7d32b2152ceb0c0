"""What a bundle's UNet is given while the model makes videos: inputs to quantise it by.

Neither noise nor a smaller video would do: ranges of activations follow the step and the size.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler

from freeinit_export.bundle.manifest import RECOMMENDED
from freeinit_export.bundle.scheduler import KEYS
from freeinit_export.networks.component import Inputs
from freeinit_export.networks.tokenizer import read_tokenizer
from freeinit_export.networks.torchscript_file import read_torchscript

PROMPTS = (
    "a corgi walking in the park, photo, high detail",
    "a red circle moving right on a blue background",
)
STEPS = 10  # of each video, or as few as the model is sampled with


def denoising_inputs(
    network: Callable[..., torch.Tensor],
    bundle: Path,
    manifest: dict[str, Any],
    prompts: Sequence[str],
) -> list[Inputs]:
    """What `network`, the bundle's UNet, is called with while it makes a video of each prompt by
    DDIM with the recommended size and guidance: the inputs of every step."""
    settings = {**RECOMMENDED, **manifest["recommended"]}
    guidance = settings["guidance_scale"]
    without, *texts = _encoded(bundle, manifest, (settings["negative_prompt"], *prompts))
    scheduler = _scheduler(manifest["scheduler"])
    scheduler.set_timesteps(min(STEPS, settings["num_inference_steps"]))
    generator = torch.Generator().manual_seed(0)
    inputs = []
    for text in texts:
        states = torch.stack([without, text] if guidance > 1 else [text])
        batch = len(states)
        fps = torch.full((batch,), float(settings["fps"]))
        latents = torch.randn(_latent_shape(manifest, settings), generator=generator)
        for timestep in scheduler.timesteps:
            rows = latents.expand(batch, *latents.shape[1:]).contiguous()
            inputs.append((rows, torch.full((batch,), float(timestep)), states, fps))
            *unguided, predicted = network(*inputs[-1]).split(1)
            for start in unguided:
                predicted = start + guidance * (predicted - start)
            latents = scheduler.step(predicted, timestep, latents).prev_sample
    return inputs


def _scheduler(section: dict[str, Any]) -> DDIMScheduler:
    """DDIM with the betas of the model's own sampler, which it may not be."""
    settings = {key: section[key] for key in KEYS if key in section}
    if settings.get("timestep_spacing") == "uniform":  # of VideoCrafter, which diffusers lacks
        settings["timestep_spacing"] = "leading"
    return DDIMScheduler(**settings)


def _latent_shape(manifest: dict[str, Any], settings: dict[str, Any]) -> tuple[int, ...]:
    unet, scale = manifest["unet"], manifest["vae"]["spatial_scale"]
    frames = min(settings["num_frames"], unet["max_frames"] or settings["num_frames"])
    height, width = (settings[side] // scale for side in ("height", "width"))
    return 1, unet["in_channels"], frames, height, width


def _encoded(bundle: Path, manifest: dict[str, Any], texts: Sequence[str]) -> torch.Tensor:
    """The states of the bundle's own text encoder, [N,L,D]."""
    section = manifest["tokenizer"]
    vocab_file, merges_file = bundle / section["vocab_file"], bundle / section["merges_file"]
    words = {index: word for word, index in json.loads(vocab_file.read_text("utf-8")).items()}
    names = ("bos_token", "eos_token", "unk_token")
    tokenizer = read_tokenizer(
        vocab_file, merges_file, {name: words[section[f"{name}_id"]] for name in names}
    )
    length, end = section["max_length"], section["eos_token_id"]
    rows = []
    for text in texts:
        ids = tokenizer(text).input_ids
        ids = ids if len(ids) <= length else [*ids[: length - 1], end]
        rows.append(ids + [section["pad_token_id"]] * (length - len(ids)))
    encoder, _ = read_torchscript(bundle / manifest["text_encoder"]["file"])
    return encoder(torch.tensor(rows))
