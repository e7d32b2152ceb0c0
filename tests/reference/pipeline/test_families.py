"""ModelScope and the authors' own AnimateDiff loop: the same seed gives the same video.

Limits as in test_generate.py.
"""

from __future__ import annotations

import pytest
import torch
from comparing import BASE, LATENTS, PROMPT, compare, relative
from free_init_loops import around_stock_pipeline, official_loop

RUNS = {
    "one-pass": {"num_iters": 1},
    "three-passes": {"num_iters": 3},
    "three-passes-gaussian-odd": {
        "num_iters": 3,
        "num_frames": 7,
        "height": 24,
        "width": 40,
        "method": "gaussian",
    },
    "three-passes-ideal": {"num_iters": 3, "num_frames": 5, "method": "ideal"},
    "fast": {"num_iters": 3, "num_inference_steps": 7, "use_fast_sampling": True},
    "no-guidance": {"guidance_scale": 1.0},
    "negative": {"negative_prompt": "low quality, blurry video"},
}


@pytest.mark.parametrize("run", RUNS)
def test_modelscope(modelscope, freeinit, figures, tmp_path, run):
    """diffusers' TextToVideoSDPipeline with FreeInit's formulas around it. Its tokenizer pads with
    "!", which it then also reads in the prompt."""
    pipeline, bundle = modelscope
    settings = {**BASE, "guidance_scale": 9.0, **RUNS[run]}
    prompt = PROMPT + "! high detail!!"
    latents, frames = around_stock_pipeline(pipeline, prompt, 1234, settings)
    result = freeinit.generate(bundle, tmp_path, prompt, 1234, settings)
    compare(
        figures, f"modelscope/{run}", result.latents, result.frames, latents, frames, "modelscope "
    )


def test_modelscope_needs_a_prompt_only(modelscope, freeinit, tmp_path):
    """What the manifest recommends is what is run."""
    _, bundle = modelscope
    result = freeinit.generate(bundle, tmp_path, PROMPT, 1, {"num_inference_steps": 1})
    assert result.report["num_frames"] == 16 and result.report["unet_calls"] == 3
    assert (result.report["height"], result.report["width"]) == (32, 32)


@pytest.mark.product
@pytest.mark.parametrize("run", RUNS)
def test_official_profile(model, freeinit, figures, tmp_path, run):
    name, pipeline, bundle = model
    settings = {**BASE, **RUNS[run]}
    latents, frames = official_loop(pipeline, PROMPT, 1234, settings)
    result = freeinit.generate(
        bundle, tmp_path, PROMPT, 1234, {**settings, "profile": "official"}
    )
    run = f"official/{name}/{run}"
    compare(figures, run, result.latents, result.frames, latents, frames, "official ")


def test_the_comparisons_can_fail(modelscope):
    """Passes, padding and the prompt move ModelScope's result by far more than the limit."""
    pipeline, _ = modelscope
    base, _ = around_stock_pipeline(pipeline, PROMPT, 1234, BASE)
    for change in ({"num_iters": 1}, {"guidance_scale": 9.0}, {"method": "gaussian"}):
        other, _ = around_stock_pipeline(pipeline, PROMPT, 1234, {**BASE, **change})
        assert relative(other, base) > 10 * LATENTS, change
    for prompt in (PROMPT + "!", "a blue square"):
        other, _ = around_stock_pipeline(pipeline, prompt, 1234, BASE)
        assert relative(other, base) > 10 * LATENTS, prompt


def test_the_official_profile_differs_from_the_default(model):
    """Else a command that ignored --profile would pass."""
    name, pipeline, _ = model
    if name == "epsilon-leading":
        pytest.skip("this model's scheduler file says what the authors' code says")
    official, _ = official_loop(pipeline, PROMPT, 1234, {**BASE, "num_iters": 1})
    assert official.isfinite().all()
    stock = pipeline(
        PROMPT,
        generator=torch.Generator().manual_seed(1234),
        output_type="latent",
        **{key: BASE[key] for key in ("num_frames", "height", "width", "num_inference_steps")},
        guidance_scale=BASE["guidance_scale"],
    ).frames
    assert relative(official, stock) > 10 * LATENTS
