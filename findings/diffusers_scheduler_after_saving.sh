#!/usr/bin/env bash
# diffusers: saving a scheduler and loading it again changes what another one becomes that is made of it.
#
# A scheduler's settings that nobody gave are replaced by the other class's defaults when it is exchanged by
# `from_config`. Saving writes all settings, so that after loading they count as given: DDIM's
# "leading" timesteps become Euler's "linspace" before, and stay "leading" after. The same line of a
# user's program makes another video.
"$(dirname "$0")/with_packages.sh" diffusers==0.42.1 torch==2.13.0 transformers==5.23.0 numpy==2.4.6 <<'PY'
import tempfile

import diffusers
import torch
from diffusers import AnimateDiffPipeline, DDIMScheduler, EulerDiscreteScheduler
from tiny_animatediff import BETAS, request, tiny


def video_with_euler(pipeline):
    pipeline.scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config)
    latents = pipeline(**request(), num_frames=4, num_inference_steps=4).frames
    return pipeline.scheduler.timesteps.tolist(), latents


print("diffusers", diffusers.__version__, "torch", torch.__version__)
scheduler = DDIMScheduler(**BETAS, clip_sample=False)
with tempfile.TemporaryDirectory() as folder:
    scheduler.save_pretrained(folder)
    loaded = DDIMScheduler.from_pretrained(folder)
assert dict(scheduler.config) | {"_use_default_values": []} == dict(loaded.config) | {"_use_default_values": []}
before, video = video_with_euler(tiny(AnimateDiffPipeline, scheduler))
after, other = video_with_euler(tiny(AnimateDiffPipeline, loaded))
change = float((video - other).square().mean().sqrt() / video.square().mean().sqrt())
print("Euler's timesteps: before saving", before, "after loading", after)
print(f"relative difference of the latents {change:.2f}")
assert before == [999.0, 666.0, 333.0, 0.0] and after == [750.0, 500.0, 250.0, 0.0], "the behaviour changed"
assert change > 0.05, "the behaviour changed"
PY
