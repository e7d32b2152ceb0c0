"""Models distilled to a few steps: LCM, and Euler with trailing timesteps without guidance.

diffusers' FreeInit is right with LCM, and wrong with Euler, whose first noise it scales twice: there
FreeInit's formulas stand around its pipeline, and diffuse with DDIM of the same betas. Limits as in
test_generate.py.
"""

from __future__ import annotations

import pytest
from comparing import BASE, LATENTS, PROMPT, compare, relative
from diffusers import DDIMScheduler, EulerDiscreteScheduler, LCMScheduler
from free_init_loops import around_stock_pipeline, steps_of_pass
from reference import diffusers_run, export_bundle
from tiny_pipeline import tiny_pipeline

RUNS = {
    "one-pass": {"num_iters": 1},
    "three-passes": {"num_iters": 3},
    "fast": {"num_iters": 3, "use_fast_sampling": True},  # of 4 steps: passes of 1, 2 and 4
}


def bundle_of(folder, scheduler, *options):
    pipeline = tiny_pipeline(seed=4, levels=3)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **dict(options))
    return pipeline, export_bundle(pipeline, folder)


@pytest.fixture(scope="module")
def lcm(tmp_path_factory):
    return bundle_of(tmp_path_factory.mktemp("lcm"), LCMScheduler)


@pytest.fixture(scope="module")
def lightning(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lightning")
    return bundle_of(folder, EulerDiscreteScheduler, ("timestep_spacing", "trailing"))


def calls_of(settings) -> int:
    return sum(steps_of_pass(settings, i) for i in range(settings["num_iters"]))


@pytest.mark.product
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("steps", [1, 4, 6])
def test_lcm(lcm, freeinit, figures, tmp_path, steps, run):
    pipeline, bundle = lcm
    settings = {**BASE, "num_inference_steps": steps, "guidance_scale": 1.5}
    settings |= RUNS[run]
    latents, frames = diffusers_run(pipeline, PROMPT, 1234, settings)
    result = freeinit.generate(bundle, tmp_path, PROMPT, 1234, settings)
    assert result.report["unet_calls"] == calls_of(settings)
    compare(
        figures, f"lcm/{steps}/{run}", result.latents, result.frames, latents, frames, "few-step "
    )


@pytest.mark.product
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_lightning(lightning, freeinit, figures, tmp_path, steps, run):
    pipeline, bundle = lightning
    settings = {**BASE, "num_inference_steps": steps, "guidance_scale": 1.0}
    settings |= RUNS[run]
    forward = DDIMScheduler.from_config(pipeline.scheduler.config)
    latents, frames = around_stock_pipeline(pipeline, PROMPT, 1234, settings, forward)
    result = freeinit.generate(bundle, tmp_path, PROMPT, 1234, settings)
    assert result.report["unet_calls"] == calls_of(settings)
    run = f"lightning/{steps}/{run}"
    compare(figures, run, result.latents, result.frames, latents, frames, "few-step ")


def test_the_comparisons_can_fail(lcm, lightning):
    """Passes, steps and guidance move the results by far more than the limit."""
    forward = DDIMScheduler.from_config(lightning[0].scheduler.config)
    for pipeline, guidance in ((lcm[0], 1.5), (lightning[0], 1.0)):
        settings = {**BASE, "guidance_scale": guidance, "num_iters": 3}
        base, _ = around_stock_pipeline(pipeline, PROMPT, 1234, settings, forward)
        for change in (
            {"num_iters": 1},
            {"num_inference_steps": 3},
            {"use_fast_sampling": True},
            {"guidance_scale": 3.0},
        ):
            other, _ = around_stock_pipeline(pipeline, PROMPT, 1234, settings | change, forward)
            assert relative(other, base) > 10 * LATENTS, change
