"""What enters each pass of diffusers' FreeInit: the tables of docs/numerics.md. Writes no golden data.

The network knows a white clean sample of unit variance, as in tests/passes/every_sampler_test.cpp. Of each pass:
the deviation of the latents that enter it, in units of the sampler's first noise, and from the second pass on the
correlation of their low band with that of the result diffused to the last training timestep with unit noise. A pass
that cannot start shows the exception.

Video to video likewise, as in tests/passes/video_to_video_test.cpp, in variance-preserving scale; before the colon the
steps of the pass.
"""

import types

import warnings

import diffusers
import torch
from diffusers import AnimateDiffVideoToVideoPipeline
from diffusers.pipelines.free_init_utils import FreeInitMixin

SHAPE = (1, 4, 16, 16, 16)
STEPS = 10
CLASSES = ["DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler",
           "HeunDiscreteScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "LCMScheduler", "TCDScheduler"]
OPTIONS = {"DDIMScheduler": {"clip_sample": False}, "PNDMScheduler": {"skip_prk_steps": True}}


def low_band(x):
    """Below three quarters of the stop frequency 1/4: what the filter passes."""
    mask = torch.zeros(SHAPE)
    for f in (0, 1, 15):
        for h in (0, 1, 15):
            for w in (0, 1, 15):
                mask[:, :, f, h, w] = float(0 in (f, h, w))
    return torch.fft.ifftn(torch.fft.fftn(x, dim=(-3, -2, -1)) * mask, dim=(-3, -2, -1)).real


def correlation(a, b):
    return float(torch.corrcoef(torch.stack([low_band(a).flatten(), low_band(b).flatten()]))[0, 1])


def sample(scheduler, latents, timesteps, clean):
    """A pass of a network that knows `clean`."""
    for t in timesteps:
        model_input = scheduler.scale_model_input(latents, t)
        alpha = scheduler.alphas_cumprod[int(t)]
        output = (alpha.sqrt() * model_input - clean) / (1 - alpha).sqrt()
        latents = scheduler.step(output, t, latents).prev_sample
    return latents


def starts(name, spacing):
    generator = torch.Generator().manual_seed(7)
    clean = torch.randn(SHAPE, generator=torch.Generator().manual_seed(8))
    pipeline = FreeInitMixin()
    scheduler = pipeline.scheduler = getattr(diffusers, name)(
        timestep_spacing=spacing, prediction_type="v_prediction", beta_start=0.0001, beta_end=0.02,
        beta_schedule="linear", **OPTIONS.get(name, {}))
    pipeline.enable_free_init(3, False, "butterworth", 4, 0.25, 0.25)
    scheduler.set_timesteps(STEPS)
    unit = float(scheduler.init_noise_sigma)
    noise = torch.randn(SHAPE, generator=generator)
    latents = noise * scheduler.init_noise_sigma
    found = []
    for iteration in range(3):
        alpha = scheduler.alphas_cumprod[-1]
        diffused = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        try:
            latents, timesteps = pipeline._apply_free_init(latents, iteration, STEPS, torch.device("cpu"),
                                                           torch.float32, generator)
        except Exception as error:
            return found + [type(error).__name__]
        share = f" ({correlation(latents, diffused):.2f})" if iteration else ""
        found.append(f"{float(latents.std()) / unit:.2f}{share}")
        latents = sample(scheduler, latents, timesteps, clean)
    return found


def video_starts(name, strength):
    """The loop of diffusers' video to video pipeline."""
    generator = torch.Generator().manual_seed(7)
    clean, video = (torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)) for seed in (8, 9))
    pipeline = FreeInitMixin()
    scheduler = pipeline.scheduler = getattr(diffusers, name)(
        prediction_type="v_prediction", beta_start=0.00085, beta_end=0.012, beta_schedule="linear",
        **OPTIONS.get(name, {}))
    pipeline.enable_free_init(3, False, "butterworth", 4, 0.25, 0.25)
    pipeline.get_timesteps = types.MethodType(AnimateDiffVideoToVideoPipeline.get_timesteps, pipeline)
    scheduler.set_timesteps(STEPS)
    timesteps, steps = pipeline.get_timesteps(STEPS, scheduler.timesteps, strength, "cpu")
    latents = scheduler.add_noise(video, torch.randn(SHAPE, generator=generator), timesteps[:1])
    found = []
    for iteration in range(3):
        try:
            latents, timesteps = pipeline._apply_free_init(latents, iteration, steps, torch.device("cpu"),
                                                           torch.float32, generator)
        except Exception as error:
            return found + [type(error).__name__]
        timesteps, steps = pipeline.get_timesteps(len(timesteps), timesteps, strength, "cpu")
        if len(timesteps) == 0:
            return found + ["no step"]
        start = scheduler.scale_model_input(latents, timesteps[0])
        found.append(f"{len(timesteps)}: {float(start.std()):.2f}")
        latents = sample(scheduler, latents, timesteps, clean)
    return found


def main():
    warnings.simplefilter("ignore")
    for name in CLASSES:
        spacings = ["-"] if name in ("LCMScheduler", "TCDScheduler") else ["leading", "linspace", "trailing"]
        cells = [" / ".join(starts(name, "leading" if spacing == "-" else spacing)) for spacing in spacings]
        print(f"| {name} | " + " | ".join(cells) + " |")
    for name in ["DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler", "LCMScheduler"]:
        cells = [" / ".join(video_starts(name, strength)) for strength in (0.3, 0.5, 0.8, 1.0)]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
