"""Every mix beside FreeInit's own, filters of single axes, and the bridge, from their formulas.

The inputs are `torch.randn` with fixed seeds, so only results are stored. Everything is evaluated in
double with complex FFTs of the whole, shifted spectrum; nothing is symmetrised or halved.
"""

import math

import torch
from diffusers import DDIMScheduler
from torch import fft

from golden_files import write_json, write_tensors
from official_formulas import DIMS, low_pass_mask, response

SHAPES = [(4, 6, 8), (5, 6, 8), (4, 7, 9), (5, 7, 9)]
METHODS = ["butterworth", "gaussian", "ideal", "box"]
RATIOS = [0.0, 0.8, 1.0]
BRIDGES = [(321, 999), (0, 999), (500, 501), (700, 700)]


def randn(seed, shape, dtype=torch.float32):
    return torch.randn((1, 2, *shape), generator=torch.Generator().manual_seed(seed), dtype=dtype)


def spectrum(x):
    return fft.fftshift(fft.fftn(x.double(), dim=DIMS), dim=DIMS)


def video(x):
    return fft.ifftn(fft.ifftshift(x, dim=DIMS), dim=DIMS)


def mirrored(mask):
    """M(-k) for M(k), centred."""
    unshifted = fft.ifftshift(mask, dim=DIMS)
    return fft.fftshift(unshifted.flip(DIMS).roll((1, 1, 1), DIMS), dim=DIMS)


def variance_preserving(diffused, fresh, mask):
    low = (mask + mirrored(mask)) / 2
    return video(spectrum(diffused) * low + spectrum(fresh) * (1 - low**2).sqrt()).real


def freqprior(diffused, fresh, mask, ratio):
    """fresh: eta_1, eta_2, y_1, y_2."""
    branches = []
    for eta, y in zip(fresh[:2], fresh[2:]):
        x = (ratio * diffused.double() + math.sqrt(1 - ratio**2) * eta.double()) / math.sqrt(1 + ratio**2)
        branches.append(video(spectrum(x) * mask + spectrum(y) * (1 - mask**2).sqrt()))
    one, two = branches
    return ((one.real + one.imag) + (two.real - two.imag)) / math.sqrt(2)


def single_axis_mask(axes, method, shape, d):
    """Filters that look at time alone or at space alone, bin by bin."""
    frames, height, width = shape
    mask = torch.zeros(shape)
    for t in range(frames):
        for h in range(height):
            for w in range(width):
                d2 = ((2 * t / frames - 1) ** 2 if axes == "temporal"
                      else (2 * h / height - 1) ** 2 + (2 * w / width - 1) ** 2)
                mask[t, h, w] = response(method, 4, d, d2)
    return mask


def main():
    tensors, noised = {}, []
    for shape in SHAPES:
        name = "x".join(map(str, shape))
        diffused = randn(1, shape)
        fresh = [randn(seed, shape) for seed in (2, 3, 4, 5)]
        for method in METHODS:
            mask = low_pass_mask(method, *shape, 0.5, 0.5).double()
            tensors[f"variance-preserving_{method}_{name}"] = variance_preserving(diffused, fresh[0], mask).float()
            for ratio in RATIOS if method == "butterworth" else RATIOS[1:2]:
                tensors[f"freqprior_{ratio}_{method}_{name}"] = freqprior(diffused, fresh, mask, ratio).float()
    for axes in ("temporal", "spatial"):
        for method in METHODS[:3]:
            tensors[f"mask_{axes}_{method}"] = single_axis_mask(axes, method, (5, 6, 7), 0.4)
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    for start, end in BRIDGES:
        s = float(scheduler.alphas_cumprod[end].double() / scheduler.alphas_cumprod[start].double())
        bridged = math.sqrt(s) * randn(6, SHAPES[0]).double() + math.sqrt(1 - s) * randn(7, SHAPES[0]).double()
        tensors[f"bridge_{start}_{end}"] = bridged.float()
        noised.append([start, end])
    write_json("mixes.json", {"bridges": noised, "ratios": RATIOS})
    write_tensors("mixes.safetensors", tensors)
    print(f"mixes: {len(tensors)} tensors")


if __name__ == "__main__":
    main()
