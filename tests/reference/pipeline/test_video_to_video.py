"""`freeinit generate --init-video --strength` against diffusers' AnimateDiffVideoToVideoPipeline.

Limits as in test_generate.py. Two things of the pipeline are not the command's, and are set here to
what the command does: it samples the encoder's distribution instead of taking its mean, and it
draws the noise frame by frame, [B,F,C,h,w]. Its own further passes run fewer and fewer steps, so
here it is called once a pass, with the latents that the mix of FreeInit gives.
"""

from __future__ import annotations

import diffusers
import numpy as np
import pytest
import torch
from comparing import BASE, LATENTS, PROMPT, compare, relative
from diffusers import AnimateDiffVideoToVideoPipeline
from diffusers.pipelines.animatediff import pipeline_animatediff_video2video as module
from free_init_loops import Reinitialiser, decoded, latent_shape
from official_formulas import mix
from PIL import Image

SAMPLERS = {
    "ddim": "DDIMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-ancestral": "EulerAncestralDiscreteScheduler",
    "heun": "HeunDiscreteScheduler",
    "dpmsolver++": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "lcm": "LCMScheduler",
}
SETTINGS = {**BASE, "num_inference_steps": 10, "num_iters": 3}


@pytest.fixture(autouse=True)
def mean_and_layout(monkeypatch):
    def draw(shape, generator=None, device=None, dtype=None):
        batch, frames, channels, height, width = shape
        noise = torch.randn((batch, channels, frames, height, width), generator=generator)
        return noise.transpose(1, 2)

    monkeypatch.setattr(module, "retrieve_latents", lambda out, **_: out.latent_dist.mode())
    monkeypatch.setattr(module, "randn_tensor", draw)


def video_to_video(pipeline, sampler: str) -> AnimateDiffVideoToVideoPipeline:
    # from_config takes what the saved pipeline left at its class's default from the new class.
    config = pipeline.scheduler.config
    spacing = {"timestep_spacing": config["timestep_spacing"]}
    made = AnimateDiffVideoToVideoPipeline(
        vae=pipeline.vae,
        text_encoder=pipeline.text_encoder,
        tokenizer=pipeline.tokenizer,
        unet=pipeline.unet,
        motion_adapter=None,
        scheduler=getattr(diffusers, SAMPLERS[sampler]).from_config(config, **spacing),
    )
    made.set_progress_bar_config(disable=True)
    return made


def clip(folder, frames: int, height: int, width: int) -> list[Image.Image]:
    """A disc that moves, and its numbered pictures in `folder`."""
    y, x = np.mgrid[:height, :width]
    pictures = []
    for t in range(frames):
        inside = (x - 6 - 3 * t) ** 2 + (y - height / 2) ** 2 < 64
        pixels = np.stack([np.where(inside, 230, 40), 5 * y, 90 + 0 * x], axis=-1)
        pictures.append(Image.fromarray(pixels.astype(np.uint8)))
        folder.mkdir(exist_ok=True)
        pictures[-1].save(folder / f"{t:03}.png")
    return pictures


def call(pipeline, settings, generator, **start):
    return pipeline(
        prompt=PROMPT,
        height=settings["height"],
        width=settings["width"],
        num_inference_steps=settings["num_inference_steps"],
        guidance_scale=settings["guidance_scale"],
        strength=settings["strength"],
        generator=generator,
        output_type="latent",
        **start,
    ).frames


@torch.no_grad()
def passes(pipeline, pictures, settings, seed):
    """The latents after the last pass."""
    generator = torch.Generator().manual_seed(seed)
    pixels = pipeline.video_processor.preprocess_video([pictures]).transpose(1, 2)[0]
    encoded = pipeline.vae.encode(pixels).latent_dist.mode() * pipeline.vae.config.scaling_factor
    video = encoded.transpose(0, 1)[None]
    scheduler, steps = pipeline.scheduler, settings["num_inference_steps"]
    noise = torch.randn(latent_shape(pipeline, settings), generator=generator)
    mask = Reinitialiser(scheduler, noise, settings).mask

    def noised(clean, by):
        scheduler.set_timesteps(steps)
        timesteps, _ = pipeline.get_timesteps(
            steps, scheduler.timesteps, settings["strength"], "cpu"
        )
        return scheduler.add_noise(clean, by, timesteps[:1])

    latents = noised(video, noise)
    for index in range(settings["num_iters"]):
        if index > 0:
            fresh = torch.randn(noise.shape, generator=generator)
            latents = mix(noised(latents, noise), noised(video, fresh), mask)
        latents = call(pipeline, settings, generator, latents=latents)
    return latents


@pytest.mark.product
@pytest.mark.parametrize("strength", (0.3, 0.5, 0.8, 1.0))
@pytest.mark.parametrize("sampler", list(SAMPLERS)[:2])
def test_strengths(model, freeinit, figures, tmp_path, sampler, strength):
    one_and_three_passes(model, freeinit, figures, tmp_path, sampler, strength)


@pytest.mark.product
@pytest.mark.parametrize("sampler", list(SAMPLERS)[2:])
def test_samplers(model, freeinit, figures, tmp_path, sampler):
    one_and_three_passes(model, freeinit, figures, tmp_path, sampler, 0.5)


def one_and_three_passes(model, freeinit, figures, tmp_path, sampler, strength):
    name, pipeline, bundle = model
    settings = {**SETTINGS, "strength": strength}
    pictures = clip(tmp_path / "clip", *(settings[key] for key in ("num_frames", "height", "width")))
    reference = video_to_video(pipeline, sampler)
    given = {**settings, "sampler": sampler, "video": "clip"}
    for num_iters in (1, 3):
        if num_iters == 1:
            generator = torch.Generator().manual_seed(11)
            latents = call(reference, settings, generator, video=[pictures])
        else:
            latents = passes(reference, pictures, settings, 11)
        result = freeinit.generate(
            bundle, tmp_path, PROMPT, 11, {**given, "num_iters": num_iters}
        )
        frames = decoded(reference, latents)
        run = f"{name}/{sampler}, strength {strength}, {num_iters} passes"
        compare(figures, run, result.latents, result.frames, latents, frames, "video ")
        (calls,) = result.report["calls_per_pass"]
        assert len(calls) == num_iters and len(set(calls)) == 1
        assert result.report["strength"] == strength


def test_the_comparison_can_fail(model, tmp_path):
    """Strength, passes and the clip move the result by far more than the limit."""
    _, pipeline, _ = model
    reference = video_to_video(pipeline, "ddim")
    settings = {**SETTINGS, "num_inference_steps": 4, "num_iters": 2, "strength": 0.5}
    pictures = clip(tmp_path / "clip", *(settings[key] for key in ("num_frames", "height", "width")))
    base = passes(reference, pictures, settings, 11)
    for change in ({"strength": 0.8}, {"num_iters": 1}, {"method": "gaussian"}):
        other = passes(reference, pictures, {**settings, **change}, 11)
        assert relative(other, base) > 10 * LATENTS, change
    assert relative(passes(reference, pictures[::-1], settings, 11), base) > 10 * LATENTS
