"""Clean predictions of DDIM steps, and FreeInit runs whose first passes end early.

`pred_original_sample` comes from diffusers' DDIMScheduler. The runs are put together here from that
scheduler, its `add_noise`, the bridge and the three-FFT mix, pass by pass.
"""

import itertools
import math

import torch
from diffusers import DDIMScheduler

from ddim import model, randn
from free_init import SCHEDULE
from golden_files import write_json, write_tensors
from mixes import freqprior, variance_preserving
from official_formulas import low_pass_mask, mix

RUN_SHAPE = (1, 2, 4, 4, 6)
STEPS = 6
RUNS = [
    {"result": "prediction", "steps": 1},
    {"result": "prediction", "steps": 3},
    {"result": "prediction", "steps": 6},
    {"result": "prediction", "steps": 2, "grid": 4},
    {"result": "prediction", "steps": 3, "eta": 0.4},
    {"result": "partial", "steps": 2},
    {"result": "partial", "steps": 6},
    {"result": "partial", "steps": 3, "eta": 0.4},
    {"result": "partial", "stop_timestep": 333, "mix": "freqprior"},
    {"result": "full", "mix": "variance-preserving"},
    {"result": "full", "mix": "freqprior"},
    {"result": "prediction", "steps": 2, "mix": "freqprior"},
    {"result": "full", "schedule": [["gaussian", 0.5], ["ideal", 0.25]], "num_iters": 4},
]
DEFAULTS = {"steps": None, "stop_timestep": None, "grid": STEPS, "mix": "freeinit", "eta": 0.0, "num_iters": 3,
            "schedule": [["butterworth", 0.25]], "ratio": 0.8}


def predictions(tensors):
    rows = []
    kinds = ["epsilon", "sample", "v_prediction"]
    limits = [{"clip_sample": False}, {}, {"thresholding": True, "sample_max_value": 1.7}]
    for kind, limit, eta in itertools.product(kinds, limits, [0.0, 0.7]):
        config = {"prediction_type": kind, **limit}
        scheduler = DDIMScheduler(**config)
        scheduler.set_timesteps(4)
        sample, pattern, generator, seen = randn(11), randn(12), torch.Generator().manual_seed(13), []
        for t in scheduler.timesteps:
            step = scheduler.step(model(sample, t, pattern), t, sample, eta=eta, generator=generator)
            seen.append(step.pred_original_sample)
            sample = step.prev_sample
        tensors[f"prediction_{len(rows)}"] = torch.stack(seen)
        rows.append({"config": config, "steps": 4, "eta": eta})
    return rows


def sample_pass(scheduler, latents, pattern, grid, end, case, generator):
    """(clean, noisy, timestep): what a pass hands on; noisy is None when it is diffused from the clean one."""
    scheduler.set_timesteps(grid)
    for number, t in enumerate(scheduler.timesteps.tolist()):
        last_call = number + 1 == end
        step = scheduler.step(model(latents, t, pattern), t, latents, eta=case["eta"],
                              generator=None if last_call and case["result"] == "prediction" else generator)
        if last_call and case["result"] == "prediction":
            return step.pred_original_sample, None, None
        latents = step.prev_sample
        if last_call and end < grid:
            return step.pred_original_sample, latents, scheduler.timesteps[number + 1].item()
    return latents, None, None


def mixed(case, diffused, mask, draw):
    if case["mix"] == "freqprior":
        return freqprior(diffused, [draw() for _ in range(4)], mask.double(), case["ratio"]).float()
    if case["mix"] == "variance-preserving":
        return variance_preserving(diffused, draw(), mask.double()).float()
    return mix(diffused, draw(), mask)


def run(case):
    scheduler = DDIMScheduler(**SCHEDULE)
    generator = torch.Generator().manual_seed(3)
    pattern = torch.randn(RUN_SHAPE[1:], generator=torch.Generator().manual_seed(12))

    def draw():
        return torch.randn(RUN_SHAPE, generator=generator)

    original = draw()
    latents, passes = original, []
    for number in range(case["num_iters"]):
        last = number + 1 == case["num_iters"]
        grid = STEPS if last else case["grid"]
        scheduler.set_timesteps(grid)
        end = grid if last or case["result"] == "full" else case["steps"]
        if end is None:
            end = sum(t > case["stop_timestep"] for t in scheduler.timesteps.tolist())
        kind = {**case, "result": "full"} if last else case
        clean, noisy, timestep = sample_pass(scheduler, latents, pattern, grid, end, kind, generator)
        passes.append(clean)
        if last:
            return torch.stack(passes)
        if noisy is None:
            diffused = scheduler.add_noise(clean, original, torch.tensor(999))
        else:
            s = float(scheduler.alphas_cumprod[999].double() / scheduler.alphas_cumprod[timestep].double())
            diffused = math.sqrt(s) * noisy + math.sqrt(1 - s) * original
        method, stop = case["schedule"][min(number, len(case["schedule"]) - 1)]
        latents = mixed(case, diffused, low_pass_mask(method, *RUN_SHAPE[2:], stop, stop), draw)


def main():
    tensors, rows = {}, []
    content = {"predictions": predictions(tensors)}
    for number, changes in enumerate(RUNS):
        case = {**DEFAULTS, **changes}
        tensors[f"passes_{number}"] = run(case)
        rows.append(case)
    write_json("predictions.json", {**content, "runs": rows})
    write_tensors("predictions.safetensors", tensors)
    print(f"predictions: {len(content['predictions'])} trajectories, {len(rows)} runs")


if __name__ == "__main__":
    main()
