"""Video to video: the first pass as diffusers' AnimateDiffVideoToVideoPipeline runs it, the others from the mix.

diffusers' own further passes shrink (docs/numerics.md), so those are put together from its schedulers' add_noise and
the formulas of the mix, which is linear: in the scheduler's own scale it is the same as at variance 1.
"""

import types
import warnings

import diffusers
import torch
from diffusers import AnimateDiffVideoToVideoPipeline

from golden_files import write_json, write_tensors
from official_formulas import low_pass_mask, mix
from samplers import ANCESTRAL, DPM, EULER, HEUN, UNIPC, full_config, model, step_options

SHAPE = (1, 2, 2, 4, 3)
PASSES = 3
STRENGTHS = [0.3, 0.5, 0.8, 1.0]


def randn(seed):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def configs(name):
    if name in ("LCMScheduler", "TCDScheduler"):
        return [({"prediction_type": "epsilon"}, 10), ({"prediction_type": "sample"}, 4),
                ({"prediction_type": "v_prediction"}, 30)]
    base = {"DDIMScheduler": {"clip_sample": False}, "PNDMScheduler": {"skip_prk_steps": True}}.get(name, {})
    third = "epsilon" if name in ("PNDMScheduler", ANCESTRAL) else "sample"
    found = [({"timestep_spacing": "leading", "steps_offset": 1, "prediction_type": "epsilon"}, 10),
             ({"timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 30),
             ({"timestep_spacing": "linspace", "prediction_type": third}, 4)]
    if name in (EULER, HEUN, DPM, UNIPC):
        found.append(({"use_karras_sigmas": True, "timestep_spacing": "linspace"}, 8))
    return [({**base, **config}, steps) for config, steps in found]


def cases():
    for name in ["DDIMScheduler", "PNDMScheduler", EULER, ANCESTRAL, HEUN, DPM, UNIPC, "LCMScheduler", "TCDScheduler"]:
        for config, steps in configs(name):
            for strength in STRENGTHS:
                yield name, config, steps, strength
    for name in ["DDIMScheduler", EULER, HEUN, DPM]:
        yield name, {"clip_sample": False} if name == "DDIMScheduler" else {}, 2, 0.5


def run(scheduler, steps, strength, eta):
    """What enters each pass, what leaves it, and the timesteps of one."""
    pipeline = types.SimpleNamespace(scheduler=scheduler)
    mask = low_pass_mask("butterworth", *SHAPE[2:], 0.5, 0.5)
    video, pattern, generator = randn(11), randn(12), torch.Generator().manual_seed(13)
    options = step_options(scheduler, eta, generator)
    noise = torch.randn(SHAPE, generator=generator)
    starts, results = [], []
    for number in range(PASSES):
        scheduler.set_timesteps(steps)
        timesteps, _ = AnimateDiffVideoToVideoPipeline.get_timesteps(
            pipeline, steps, scheduler.timesteps, strength, "cpu")
        first = timesteps[:1]
        if number == 0:
            latents = scheduler.add_noise(video, noise, first)
        else:
            fresh = torch.randn(SHAPE, generator=generator)
            diffused = scheduler.add_noise(results[-1], noise, first)
            latents = mix(diffused, scheduler.add_noise(video, fresh, first), mask)
        for t in timesteps:
            scaled = scheduler.scale_model_input(latents, t)
            if len(starts) == number:
                starts.append(scaled)
            latents = scheduler.step(model(scaled, t, pattern), t, latents, **options).prev_sample
        results.append(latents)
    return torch.stack(starts), torch.stack(results), [float(t) for t in timesteps]


def main():
    warnings.simplefilter("ignore")
    rows, tensors = [], {}
    for number, (name, config, steps, strength) in enumerate(cases()):
        scheduler = getattr(diffusers, name)(**config)
        eta = 0.3 if number % 2 else 0.0
        starts, results, timesteps = run(scheduler, steps, strength, eta)
        assert torch.isfinite(results).all(), (name, config, steps, strength)
        tensors[f"starts_{number}"], tensors[f"results_{number}"] = starts, results
        rows.append({"class": name, "config": full_config(scheduler, config), "steps": steps, "strength": strength,
                     "eta": eta, "timesteps": timesteps})
    write_json("video_to_video.json", {"cases": rows})
    write_tensors("video_to_video.safetensors", tensors)
    print(f"video_to_video: {len(rows)} runs")


if __name__ == "__main__":
    main()
