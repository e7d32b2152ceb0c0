"""Inputs of the signature that every UNet is exported with."""

from __future__ import annotations

import torch

from freeinit_export.networks.component import Inputs


def scaled(size: tuple[int, ...], divisor: int) -> tuple[int, ...]:
    """`size` (batch, frames, height, width, text length) with height and width in units of
    `divisor`."""
    batch, frames, height, width, text = size
    return batch, frames, height * divisor, width * divisor, text


def random_inputs(
    channels: int,
    context_dim: int,
    dtype: torch.dtype,
    size: tuple[int, ...],
    timestep: float = 500,
    fps: float = 8,
) -> Inputs:
    """Inputs of the common signature; `size` as in `scaled`."""
    batch, frames, height, width, length = size
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn((batch, channels, frames, height, width), generator=generator)
    text = torch.randn((batch, length, context_dim), generator=generator)
    timesteps, rates = (torch.full((batch,), float(value)) for value in (timestep, fps))
    return latents.to(dtype), timesteps, text.to(dtype), rates
