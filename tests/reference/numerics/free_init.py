"""Whole FreeInit runs: diffusers' FreeInitMixin and DDIMScheduler around a closed-form denoiser."""

import torch
from diffusers import DDIMScheduler
from diffusers.pipelines.free_init_utils import FreeInitMixin
from diffusers.utils.torch_utils import randn_tensor

from golden_files import write_json, write_tensors

SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear", "clip_sample": False,
            "steps_offset": 1}
CASES = [
    {},
    {"num_iters": 1},
    {"num_iters": 2},
    {"method": "gaussian"},
    {"method": "ideal"},
    {"method": "gaussian", "shape": [1, 2, 5, 4, 6]},
    {"method": "ideal", "shape": [1, 2, 5, 3, 7]},
    {"shape": [1, 2, 7, 5, 6]},
    {"order": 2, "d_s": 0.5, "d_t": 0.75},
    {"fast": True, "steps": 7},
    {"fast": True, "steps": 2},
    {"fast": True, "num_iters": 4, "steps": 5, "eta": 0.4},
    {"eta": 0.5},
    {"eta": 1.0, "num_iters": 2, "shape": [1, 2, 5, 4, 6]},
    {"seeds": [3, 4], "shape": [2, 2, 4, 4, 6]},
    {"seeds": [3, 4, 5], "shape": [3, 2, 5, 3, 4], "eta": 0.3, "num_iters": 2},
    {"seeds": [6], "shape": [2, 2, 4, 4, 6]},
    {"initial_noise_seed": 77},
    {"initial_noise_seed": 77, "eta": 0.3},
    {"dtype": "bfloat16"},
    {"dtype": "float16", "eta": 0.3},
    {"config": {"timestep_spacing": "linspace"}},
    {"config": {"timestep_spacing": "trailing", "prediction_type": "v_prediction", "rescale_betas_zero_snr": True}},
]
DEFAULTS = {"num_iters": 3, "method": "butterworth", "order": 4, "d_s": 0.25, "d_t": 0.25, "fast": False, "steps": 4,
            "eta": 0.0, "seeds": [3], "shape": [1, 2, 4, 4, 6], "dtype": "float32", "config": {}}


def denoise(latents, t, pattern):
    return latents * 0.6 + pattern * (int(t) * 0.001)


def run(case):
    dtype, shape = getattr(torch, case["dtype"]), tuple(case["shape"])
    pipeline = FreeInitMixin()
    pipeline.scheduler = DDIMScheduler(**case["config"])
    pipeline.enable_free_init(case["num_iters"], case["fast"], case["method"], case["order"], case["d_s"], case["d_t"])
    generators = [torch.Generator().manual_seed(seed) for seed in case["seeds"]]
    generator = generators if len(generators) > 1 else generators[0]
    pattern = torch.randn(shape[1:], generator=torch.Generator().manual_seed(12)).to(dtype)

    if "initial_noise_seed" in case:
        latents = torch.randn(shape, generator=torch.Generator().manual_seed(case["initial_noise_seed"])).to(dtype)
    else:
        latents = randn_tensor(shape, generator=generator, dtype=dtype)
    latents = latents * pipeline.scheduler.init_noise_sigma
    passes = []
    for iteration in range(case["num_iters"]):
        latents, timesteps = pipeline._apply_free_init(latents, iteration, case["steps"], torch.device("cpu"), dtype,
                                                       generator)
        for t in timesteps:
            output = denoise(latents, t, pattern)
            latents = pipeline.scheduler.step(output, t, latents, eta=case["eta"], generator=generator).prev_sample
        passes.append(latents)
    return torch.stack(passes)


def main():
    rows, tensors = [], {}
    for number, changes in enumerate(CASES):
        case = {**DEFAULTS, **changes}
        case["config"] = {**SCHEDULE, **case["config"]}
        tensors[f"passes_{number}"] = run(case)
        assert torch.isfinite(tensors[f"passes_{number}"]).all(), case
        rows.append(case)
    write_json("free_init.json", {"cases": rows})
    write_tensors("free_init.safetensors", tensors)
    print(f"free_init: {len(rows)} runs")


if __name__ == "__main__":
    main()
