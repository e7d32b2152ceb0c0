"""diffusers' own FreeInit with the samplers that it is right for, and its plain sampling with all of
them: one bundle, `--sampler` here, another scheduler of the same configuration there.

With Euler and Heun its FreeInit scales the noise twice, with DPM-Solver++ and UniPC it is wrong on
the leading grid: tests/reference/numerics/free_init_starts.py. So this bundle's grid is linspace.
"""

from __future__ import annotations

import diffusers
import pytest
from comparing import BASE, LATENTS, PROMPT, compare, relative
from reference import diffusers_run

RIGHT = {
    "pndm": (diffusers.PNDMScheduler, {"skip_prk_steps": True}),
    "dpmsolver++": (diffusers.DPMSolverMultistepScheduler, {}),
    "unipc": (diffusers.UniPCMultistepScheduler, {}),
    "lcm": (diffusers.LCMScheduler, {}),
    "tcd": (diffusers.TCDScheduler, {}),
}
WRONG = {
    "euler": (diffusers.EulerDiscreteScheduler, {}),
    "euler-ancestral": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "heun": (diffusers.HeunDiscreteScheduler, {}),
}
SAMPLERS = {**RIGHT, **WRONG}
ONE_PASS = {"num_iters": 1}
RUNS = {
    "three-passes": {"num_iters": 3},
    "fast": {"num_iters": 3, "num_inference_steps": 9, "use_fast_sampling": True},
}


@pytest.fixture(scope="module")
def saved(exported):
    pipeline, bundle = exported("v-linspace")
    return pipeline, pipeline.scheduler.config, bundle


def with_sampler(saved, sampler):
    pipeline, config, bundle = saved
    scheduler, own = SAMPLERS[sampler]
    pipeline.scheduler = scheduler.from_config(config, **own)
    return pipeline, bundle


@pytest.fixture
def compared(saved, freeinit, figures, tmp_path):
    def run(sampler, name, changes):
        pipeline, bundle = with_sampler(saved, sampler)
        settings = {**BASE, "num_inference_steps": 6, **changes}
        latents, frames = diffusers_run(pipeline, PROMPT, 1234, settings)
        found = freeinit.generate(bundle, tmp_path, PROMPT, 1234, {**settings, "sampler": sampler})
        compare(figures, f"{sampler}/{name}", found.latents, found.frames, latents, frames, "sampler ")

    return run


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_pass(compared, sampler):
    compared(sampler, "one-pass", ONE_PASS)


@pytest.mark.product
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("sampler", RIGHT)
def test_passes(compared, sampler, run):
    compared(sampler, run, RUNS[run])


def test_the_comparisons_can_fail(saved):
    """Another sampler moves the result by far more than the limit."""
    settings = {**BASE, "num_inference_steps": 6, "num_iters": 3}
    found = {}
    for sampler in RIGHT:
        found[sampler], _ = diffusers_run(with_sampler(saved, sampler)[0], PROMPT, 1234, settings)
    for sampler, latents in found.items():
        for other, theirs in found.items():
            assert sampler == other or relative(latents, theirs) > 10 * LATENTS, (sampler, other)
