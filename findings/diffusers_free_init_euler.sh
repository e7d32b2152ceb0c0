#!/usr/bin/env bash
# diffusers: FreeInit with the Euler sampler starts its second pass from noise of the wrong size.
#
# A pass must start from noise of the size that the sampler began with: 1 for DDIM, about 25 for
# Euler. With Euler the first noise is scaled twice and the fresh noise never: the latents enter
# pass 2 twice and pass 3 four times too large. DPM++ with leading timesteps is wrong too. Nothing is
# raised and nothing is said.
"$(dirname "$0")/with_packages.sh" diffusers==0.42.1 torch==2.13.0 transformers==5.23.0 numpy==2.4.6 <<'PY'
import diffusers
import torch
from diffusers import AnimateDiffPipeline, DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from tiny_animatediff import BETAS, request, tiny


def sizes_at_the_start_of_each_pass(scheduler):
    pipeline = tiny(AnimateDiffPipeline, scheduler)
    pipeline.enable_free_init(num_iters=3)
    sizes, begin = [], pipeline._apply_free_init

    def watched(*args, **kwargs):
        latents, timesteps = begin(*args, **kwargs)
        sizes.append(latents.std().item())
        return latents, timesteps

    pipeline._apply_free_init = watched
    pipeline(**request(), num_frames=16, num_inference_steps=10)
    return sizes


print("diffusers", diffusers.__version__, "torch", torch.__version__)
grown = {}
for name, scheduler in {
    "DDIM": DDIMScheduler(**BETAS, clip_sample=False),
    "Euler, linspace": EulerDiscreteScheduler(**BETAS, timestep_spacing="linspace"),
    "DPM++ 2M, leading": DPMSolverMultistepScheduler(**BETAS, timestep_spacing="leading"),
}.items():
    sizes = sizes_at_the_start_of_each_pass(scheduler)
    print(f"{name:18} standard deviation of the latents at the start of each pass:", *(f"{s:.2f}" for s in sizes))
    grown[name] = [size / sizes[0] for size in sizes]
assert all(abs(ratio - 1) < 0.1 for ratio in grown["DDIM"])
assert all(grown[name][1] > 1.5 and grown[name][2] > 3 for name in list(grown)[1:]), "the behaviour changed"
PY
