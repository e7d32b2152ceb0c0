"""Every other sampler: timesteps, first noise and whole trajectories of diffusers' schedulers."""

import inspect
import itertools
import warnings

import diffusers
import torch

from ddim import BETAS
from golden_files import write_json, write_tensors

SHAPE = (1, 2, 2, 2, 2)
SPACINGS = ["leading", "linspace", "trailing"]
SIGMAS = {"karras": "use_karras_sigmas", "exponential": "use_exponential_sigmas", "beta": "use_beta_sigmas"}
EPSILON_V = ["epsilon", "v_prediction"]
ALL = ["epsilon", "sample", "v_prediction"]
DPM, UNIPC = "DPMSolverMultistepScheduler", "UniPCMultistepScheduler"
EULER, HEUN = "EulerDiscreteScheduler", "HeunDiscreteScheduler"
ANCESTRAL = "EulerAncestralDiscreteScheduler"


def randn(seed):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def grid_cases(name, predictions):
    for spacing, prediction, steps in itertools.product(SPACINGS, predictions, [2, 7, 30]):
        yield name, {"timestep_spacing": spacing, "prediction_type": prediction}, steps
    yield name, {"timestep_spacing": "leading", "steps_offset": 1}, 25
    yield name, {**BETAS[2], "timestep_spacing": "linspace"}, 6
    yield name, {"timestep_spacing": "trailing"}, 3


def sigma_cases(name):
    for sigmas, steps, spacing in itertools.product(SIGMAS, [2, 20], ["leading", "linspace"]):
        yield name, {SIGMAS[sigmas]: True, "timestep_spacing": spacing}, steps
    yield name, {"use_karras_sigmas": True, **BETAS[2]}, 6


def zero_snr(name):
    yield name, {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 5


def dpm_cases():
    for order, solver, kind in itertools.product([1, 2, 3], ["midpoint", "heun"], ["dpmsolver++", "sde-dpmsolver++"]):
        base = {"solver_order": order, "solver_type": solver, "algorithm_type": kind}
        yield DPM, base, 20
        yield DPM, {**base, "final_sigmas_type": "sigma_min"}, 6
        yield DPM, {**base, "final_sigmas_type": "sigma_min", "lower_order_final": False}, 5
        yield DPM, {**base, "final_sigmas_type": "sigma_min", "euler_at_final": True, "lower_order_final": False}, 4
        yield DPM, {**base, "use_karras_sigmas": True}, 8
    yield DPM, {"thresholding": True, "sample_max_value": 1.5}, 4


def unipc_cases():
    for order, solver, x0 in itertools.product([1, 2, 3], ["bh1", "bh2"], [True, False]):
        base = {"solver_order": order, "solver_type": solver, "predict_x0": x0}
        for final, steps in [("sigma_min", 20), ("sigma_min", 5), ("zero", 8)]:
            if final == "zero" and (solver == "bh1" or not x0):
                continue  # diffusers' last step is NaN
            yield UNIPC, {**base, "final_sigmas_type": final}, steps
        yield UNIPC, {**base, "final_sigmas_type": "sigma_min", "lower_order_final": False}, 5
    for prediction in ["sample", "v_prediction"]:
        yield UNIPC, {"predict_x0": False, "final_sigmas_type": "sigma_min", "prediction_type": prediction}, 6
    yield UNIPC, {"thresholding": True, "sample_max_value": 1.5}, 4


def distilled_cases(name):
    for prediction, steps in itertools.product(ALL, [1, 2, 4, 8, 30]):
        yield name, {"prediction_type": prediction}, steps
    yield name, {"original_inference_steps": 40, "set_alpha_to_one": False}, 7


def cases():
    for config, steps in itertools.product(
        [{"timestep_spacing": spacing, "prediction_type": prediction, "set_alpha_to_one": one}
         for spacing, prediction, one in itertools.product(SPACINGS, EPSILON_V, [False, True])], [1, 2, 3, 7, 30]
    ):
        if steps == 1 and config["timestep_spacing"] == "linspace":
            continue  # steps back beyond its grid
        yield "PNDMScheduler", {**config, "skip_prk_steps": True}, steps
    yield "PNDMScheduler", {"skip_prk_steps": True, "steps_offset": 1, "beta_schedule": "scaled_linear"}, 25
    yield from grid_cases(ANCESTRAL, EPSILON_V)
    yield from zero_snr(ANCESTRAL)
    for prediction in ALL:
        yield HEUN, {"clip_sample": True, "clip_sample_range": 1.5, "prediction_type": prediction}, 5
    for name in (HEUN, DPM, UNIPC):
        yield from grid_cases(name, ALL)
        yield from sigma_cases(name)
    yield from sigma_cases(EULER)
    yield EULER, {"final_sigmas_type": "sigma_min"}, 5
    for name in (EULER, DPM, UNIPC):
        yield from zero_snr(name)
    yield from dpm_cases()
    yield from unipc_cases()
    yield from distilled_cases("LCMScheduler")
    yield "LCMScheduler", {"clip_sample": True, "timestep_scaling": 0.05}, 4
    yield "LCMScheduler", {"thresholding": True, "sample_max_value": 1.5}, 3
    yield from distilled_cases("TCDScheduler")


def full_config(scheduler, config):
    """The betas as well, whose defaults differ between classes."""
    keys = ("beta_start", "beta_end", "beta_schedule", "timestep_spacing", "clip_sample", "set_alpha_to_one")
    return {**{key: scheduler.config[key] for key in keys if key in scheduler.config}, **config}


def step_options(scheduler, eta, generator):
    accepted = inspect.signature(scheduler.step).parameters
    return {key: value for key, value in {"eta": eta, "generator": generator}.items() if key in accepted}


def model(sample, t, pattern):
    return sample * 0.6 + pattern * (float(t) * 0.001)


def run(scheduler, steps, eta):
    scheduler.set_timesteps(steps)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)  # diffusers looks for the first timestep, and skips a step where it occurs twice
    latents, pattern, generator = randn(11) * scheduler.init_noise_sigma, randn(12), torch.Generator().manual_seed(13)
    options = step_options(scheduler, eta, generator)
    states = []
    for t in scheduler.timesteps:
        output = model(scheduler.scale_model_input(latents, t), t, pattern)
        latents = scheduler.step(output, t, latents, **options).prev_sample
        states.append(latents)
    # A long run keeps a few of its states, the last one among them.
    return torch.stack(states[:4] + states[-1:])


def main():
    warnings.simplefilter("ignore")
    rows, tensors = [], {}
    for number, (name, config, steps) in enumerate(cases()):
        scheduler = getattr(diffusers, name)(**config)
        eta = 0.3 if number % 2 else 0.0
        tensors[f"states_{number}"] = run(scheduler, steps, eta)
        assert torch.isfinite(tensors[f"states_{number}"]).all(), (name, config, steps)
        rows.append({"class": name, "config": full_config(scheduler, config), "steps": steps, "eta": eta,
                     "timesteps": [float(t) for t in scheduler.timesteps],
                     "init_noise_sigma": float(scheduler.init_noise_sigma)})
    write_json("samplers.json", {"cases": rows})
    write_tensors("samplers.safetensors", tensors)
    print(f"samplers: {len(rows)} trajectories")


if __name__ == "__main__":
    main()
