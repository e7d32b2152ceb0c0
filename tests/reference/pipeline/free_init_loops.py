"""FreeInit written out around stock parts: ModelScope's pipeline, and the authors' own loop.

The masks and the mix are those of tests/reference/numerics/official_formulas.py.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import DDIMScheduler
from official_formulas import low_pass_mask, mix

LAST_TIMESTEP = 999


class Reinitialiser:
    """The noise of the next pass, from the result of the last one."""

    def __init__(self, scheduler, initial: torch.Tensor, settings: dict):
        self.scheduler, self.initial = scheduler, initial
        self.mask = low_pass_mask(
            settings["method"],
            *initial.shape[2:],
            settings["spatial_stop_frequency"],
            settings["temporal_stop_frequency"],
            settings["order"],
        )

    def __call__(self, latents: torch.Tensor, fresh: torch.Tensor) -> torch.Tensor:
        last = torch.full((latents.shape[0],), LAST_TIMESTEP)
        return mix(self.scheduler.add_noise(latents, self.initial, last), fresh, self.mask)


def steps_of_pass(settings: dict, index: int) -> int:
    """`index` counts from 0."""
    steps, passes = settings["num_inference_steps"], settings["num_iters"]
    return max(1, int(steps / passes * (index + 1))) if settings["use_fast_sampling"] else steps


def latent_shape(pipeline, settings: dict) -> tuple[int, ...]:
    scale = 2 ** (len(pipeline.vae.config.block_out_channels) - 1)
    size = (settings["height"] // scale, settings["width"] // scale)
    return (1, pipeline.unet.config.in_channels, settings["num_frames"], *size)


@torch.no_grad()
def around_stock_pipeline(pipeline, prompt: str, seed: int, settings: dict, forward=None):
    """diffusers has no FreeInit for this pipeline, or a wrong one for its scheduler: it is called
    once a pass, latents handed over. `forward`: the scheduler that diffuses between passes, where
    the pipeline's own counts in sigmas. Latents [1,C,F,h,w] and frames [F,H,W,3]."""
    generator = torch.Generator().manual_seed(seed)
    shape = latent_shape(pipeline, settings)
    latents = torch.randn(shape, generator=generator)
    reinitialise = Reinitialiser(forward or pipeline.scheduler, latents, settings)
    for index in range(settings["num_iters"]):
        if index > 0:
            latents = reinitialise(latents, torch.randn(shape, generator=generator))
        latents = pipeline(
            prompt,
            negative_prompt=settings.get("negative_prompt"),
            num_frames=settings["num_frames"],
            height=settings["height"],
            width=settings["width"],
            num_inference_steps=steps_of_pass(settings, index),
            guidance_scale=settings["guidance_scale"],
            generator=generator,
            latents=latents,
            output_type="latent",
        ).frames
    return latents, decoded(pipeline, latents)


@torch.no_grad()
def official_loop(pipeline, prompt: str, seed: int, settings: dict):
    """The authors' loop: one global random number stream, leading timesteps with offset 1, a last
    level of alpha 1, no clipping, whatever the model's scheduler file says. Latents are float32,
    the networks may compute in half precision."""
    torch.manual_seed(seed)
    shape, guidance = latent_shape(pipeline, settings), settings["guidance_scale"]
    scheduler = official_scheduler(pipeline.scheduler)
    positive, negative = pipeline.encode_prompt(
        prompt, "cpu", 1, guidance > 1.0, settings.get("negative_prompt")
    )
    text = torch.cat([negative, positive]) if guidance > 1.0 else positive
    text = text.repeat_interleave(settings["num_frames"], dim=0)
    latents = torch.randn(shape)
    reinitialise = Reinitialiser(scheduler, latents, settings)
    for index in range(settings["num_iters"]):
        if index > 0:
            latents = reinitialise(latents, torch.randn(shape, dtype=torch.float32))
        scheduler.set_timesteps(steps_of_pass(settings, index))
        for timestep in scheduler.timesteps:
            batch = torch.cat([latents] * 2) if guidance > 1.0 else latents
            batch = batch.to(pipeline.unet.dtype)
            noise = pipeline.unet(batch, timestep, encoder_hidden_states=text).sample.float()
            if guidance > 1.0:
                uncond, cond = noise.chunk(2)
                noise = uncond + guidance * (cond - uncond)
            latents = scheduler.step(noise, timestep, latents).prev_sample
    return latents, decoded(pipeline, latents)


def official_scheduler(saved) -> DDIMScheduler:
    kept = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type")
    return DDIMScheduler(
        **{key: saved.config[key] for key in kept},
        timestep_spacing="leading",
        steps_offset=1,
        set_alpha_to_one=True,
        clip_sample=False,
    )


@torch.no_grad()
def decoded(pipeline, latents: torch.Tensor) -> np.ndarray:
    """Frame by frame, as the authors do."""
    vae = pipeline.vae
    z = latents[0].transpose(0, 1).to(vae.dtype) * (1 / vae.config.scaling_factor)
    frames = torch.cat([vae.decode(frame[None]).sample.float() for frame in z])
    return (frames / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
