"""diffusers' video UNets (UNetMotionModel, UNet3DConditionModel) behind the signature that every
family has.

`forward(latents[B,C,F,H,W], timestep[B] float32, text[B,L,D], fps[B] float32) -> [B,C,F,H,W]`
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from diffusers import UNetMotionModel

from freeinit_export.errors import ExportError
from freeinit_export.networks.component import Component
from freeinit_export.networks.feature_cache import Split, can_split, split_methods
from freeinit_export.networks.unet_inputs import random_inputs, scaled

# Batch, frames, latent height and width (in units of the divisor found), text length. The sizes of
# the two traces differ in every place and are odd: at sizes that are not divisible, diffusers
# decides at trace time to pass explicit sizes on to its upsamplers, which is right at every size;
# the other way round is not.
_TRACES = ((2, 3, 5, 7, 11), (3, 5, 9, 11, 13))
_PROBES = ((1, 1, 8, 8, 1), (1, 3, 5, 7, 77), (2, 4, 8, 12, 7), (4, 3, 9, 6, 11), (2, 7, 10, 5, 20))
_TIMESTEPS = (999, 0, 37, 500, 761)
_LARGEST_DIVISOR = 16  # more would only make a network that runs at no size fail after minutes


class SharedTextProcessor:
    """Cross attention of all frames to one text: keys and values are projected once per video.

    diffusers wants the text repeated for every frame and projects each copy. Here the projections
    are repeated instead, so that attention itself sees the same tensors and the result is the same
    to the last bit. (Folding the frames into the queries would save the copy, but attention kernels
    work in blocks of queries and round differently at sizes that do not fill them.)
    """

    def __init__(self, inner):
        self.inner = inner  # for attention without text

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, *args, **kwargs):
        if encoder_hidden_states is None:
            return self.inner(attn, hidden_states, encoder_hidden_states, *args, **kwargs)
        text, per_frame = encoder_hidden_states, hidden_states
        frames = per_frame.reshape(text.shape[0], -1, *per_frame.shape[1:]).shape[1]
        query = _heads(attn, attn.to_q(per_frame))
        key, value = (
            _heads(attn, project(text).repeat_interleave(frames, dim=0))
            for project in (attn.to_k, attn.to_v)
        )
        mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        output = attn.to_out[0](mixed.transpose(1, 2).reshape(per_frame.shape))
        return output / attn.rescale_output_factor


def _heads(attn, projected: torch.Tensor) -> torch.Tensor:
    batch, tokens, width = projected.shape
    return projected.view(batch, tokens, attn.heads, width // attn.heads).transpose(1, 2)


class TimestepEmbedding(torch.nn.Module):
    """diffusers' `Timesteps` with its frequencies in a buffer: the original makes them on a
    device that tracing would write into the graph. Equal to the last bit."""

    def __init__(self, original):
        super().__init__()
        if original.num_channels % 2:
            raise ExportError(
                f"unet: {original.num_channels} timestep channels; expected an even number"
            )
        half = original.num_channels // 2
        exponent = -math.log(10000) * torch.arange(0, half, dtype=torch.float32)
        self.register_buffer("freqs", torch.exp(exponent / (half - original.downscale_freq_shift)))
        self.scale = original.scale
        self.cosine_first = original.flip_sin_to_cos

    def forward(self, timesteps: torch.Tensor) -> torch.Tensor:
        angle = self.scale * (timesteps[:, None].float() * self.freqs[None, :])
        parts = (angle.cos(), angle.sin()) if self.cosine_first else (angle.sin(), angle.cos())
        return torch.cat(parts, dim=-1)


class ExportedUNet(torch.nn.Module):
    """The exported signature. Changes `unet` in place."""

    def __init__(self, unet):
        super().__init__()
        if _repeats_text_outside(unet):
            unet.set_attn_processor(
                {name: SharedTextProcessor(inner) for name, inner in unet.attn_processors.items()}
            )
        unet.time_proj = TimestepEmbedding(unet.time_proj)
        self.unet = unet
        self._split = Split(unet) if can_split(unet) else None

    def forward(self, latents, timestep, text, fps):  # fps is part of the signature
        return self.unet(latents, timestep, encoder_hidden_states=text, return_dict=False)[0]

    def forward_deep(self, latents, timestep, text, fps):
        return self._split.deep(lambda: self.forward(latents, timestep, text, fps))

    def forward_shallow(self, latents, timestep, text, fps, deep):
        return self._split.shallow(latents, timestep, text, deep)


def _repeats_text_outside(unet) -> bool:
    """AnimateDiff's pipeline repeats the text for every frame, UNet3DConditionModel does it
    itself."""
    return isinstance(unet, UNetMotionModel)


def original_call(unet) -> Callable[..., torch.Tensor]:
    """`unet` as its pipeline calls it: integer timestep, text in the layout it wants."""

    def call(latents, timestep, text, fps):
        steps = timestep.long()
        steps = steps[0] if bool((steps == steps[0]).all()) else steps
        if _repeats_text_outside(unet):
            text = text.repeat_interleave(latents.shape[2], dim=0)
        return unet(latents, steps, encoder_hidden_states=text, return_dict=False)[0]

    return call


def unet_component(unet, dtype: torch.dtype) -> tuple[Component, dict[str, Any]]:
    """The UNet, and its section of the manifest with the limits found by trying."""
    width = _check_config(unet.config)
    call = original_call(unet)
    inputs = partial(random_inputs, unet.config.in_channels, width, dtype)
    divisor = latent_divisor(lambda size: call(*inputs(size)))
    frames = longest_sequence(lambda size: call(*inputs(size)), divisor, unet.config)

    shapes = [scaled(size, divisor) for size in _PROBES]
    if frames is not None:
        shapes = [(b, min(f, frames), h, w, text) for b, f, h, w, text in shapes]
        shapes.append((1, frames, 4 * divisor, 6 * divisor, 5))
    probes = [inputs(size, _TIMESTEPS[i % len(_TIMESTEPS)]) for i, size in enumerate(shapes)]
    probes[2] = (probes[2][0], torch.tensor([801.0, 3.0]), *probes[2][2:])  # two timesteps at once
    traces = tuple(inputs(scaled(size, divisor)) for size in _TRACES)

    split = can_split(unet)
    component = Component(
        "unet.pt",
        call,
        lambda: ExportedUNet(unet),
        traces,
        tuple(probes),
        split_methods(unet, call, traces, tuple(probes[1:4])) if split else (),
    )
    section = {
        "file": component.file,
        "format": "torchscript",
        "in_channels": unet.config.in_channels,
        "context_dim": width,
        "latent_multiple_of": divisor,
        "max_frames": frames,
        "max_text_length": None,  # attention has none: a probe is as long as CLIP's longest
        "uses_fps": False,
        "feature_cache": split,
        "verified_shapes": [list(shape) for shape in shapes],
    }
    return component, section


def latent_divisor(run: Callable[[tuple[int, ...]], Any]) -> int:
    """The smallest power of two that latent sizes must be multiples of: tried on the original."""
    divisor, reason = 1, None
    while divisor <= _LARGEST_DIVISOR:
        try:
            run((1, 1, 5 * divisor, 7 * divisor, 3))
            return divisor
        except RuntimeError as error:
            divisor, reason = divisor * 2, error
    raise ExportError(
        "unet: the original runs at no latent size tried, not even at multiples of"
        f" {_LARGEST_DIVISOR} ({str(reason).splitlines()[0]})"
    )


def longest_sequence(run: Callable[[tuple[int, ...]], Any], divisor: int, config) -> int | None:
    """The longest sequence of frames: the configured one if one frame more fails, else none."""
    limit = config.get("motion_max_seq_length")
    if limit is None:
        return None
    run((1, limit, 4 * divisor, 4 * divisor, 3))
    try:
        run((1, limit + 1, 4 * divisor, 4 * divisor, 3))
    except RuntimeError:
        return limit
    return None


def _check_config(config) -> int:
    """Refuses what the signature has no room for; returns the width of the text."""
    for key in ("encoder_hid_dim_type", "addition_embed_type", "time_cond_proj_dim"):
        if config.get(key) is not None:
            raise ExportError(
                f"unet: '{key}' is {config[key]!r}; expected none (image prompts, SDXL and"
                " distilled guidance are not supported)"
            )
    if config.in_channels != config.out_channels:
        raise ExportError(
            f"unet: {config.in_channels} input and {config.out_channels} output channels; expected"
            " as many (image-conditioned models are not supported)"
        )
    width = config.cross_attention_dim
    widths = {width} if isinstance(width, int) else set(width)
    if len(widths) != 1:
        raise ExportError(f"unet: cross attention widths {sorted(widths)}; expected one width")
    return widths.pop()
