"""VideoCrafter's sampler from its formulas, in double: grid, last level, dynamic rescale, noise in
every step, forward process. Betas in double, as the original makes them."""

import itertools

import numpy as np
import torch

from ddim import SHAPE, model, randn
from golden_files import write_json, write_tensors

TRAIN = 1000
LEVELS = np.cumprod(1.0 - np.linspace(0.00085**0.5, 0.012**0.5, TRAIN) ** 2)
# From 1 evenly to 0.7 over 400 timesteps, then constant; stored as float32.
RESCALE = np.concatenate([np.linspace(1.0, 0.7, 400), np.full(600, 0.7)]).astype(np.float32)


def grid(steps):
    return [t + 1 for t in range(0, TRAIN, TRAIN // steps)]


def trajectory(steps, eta, scale, prediction):
    pattern, generator = randn(12).double(), torch.Generator().manual_seed(13)
    sample, states, timesteps = randn(11).double(), [], grid(steps)
    for index in reversed(range(len(timesteps))):
        t, previous = timesteps[index], timesteps[index - 1] if index else 0
        level, arrival = LEVELS[t], LEVELS[previous]
        output = model(sample, t, pattern)
        if prediction == "epsilon":
            eps = output
            clean = (sample - (1 - level) ** 0.5 * eps) / (level**0.5 * scale[t])
        else:
            clean = output
            eps = (sample - level**0.5 * scale[t] * clean) / (1 - level) ** 0.5
        sigma = eta * ((1 - arrival) / (1 - level) * (1 - level / arrival)) ** 0.5
        noise = torch.randn(SHAPE, generator=generator).double()
        direction = (1 - arrival - sigma**2) ** 0.5
        sample = arrival**0.5 * scale[previous] * clean + direction * eps + sigma * noise
        states.append(sample)
    return timesteps[::-1], torch.stack(states).float()


def noised(timestep, scale):
    level = LEVELS[timestep]
    return (level**0.5 * scale[timestep] * randn(14).double() + (1 - level) ** 0.5 * randn(15).double()).float()


def main():
    tensors, rows, forward = {}, [], []
    tables = {"rescaled": RESCALE.astype(np.float64), "plain": np.ones(TRAIN)}
    for steps, eta, table, prediction in itertools.product([4, 7], [0.0, 1.0], tables, ["epsilon", "sample"]):
        timesteps, states = trajectory(steps, eta, tables[table], prediction)
        tensors[f"trajectory_{len(rows)}"] = states
        rows.append({"steps": steps, "eta": eta, "rescaled": table == "rescaled", "prediction_type": prediction,
                     "timesteps": timesteps})
    for timestep, table in itertools.product([0, 399, 999], tables):
        tensors[f"noised_{len(forward)}"] = noised(timestep, tables[table])
        forward.append({"timestep": timestep, "rescaled": table == "rescaled"})
    # How many entries, and the largest timestep.
    grids = [{"steps": s, "count": len(grid(s)), "first": max(grid(s))} for s in (1, 3, 30, 35, 50, 60, 333, 600, 1000)]
    tensors["dynamic_rescale"] = torch.tensor(RESCALE)
    write_json("videocrafter.json", {"trajectories": rows, "noised": forward, "grids": grids})
    write_tensors("videocrafter.safetensors", tensors)
    print(f"videocrafter: {len(rows)} trajectories, {len(forward)} noised, {len(grids)} grids")


if __name__ == "__main__":
    main()
