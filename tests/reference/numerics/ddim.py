"""DDIM with every option: tables, whole trajectories, the inverse, add_noise in three dtypes."""

import itertools

import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler

from golden_files import fnv1a, write_json, write_tensors

SHAPE = (2, 2, 3, 2, 2)
BETAS = [
    {"beta_schedule": "linear"},
    {"beta_schedule": "scaled_linear"},
    {"beta_schedule": "squaredcos_cap_v2"},
    {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear"},
    {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"},
    {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "rescale_betas_zero_snr": True},
    {"beta_schedule": "linear", "rescale_betas_zero_snr": True},
    {"num_train_timesteps": 8, "trained_betas": [0.001, 0.002, 0.004, 0.01, 0.05, 0.1, 0.2, 0.4]},
    {"num_train_timesteps": 337, "beta_schedule": "scaled_linear"},
    {"num_train_timesteps": 37, "beta_schedule": "squaredcos_cap_v2"},
]


def randn(seed, dtype=torch.float32):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def model(sample, t, pattern):
    """Stands in for a network: depends on the sample and on the timestep, exactly repeatable."""
    return sample * 0.6 + pattern * (int(t) * 0.001)


def forward_cases():
    base = {"clip_sample": False}
    predictions = ["epsilon", "sample", "v_prediction"]
    spacings = ["leading", "linspace", "trailing"]
    for spacing, prediction, offset, to_one, eta in itertools.product(
        spacings, predictions, [0, 1], [True, False], [0.0, 0.7]
    ):
        if offset and spacing != "leading":
            continue
        yield {**base, "timestep_spacing": spacing, "prediction_type": prediction, "steps_offset": offset,
               "set_alpha_to_one": to_one}, 5, eta, False
    for prediction, clipped, eta in itertools.product(predictions, [False, True], [0.0, 1.0]):
        yield {"prediction_type": prediction}, 4, eta, clipped
        yield {"prediction_type": prediction, "clip_sample_range": 0.5}, 3, eta, clipped
        yield {"prediction_type": prediction, "thresholding": True, "sample_max_value": 1.7}, 4, eta, clipped
        yield {"prediction_type": prediction, "thresholding": True, "dynamic_thresholding_ratio": 0.8,
               "sample_max_value": 3.0, "beta_schedule": "scaled_linear"}, 3, eta, clipped
    for betas in BETAS[:7]:
        yield {**base, **betas, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}, 6, 0.3, False
    yield {**base, **BETAS[7], "timestep_spacing": "linspace"}, 3, 0.0, False
    yield {**base, **BETAS[9]}, 7, 0.5, False
    yield {**BETAS[6], "timestep_spacing": "trailing"}, 4, 0.0, False  # epsilon without signal, clipped
    yield base, 1, 0.0, False
    yield {**base, "timestep_spacing": "linspace"}, 1, 0.0, False


def inverse_cases():
    for prediction, to_one, clip in itertools.product(["epsilon", "sample", "v_prediction"], [True, False], [True, False]):
        if prediction == "sample" and to_one:
            continue  # divides by zero
        for spacing, offset in [("leading", 0), ("leading", 1), ("trailing", 0)]:
            yield {"prediction_type": prediction, "set_alpha_to_one": to_one, "clip_sample": clip,
                   "timestep_spacing": spacing, "steps_offset": offset}, 4


def run(scheduler, steps, sample, **step_options):
    pattern = randn(12)
    scheduler.set_timesteps(steps)
    states = []
    for t in scheduler.timesteps:
        sample = scheduler.step(model(sample, t, pattern), t, sample, **step_options).prev_sample
        states.append(sample)
    return scheduler.timesteps.tolist(), torch.stack(states)


def trajectories(tensors):
    forward, inverse = [], []
    for number, (config, steps, eta, clipped) in enumerate(forward_cases()):
        generator = torch.Generator().manual_seed(13)
        timesteps, states = run(DDIMScheduler(**config), steps, randn(11), eta=eta,
                                use_clipped_model_output=clipped, generator=generator)
        assert torch.isfinite(states).all(), (config, steps, eta, clipped)
        forward.append({"config": config, "steps": steps, "eta": eta, "use_clipped_model_output": clipped,
                        "timesteps": timesteps})
        tensors[f"forward_{number}"] = states
    for number, (config, steps) in enumerate(inverse_cases()):
        timesteps, states = run(DDIMInverseScheduler(**config), steps, randn(11))
        assert torch.isfinite(states).all(), (config, steps)
        inverse.append({"config": config, "steps": steps, "timesteps": timesteps})
        tensors[f"inverse_{number}"] = states
    return forward, inverse


def all_grids():
    """One hash a spacing over the timesteps of every possible number of steps.

    For some numbers of steps `trailing` ends with one timestep too many, -1, because of rounding in
    arange (the scheduler then reads alphas_cumprod[-1]). That one is left out here and in the library.
    """
    grids, too_many = [], []
    for spacing, train in itertools.product(["leading", "linspace", "trailing"], [1000, 337]):
        scheduler = DDIMScheduler(num_train_timesteps=train, timestep_spacing=spacing)
        rows = []
        for steps in range(1, train + 1):
            scheduler.set_timesteps(steps)
            assert len(scheduler.timesteps) == steps or scheduler.timesteps[steps:].tolist() == [-1]
            if len(scheduler.timesteps) > steps:
                too_many.append((spacing, train, steps))
            rows.append(scheduler.timesteps[:steps])
        grids.append({"spacing": spacing, "train": train, "fnv1a": fnv1a(torch.cat(rows).to(torch.int32))})
    print("one timestep too many:", too_many)
    return grids


def noised(tensors):
    rows = []
    for dtype, betas, t in itertools.product(["float32", "float16", "bfloat16", "float64"], [BETAS[3], BETAS[4]],
                                             [0, 500, 999]):
        scheduler = DDIMScheduler(**betas)
        kind = getattr(torch, dtype)
        key = f"noised_{len(rows)}"
        tensors[key] = scheduler.add_noise(randn(14, kind), randn(15, kind), torch.tensor([t, t]))
        rows.append({"config": betas, "dtype": dtype, "timestep": t})
    return rows


def low_precision(tensors):
    rows = []
    for dtype, eta, prediction in itertools.product(["float16", "bfloat16"], [0.0, 0.6], ["epsilon", "v_prediction"]):
        kind = getattr(torch, dtype)
        config = {"prediction_type": prediction, "thresholding": True, "sample_max_value": 2.0}
        scheduler = DDIMScheduler(**config)
        scheduler.set_timesteps(3)
        sample, generator, pattern = randn(11, kind), torch.Generator().manual_seed(13), randn(12, kind)
        for t in scheduler.timesteps:
            sample = scheduler.step(model(sample, t, pattern), t, sample, eta=eta, generator=generator).prev_sample
        tensors[f"low_precision_{len(rows)}"] = sample
        rows.append({"config": config, "dtype": dtype, "eta": eta, "steps": 3})
    return rows


def main():
    tensors = {f"alphas_cumprod_{i}": DDIMScheduler(**betas).alphas_cumprod for i, betas in enumerate(BETAS)}
    forward, inverse = trajectories(tensors)
    content = {"tables": BETAS, "forward": forward, "inverse": inverse, "grids": all_grids(),
               "noised": noised(tensors), "low_precision": low_precision(tensors)}
    write_json("ddim.json", content)
    write_tensors("ddim.safetensors", tensors)
    print("ddim: " + ", ".join(f"{len(value)} {key}" for key, value in content.items()))


if __name__ == "__main__":
    main()
