"""The same seed gives the same video as diffusers.

`freeinit generate` on exported bundles against `AnimateDiffPipeline` with `enable_free_init`.
Limits:

* latents: 1e-4 of their largest value. Both sides run the same float32 kernels, but for the noise
  mix (one real FFT pair against three complex ones: 1e-6), which every following step may amplify.
* frames in 0..1: 2e-3, half a step of 8 bits. The decoder multiplies what the latents differ by.
"""

from __future__ import annotations

import pytest
import torch
from comparing import BASE, LATENTS, PROMPT, compare, relative
from reference import diffusers_run

# Each run changes what is named; the others are as in BASE.
RUNS = {
    "butterworth": {},
    "butterworth-order-2": {
        "order": 2,
        "spatial_stop_frequency": 0.5,
        "temporal_stop_frequency": 0.4,
    },
    "gaussian": {"method": "gaussian"},
    "gaussian-unequal": {
        "method": "gaussian",
        "spatial_stop_frequency": 0.6,
        "temporal_stop_frequency": 0.3,
    },
    "ideal": {"method": "ideal"},
    "odd-frames": {"num_frames": 7},
    "odd-frames-gaussian": {"num_frames": 5, "method": "gaussian"},
    "odd-frames-ideal": {"num_frames": 9, "method": "ideal"},
    "one-frame": {"num_frames": 1},
    "landscape": {"height": 32, "width": 56},
    "portrait-gaussian": {"height": 56, "width": 24, "method": "gaussian"},
    "odd-latents": {"num_frames": 7, "height": 40, "width": 72, "method": "ideal"},
    "one-pass": {"num_iters": 1},
    "three-passes": {"num_iters": 3},
    "fast": {"num_iters": 3, "num_inference_steps": 7, "use_fast_sampling": True},
    "fast-fewer-steps-than-passes": {
        "num_iters": 3,
        "num_inference_steps": 2,
        "use_fast_sampling": True,
    },
    "eta": {"eta": 0.7},
    "eta-one": {"eta": 1.0, "num_iters": 3, "num_frames": 5},
    "no-guidance": {"guidance_scale": 1.0},
    "strong-guidance": {"guidance_scale": 12.5},
    "negative": {"negative_prompt": "low quality, blurry video"},
    "negative-no-guidance": {"negative_prompt": "blurry", "guidance_scale": 0.5},
    "everything": {
        "num_frames": 7,
        "height": 24,
        "width": 40,
        "num_inference_steps": 6,
        "num_iters": 3,
        "use_fast_sampling": True,
        "eta": 0.3,
        "method": "gaussian",
        "negative_prompt": "worst quality",
    },
}


@pytest.mark.product
@pytest.mark.parametrize("run", RUNS)
def test_one_video(model, freeinit, figures, tmp_path, run):
    name, pipeline, bundle = model
    settings = {**BASE, **RUNS[run]}
    latents, frames = diffusers_run(pipeline, PROMPT, 1234, settings)
    result = freeinit.generate(bundle, tmp_path, PROMPT, 1234, settings)
    compare(figures, f"{name}/{run}", result.latents, result.frames, latents, frames)
    assert result.report["seed"] == 1234 and result.report["num_frames"] == settings["num_frames"]


@pytest.mark.product
@pytest.mark.parametrize("eta", [0.0, 0.5])
def test_several_videos(model, freeinit, figures, tmp_path, eta):
    """Video k equals the single run with seed + k."""
    name, pipeline, bundle = model
    settings = {**BASE, "eta": eta, "negative_prompt": "blurry"}
    result = freeinit.generate(bundle, tmp_path, PROMPT, 7, {**settings, "num_videos": 3})
    assert result.latents.shape[0] == result.frames.shape[0] == 3
    for k in range(3):
        latents, frames = diffusers_run(pipeline, PROMPT, 7 + k, settings)
        run = f"{name}/video {k} of 3, eta {eta}"
        compare(figures, run, result.latents[k : k + 1], result.frames[k], latents, frames)


@pytest.mark.product
@pytest.mark.parametrize("eta", [0.0, 0.5])
def test_initial_noise(model, freeinit, figures, tmp_path, eta):
    """Given noise replaces the first draw; the generator still starts at the seed."""
    name, pipeline, bundle = model
    scale = pipeline.vae_scale_factor
    shape = (1, 4, BASE["num_frames"], BASE["height"] // scale, BASE["width"] // scale)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(99))
    settings = {**BASE, "eta": eta, "latents": noise}
    latents, frames = diffusers_run(pipeline, PROMPT, 3, settings)
    result = freeinit.generate(bundle, tmp_path, PROMPT, 3, settings)
    run = f"{name}/init-noise, eta {eta}"
    compare(figures, run, result.latents, result.frames, latents, frames)


@pytest.mark.product
@pytest.mark.parametrize(
    "prompt",
    [
        "A Photo of an ASTRONAUT riding a horse on Mars, 4k, high detail masterpiece in the park",
        "caf\u00e9 \u732b don't 12 \U0001f600",
    ],
    ids=["too-long", "unicode"],
)
def test_prompts(model, freeinit, figures, tmp_path, prompt):
    name, pipeline, bundle = model
    latents, frames = diffusers_run(pipeline, prompt, 5, BASE)
    result = freeinit.generate(bundle, tmp_path, prompt, 5, BASE)
    compare(figures, f"{name}/{prompt[:12]}", result.latents, result.frames, latents, frames)
    if "masterpiece" in prompt:
        assert "park" in result.messages  # the warning names what was cut off


def test_the_comparison_can_fail(model):
    """Every setting above moves the result by far more than the limit."""
    _, pipeline, _ = model
    base, _ = diffusers_run(pipeline, PROMPT, 1234, BASE)
    assert base.isfinite().all()
    changes = [
        {"method": "gaussian"},
        {"method": "ideal"},
        {"order": 2},
        {"spatial_stop_frequency": 0.3},
        {"num_iters": 1},
        {"eta": 0.7},
        {"guidance_scale": 1.0},
        {"negative_prompt": "blurry"},
        {"use_fast_sampling": True},
    ]
    for change in changes:
        other, _ = diffusers_run(pipeline, PROMPT, 1234, {**BASE, **change})
        moved = relative(other, base)
        print(change, f"moves the latents by {moved:.3g} of their largest value")
        assert moved > 10 * LATENTS, change
    for prompt, seed in (("a blue square", 1234), (PROMPT, 1235)):
        other, _ = diffusers_run(pipeline, prompt, seed, BASE)
        assert relative(other, base) > 10 * LATENTS, (prompt, seed)
