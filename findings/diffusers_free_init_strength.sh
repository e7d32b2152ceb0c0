#!/usr/bin/env bash
# diffusers: video-to-video with FreeInit makes fewer steps in every pass.
#
# 50 steps at strength 0.5 are 25. With FreeInit the three passes make 12, 6 and 3: the number is
# multiplied by the strength again in each pass, so the last pass, whose result one sees, is the worst.
"$(dirname "$0")/with_packages.sh" diffusers==0.42.1 torch==2.13.0 transformers==5.23.0 numpy==2.4.6 <<'PY'
import diffusers
import numpy as np
import torch
from diffusers import AnimateDiffVideoToVideoPipeline, DDIMScheduler
from PIL import Image
from tiny_animatediff import BETAS, request, tiny

video = [Image.fromarray(np.random.default_rng(k).integers(0, 256, (32, 32, 3), np.uint8)) for k in range(16)]
scheduler = DDIMScheduler(**BETAS, clip_sample=False)
pipeline = tiny(AnimateDiffVideoToVideoPipeline, scheduler)


def steps_of_each_pass():
    steps = []

    def count(_, step, timestep, values):
        if step == 0:
            steps.append(0)
        steps[-1] += 1
        return values

    pipeline(video=video, **request(), num_inference_steps=50, strength=0.5, callback_on_step_end=count)
    return steps


print("diffusers", diffusers.__version__, "torch", torch.__version__)
plain = steps_of_each_pass()
pipeline.enable_free_init(num_iters=3)
three = steps_of_each_pass()
print("50 steps, strength 0.5: without FreeInit", plain, "steps; with three passes", three)
assert plain == [25] and three == [12, 6, 3], "the behaviour changed"
PY
