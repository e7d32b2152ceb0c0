"""An autoencoder (diffusers' AutoencoderKL, or that of latent diffusion) as two networks: latents to
images, images to the moments of their posterior.

Slicing and tiling are off: their loops and branches would be baked in. Decoding in chunks of frames
is the caller's, outside the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from freeinit_export.bundle.scheduler_values import is_number
from freeinit_export.errors import ExportError
from freeinit_export.networks.component import Component

# Batch, height and width in latents.
_TRACES = ((2, 5, 7), (3, 9, 11))
_PROBES = ((1, 8, 8), (4, 6, 9), (1, 13, 4), (5, 7, 3))


class ExportedDecoder(torch.nn.Module):
    """`forward(z[N,C,h,w]) -> [N,3,H,W]`; z is the sampled latent divided by the scaling factor."""

    def __init__(self, vae):
        super().__init__()
        self.post_quant_conv = vae.post_quant_conv or torch.nn.Identity()
        self.decoder = vae.decoder

    def forward(self, z):
        return self.decoder(self.post_quant_conv(z))


class ExportedEncoder(torch.nn.Module):
    """`forward(images[N,3,H,W]) -> [N,2C,h,w]`, mean and log-variance. Sampling would put a
    random number generator into the graph."""

    def __init__(self, vae):
        super().__init__()
        self.encoder = vae.encoder
        self.quant_conv = vae.quant_conv or torch.nn.Identity()

    def forward(self, images):
        return self.quant_conv(self.encoder(images))


def autoencoder_components(vae, dtype: torch.dtype) -> tuple[dict[str, Component], dict[str, Any]]:
    """Decoder and encoder of diffusers' AutoencoderKL, and their section of the manifest."""
    factor = vae.config.scaling_factor
    if not is_number(factor) or factor <= 0:
        raise ExportError(f"vae: scaling_factor is {factor!r}; expected a finite number above 0")
    vae.disable_slicing()
    vae.disable_tiling()
    section = {
        "latent_channels": vae.config.latent_channels,
        "spatial_scale": 2 ** (len(vae.config.block_out_channels) - 1),
        "scaling_factor": float(factor),
    }
    return components_of(
        vae,
        section,
        vae.config.in_channels,
        dtype,
        lambda z: vae.decode(z, return_dict=False)[0],
        lambda x: vae.encode(x).latent_dist.parameters,
    )


def components_of(
    vae: Any,
    section: dict[str, Any],
    pixel_channels: int,
    dtype: torch.dtype,
    decode: Callable[[torch.Tensor], torch.Tensor],
    encode: Callable[[torch.Tensor], torch.Tensor],
) -> tuple[dict[str, Component], dict[str, Any]]:
    """Decoder and encoder of `vae`, which has the parts that the exported networks are made of;
    `decode` and `encode` are what the original does. `section`: channels, scale and factor."""
    latent, scale = section["latent_channels"], section["spatial_scale"]

    def latents(size: tuple[int, ...]) -> tuple[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        return (torch.randn((size[0], latent, *size[1:]), generator=generator).to(dtype),)

    def images(size: tuple[int, ...]) -> tuple[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        shape = (size[0], pixel_channels, size[1] * scale, size[2] * scale)
        return ((torch.rand(shape, generator=generator) * 2 - 1).to(dtype),)

    def component(file, original, build, make) -> Component:
        traces = tuple(make(size) for size in _TRACES)
        return Component(file, original, build, traces, tuple(make(size) for size in _PROBES))

    components = {
        "vae_decoder": component("vae_decoder.pt", decode, lambda: ExportedDecoder(vae), latents),
        "vae_encoder": component("vae_encoder.pt", encode, lambda: ExportedEncoder(vae), images),
    }
    files = {name: component.file for name, component in components.items()}
    return components, {
        "decoder_file": files["vae_decoder"],
        "encoder_file": files["vae_encoder"],
        **section,
    }
