"""Bundles whose networks compute in half precision: the schedule, the noise and the mix stay
float32."""

from __future__ import annotations

import pytest
import torch
from comparing import BASE, FRAMES, LATENTS, PROMPT, relative
from free_init_loops import official_loop
from reference import MODELS, export_bundle
from tiny_pipeline import tiny_pipeline

# Of bfloat16, the coarser of the two: differences of 1e-6 in the mix can turn a rounding at the
# UNet's input, which moves that value by 2^-8.
AFTER_MIX = 5e-2


@pytest.fixture(scope="module", params=["bfloat16", "float16"])
def half(request, tmp_path_factory):
    pipeline = tiny_pipeline(**MODELS["epsilon-leading"]).to(getattr(torch, request.param))
    folder = tmp_path_factory.mktemp(request.param)
    return pipeline, export_bundle(pipeline, folder, "--dtype", request.param)


@pytest.mark.parametrize("num_iters", [1, 3])
def test_latents_are_float32(half, freeinit, tmp_path, num_iters):
    pipeline, bundle = half
    settings = {**BASE, "num_iters": num_iters}
    latents, frames = official_loop(pipeline, PROMPT, 1234, settings)
    result = freeinit.generate(
        bundle, tmp_path, PROMPT, 1234, {**settings, "profile": "official"}
    )
    difference = relative(result.latents, latents)
    print(f"{pipeline.unet.dtype}, {num_iters} passes: latents {difference:.2e}")
    if num_iters > 1:
        assert difference <= AFTER_MIX
        return
    assert difference <= LATENTS
    # Half precision latents would be this far away.
    rounded = latents.to(pipeline.unet.dtype).float()
    assert relative(rounded, latents) > 2 * LATENTS
    # One step of the decoder's type more or less.
    assert (result.frames - torch.from_numpy(frames)).abs().max() <= 4 * FRAMES
