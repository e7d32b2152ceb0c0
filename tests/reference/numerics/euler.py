"""Euler in sigma space: timesteps that are not whole numbers, sigmas, whole trajectories."""

import itertools

import torch
from diffusers import EulerDiscreteScheduler

from ddim import BETAS, randn
from golden_files import write_json, write_tensors


def model(sample, t, pattern):
    """As ddim.model, without rounding the timestep."""
    return sample * 0.6 + pattern * (float(t) * 0.001)


def cases():
    for spacing, prediction, steps in itertools.product(
        ["leading", "linspace", "trailing"], ["epsilon", "sample", "v_prediction"], [2, 5, 30]
    ):
        yield {**BETAS[4], "timestep_spacing": spacing, "prediction_type": prediction}, steps
    yield {**BETAS[3], "timestep_spacing": "leading", "steps_offset": 1}, 25
    yield {**BETAS[9], "timestep_spacing": "linspace"}, 7
    yield {**BETAS[8], "timestep_spacing": "trailing"}, 6
    yield {"timestep_spacing": "linspace"}, 1


def run(config, steps):
    scheduler = EulerDiscreteScheduler(**config)
    scheduler.set_timesteps(steps)
    latents, pattern = randn(11) * scheduler.init_noise_sigma, randn(12)
    states, predictions = [], []
    for t in scheduler.timesteps:
        output = model(scheduler.scale_model_input(latents, t), t, pattern)
        step = scheduler.step(output, t, latents)
        latents = step.prev_sample
        states.append(latents)
        predictions.append(step.pred_original_sample)
    started = scheduler.add_noise(randn(14), randn(15), scheduler.timesteps[steps // 2 : steps // 2 + 1].expand(2))
    return scheduler, torch.stack(states), torch.stack(predictions), started


def main():
    rows, tensors = [], {}
    for number, (config, steps) in enumerate(cases()):
        scheduler, states, predictions, started = run(config, steps)
        rows.append({"config": config, "steps": steps, "timesteps": scheduler.timesteps.tolist(),
                     "init_noise_sigma": float(scheduler.init_noise_sigma)})
        tensors[f"states_{number}"] = states
        tensors[f"predictions_{number}"] = predictions
        tensors[f"started_{number}"] = started
    write_json("euler.json", {"cases": rows})
    write_tensors("euler.safetensors", tensors)
    print(f"euler: {len(rows)} trajectories")


if __name__ == "__main__":
    main()
