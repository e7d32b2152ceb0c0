#!/usr/bin/env bash
# diffusers: a FreeInit run that is interrupted returns noise.
#
# Setting `pipeline._interrupt` in a callback, as its guide shows, ends plain sampling with the latents
# reached so far. In a FreeInit run the remaining passes still mix in fresh noise: what comes back is
# as white as the noise of a pass's start, and the finished first pass is lost.
"$(dirname "$0")/with_packages.sh" diffusers==0.42.1 torch==2.13.0 transformers==5.23.0 numpy==2.4.6 <<'PY'
import diffusers
import torch
from diffusers import AnimateDiffPipeline, DDIMScheduler
from tiny_animatediff import BETAS, request, tiny

scheduler = DDIMScheduler(**BETAS, clip_sample=False)
pipeline = tiny(AnimateDiffPipeline, scheduler)


def interrupted(after):
    """Size of the latents when the callback stopped the run, and of what came back."""
    seen = []

    def stop(pipe, step, timestep, values):
        seen.append(values["latents"].clone())
        pipe._interrupt = len(seen) == after
        return values

    result = pipeline(**request(), num_frames=16, num_inference_steps=10, callback_on_step_end=stop).frames
    return seen[after - 1], result


print("diffusers", diffusers.__version__, "torch", torch.__version__)
reached, returned = interrupted(after=4)
print(f"plain, after step 4: reached {reached.std():.2f}, returned {returned.std():.2f}, equal: {reached.equal(returned)}")
assert reached.equal(returned)
pipeline.enable_free_init(num_iters=3)
reached, returned = interrupted(after=14)
print(f"FreeInit, pass 2, step 4: reached {reached.std():.2f}, returned {returned.std():.2f}, equal: {reached.equal(returned)}")
assert not reached.equal(returned) and abs(returned.std() - 1) < 0.05, "the behaviour changed"
PY
