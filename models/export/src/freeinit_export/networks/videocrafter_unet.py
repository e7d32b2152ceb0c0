"""VideoCrafter's UNet, from the user's checkout, behind the signature that every family has.

`forward(latents[B,C,F,H,W], timestep[B] float32, text[B,L,D], fps[B] float32) -> [B,C,F,H,W]`

The network stays the original's; three things in it are exchanged, none of which changes a result
beyond rounding: the sinusoidal embedding and the relative positions make tensors on a device that
tracing would write into the graph, and attention without relative positions becomes LibTorch's fused
one, since the scores of 2560 positions in 16 frames would need gigabytes.
"""

from __future__ import annotations

import math
import sys
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from freeinit_export.errors import ExportError
from freeinit_export.networks.component import Component
from freeinit_export.networks.unet import latent_divisor
from freeinit_export.networks.unet_inputs import random_inputs, scaled

# Batch, frames, latent height and width in units of the divisor, text length. Small: at the
# original's width every position costs a third of a GFLOP.
_TRACES = ((2, 2, 1, 3, 11), (3, 3, 2, 1, 13))
_PROBES = ((1, 1, 2, 3, 1), (1, 4, 1, 3, 77), (3, 2, 2, 2, 7), (2, 5, 1, 2, 20))
_TIMESTEPS = (999, 0, 37, 761)
_FPS = (8, 28, 1, 24)


class SinusoidalEmbedding(torch.nn.Module):
    """[cos, sin] of a number times falling frequencies, in the type of the network's weights."""

    def __init__(self, width: int, dtype: torch.dtype):
        super().__init__()
        half = width // 2
        exponent = -math.log(10000) * torch.arange(half, dtype=torch.float32) / half
        self.register_buffer("frequencies", torch.exp(exponent))
        self.width = width
        self.dtype = dtype

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        angle = numbers[:, None].float() * self.frequencies[None]
        embedding = torch.cat([angle.cos(), angle.sin()], dim=-1)
        if self.width % 2:
            embedding = torch.nn.functional.pad(embedding, (0, 1))
        return embedding.to(self.dtype)


class RelativePositions(torch.nn.Module):
    """A learned vector for each clipped distance between two frames (arXiv 1803.02155)."""

    def __init__(self, original: torch.nn.Module):
        super().__init__()
        self.embeddings_table = original.embeddings_table
        self.limit = original.max_relative_position
        self.register_buffer("one", torch.ones(1, dtype=torch.long))

    def forward(self, length_q, length_k) -> torch.Tensor:
        # Counted from a buffer: arange would fix the device.
        query = self.one.expand(length_q).cumsum(0)
        key = self.one.expand(length_k).cumsum(0)
        distance = (key[None, :] - query[:, None]).clamp(-self.limit, self.limit)
        return self.embeddings_table[distance + self.limit]


def fused_attention(attention: torch.nn.Module) -> Callable[..., torch.Tensor]:
    """A `forward` for one of the original's attentions, with LibTorch's fused kernel."""

    def heads(projected: torch.Tensor) -> torch.Tensor:
        batch, length, width = projected.shape
        split = projected.view(batch, length, attention.heads, width // attention.heads)
        return split.transpose(1, 2)

    def forward(x, context=None, mask=None):
        if mask is not None:
            raise ExportError("unet: an attention got a mask; expected none")
        context = x if context is None else context
        query, key, value = (
            heads(project(source))
            for project, source in (
                (attention.to_q, x),
                (attention.to_k, context),
                (attention.to_v, context),
            )
        )
        mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        batch, _, length, _ = mixed.shape
        return attention.to_out(mixed.transpose(1, 2).reshape(batch, length, -1))

    return forward


class ExportedUNet(torch.nn.Module):
    """The exported signature. Changes `unet` in place. `conditions`: further inputs that are
    constants."""

    def __init__(
        self, unet: torch.nn.Module, dtype: torch.dtype, conditions: dict[str, torch.Tensor]
    ):
        super().__init__()
        for name, value in conditions.items():
            self.register_buffer(name, value)
        self.conditions = tuple(conditions)
        for parent, name, child in list(_children(unet)):
            kind = type(child).__name__
            if kind == "RelativePosition":
                setattr(parent, name, RelativePositions(child))
            elif kind == "CrossAttention" and not child.relative_position:
                child.forward = fused_attention(child)
        use_embedding(unet, dtype)
        self.unet = unet

    def forward(self, latents, timestep, text, fps):
        conditions = {name: getattr(self, name) for name in self.conditions}
        return self.unet(latents, timestep, context=text, fps=fps, **conditions)


def _children(module: torch.nn.Module) -> Iterator[tuple[torch.nn.Module, str, torch.nn.Module]]:
    for parent in module.modules():
        for name, child in parent.named_children():
            yield parent, name, child


def use_embedding(unet: torch.nn.Module, dtype: torch.dtype) -> None:
    """Makes the network's file call a `SinusoidalEmbedding` that belongs to `unet`."""
    unet.sinusoidal_embedding = SinusoidalEmbedding(unet.model_channels, dtype)

    owner = weakref.ref(unet)  # the imported file outlives the network, whose memory is needed

    def embed(numbers, dim, max_period=10000, repeat_only=False):
        return owner().sinusoidal_embedding(numbers)

    sys.modules[type(unet).__module__].timestep_embedding = embed


def in_precision(unet: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """`unet` in `dtype`. The original computes its own kind of group norm in float32 whatever the
    type of its input, so those keep float32 weights."""
    unet.to(dtype)
    unet.dtype = dtype  # what the original casts the latents to
    for module in unet.modules():
        if isinstance(module, torch.nn.GroupNorm) and type(module) is not torch.nn.GroupNorm:
            module.float()
    if dtype != torch.float32:
        use_embedding(
            unet, dtype
        )  # the original's embedding stays float32, which its layers refuse
    return unet


def unet_component(
    unet: torch.nn.Module,
    dtype: torch.dtype,
    context_dim: int,
    uses_fps: bool,
    conditions: dict[str, torch.Tensor],
) -> tuple[Component, dict[str, Any]]:
    """The UNet, and its section of the manifest. `conditions`: its constant inputs [1,D]."""
    conditions = {name: value.to(dtype) for name, value in conditions.items()}

    def original(latents, timestep, text, fps):
        return unet(latents, timestep.long(), context=text, fps=fps.long(), **conditions)

    inputs = partial(random_inputs, unet.in_channels, context_dim, dtype, fps=16)
    divisor = latent_divisor(lambda size: original(*inputs(size)))
    shapes = [scaled(size, divisor) for size in _PROBES]
    probes = [
        inputs(shape, timestep, fps=fps)
        for shape, timestep, fps in zip(shapes, _TIMESTEPS, _FPS, strict=True)
    ]
    # Two timesteps and two frame rates at once.
    latents, _, text, _ = probes[-1]
    probes[-1] = (latents, torch.tensor([801.0, 3.0]), text, torch.tensor([5.0, 30.0]))
    component = Component(
        "unet.pt",
        original,
        lambda: ExportedUNet(unet, dtype, conditions),
        tuple(inputs(scaled(size, divisor)) for size in _TRACES),
        tuple(probes),
    )
    section = {
        "file": component.file,
        "format": "torchscript",
        "in_channels": unet.in_channels,
        "context_dim": context_dim,
        "latent_multiple_of": divisor,
        "max_frames": None,  # distances between frames are clipped, so any number runs
        "max_text_length": None,
        "uses_fps": uses_fps,
        "verified_shapes": [list(shape) for shape in shapes],
    }
    return component, section
