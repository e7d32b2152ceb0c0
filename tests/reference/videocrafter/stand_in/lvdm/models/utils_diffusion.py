"""Sinusoidal embedding and noise schedule."""

import numpy as np
import torch


def timestep_embedding(timesteps, dim, max_period=10000, repeat_only=False):
    half = dim // 2
    frequencies = torch.exp(
        -np.log(max_period) * torch.arange(half, dtype=torch.float32) / half
    ).to(timesteps.device)
    angle = timesteps.float()[:, None] * frequencies
    return torch.cat([angle.cos(), angle.sin()], dim=1)


def alphas_cumprod(steps, start, end):
    """In double, of betas whose square roots are evenly spaced."""
    betas = np.linspace(start**0.5, end**0.5, steps) ** 2
    return np.cumprod(1.0 - betas)
