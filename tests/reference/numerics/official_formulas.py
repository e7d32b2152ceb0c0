"""FreeInit's low-pass filters and noise re-initialisation, from their formulas.

Written from the description of the method, one bin at a time and in Python's own arithmetic, so that
nothing is vectorised, reordered or shared with the code under test.
"""

import math

import torch
from torch import fft

DIMS = (-3, -2, -1)


def squared_distance(t, h, w, frames, height, width, d_s, d_t):
    return (
        ((d_s / d_t) * (2 * t / frames - 1)) ** 2
        + (2 * h / height - 1) ** 2
        + (2 * w / width - 1) ** 2
    )


def response(method, order, d_s, d2):
    if method == "butterworth":
        return 1 / (1 + (d2 / d_s**2) ** order)
    if method == "gaussian":
        return math.exp(-1 / (2 * d_s**2) * d2)
    if method == "ideal":
        return 1 if d2 <= 2 * d_s else 0
    raise ValueError(method)


def box_mask(frames, height, width, d_s, d_t):
    mask = torch.zeros(frames, height, width)
    k_s = round(int(height // 2) * d_s)
    k_t = round(int(frames // 2) * d_t)
    c_t, c_h, c_w = frames // 2, height // 2, width // 2
    mask[c_t - k_t : c_t + k_t, c_h - k_s : c_h + k_s, c_w - k_s : c_w + k_s] = 1.0
    return mask


def low_pass_mask(method, frames, height, width, d_s, d_t, order=4):
    """The centred mask [frames, height, width], float32."""
    if d_s == 0 or d_t == 0:
        return torch.zeros(frames, height, width)
    if method == "box":
        return box_mask(frames, height, width, d_s, d_t)
    return torch.tensor(
        [
            [
                [
                    response(method, order, d_s, squared_distance(t, h, w, frames, height, width, d_s, d_t))
                    for w in range(width)
                ]
                for h in range(height)
            ]
            for t in range(frames)
        ],
        dtype=torch.float32,
    )


def mix(diffused, fresh, mask):
    """Low frequencies of `diffused`, high ones of `fresh`: two complex FFTs forth, one back."""
    low = fft.fftshift(fft.fftn(diffused, dim=DIMS), dim=DIMS)
    high = fft.fftshift(fft.fftn(fresh, dim=DIMS), dim=DIMS)
    mixed = low * mask + high * (1 - mask)
    return fft.ifftn(fft.ifftshift(mixed, dim=DIMS), dim=DIMS).real
