"""What the networks of a bundle take when they run: the section `memory` of the manifest.

A saved network runs twice on the CPU, at a small shape and at a larger one, while the profiler notes
every allocation. Both runs make the same ones, and each grows in proportion to the latents, so two
runs give the memory of any shape: at each point of a run `fixed + per_latent * N`. What is kept is
the largest of both parts. Where a kernel was chosen otherwise at the larger shape, its peak alone
counts.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from freeinit_export.networks.component import Inputs
from freeinit_export.networks.unet_inputs import random_inputs

_SMALL, _LARGE = 16, 32  # height and width in latents; below, wide networks take other kernels
_DECODED = 2  # a decoder is cheap: so many times the size


def memory_of(
    role: str, network: torch.jit.ScriptModule, section: dict[str, Any]
) -> dict[str, int]:
    """The entry of one network. `role`: its key; `section`: its section of the manifest."""
    dtype = getattr(torch, section["dtype"])
    wanted = sum(p.numel() * max(p.element_size(), dtype.itemsize) for p in network.parameters())
    if role == "text_encoder":
        ids = torch.zeros((1, section["max_length"]), dtype=torch.long)
        return {"weights": wanted, "call": _peak(_allocations(network, (ids,))), "per_latent": 0}
    inputs = partial(_inputs, role, section, dtype)
    factor = 1 if role == "unet" else _DECODED
    runs = []
    for size in (_SMALL * factor, _LARGE * factor):
        given, latents = inputs(size)
        _allocations(network, given)  # the first call of a shape makes kernels
        runs.append((latents, _allocations(network, given)))
    call, per_latent = _line(*runs)
    return {"weights": wanted, "call": call, "per_latent": per_latent}


def _inputs(
    role: str, section: dict[str, Any], dtype: torch.dtype, size: int
) -> tuple[Inputs, int]:
    """Inputs of height and width `size` in latents, and how many latent positions they have."""
    if role == "unet":
        frames = min(2, section["max_frames"] or 2)
        length = min(77, section["max_text_length"] or 77)
        shape = (2, frames, size, size, length)
        return (
            random_inputs(section["in_channels"], section["context_dim"], dtype, shape),
            math.prod(shape[:4]),
        )
    channels, scale = section["latent_channels"], 1
    if role == "vae_encoder":
        channels, scale = 3, section["spatial_scale"]
    return (torch.zeros((1, channels, size * scale, size * scale), dtype=dtype),), size * size


def _allocations(network: torch.jit.ScriptModule, inputs: Inputs) -> list[int]:
    """Bytes of each allocation of a call in their order; what is freed is negative."""
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watch:
        network(*inputs)
    events = watch.profiler.kineto_results.events()
    found = sorted((e.start_ns(), i, e) for i, e in enumerate(events) if e.name() == "[memory]")
    return [event.nbytes() for _, _, event in found]


def _peak(changes: list[int]) -> int:
    live = peak = 0
    for change in changes:
        live += change
        peak = max(peak, live)
    return peak


def _line(small: tuple[int, list[int]], large: tuple[int, list[int]]) -> tuple[int, int]:
    """Bytes of a call beside the latents, and for each latent."""
    (few, before), (many, after) = small, large
    if len(before) != len(after):
        return 0, math.ceil(_peak(after) / many)
    call = per_latent = fixed = growth = 0.0
    for one, other in zip(before, after):
        slope = (other - one) / (many - few)
        growth += slope
        fixed += one - slope * few
        call, per_latent = max(call, fixed), max(per_latent, growth)
    return math.ceil(call), math.ceil(per_latent)
