"""The colours of latents: the section `preview` of the manifest.

A linear map from the channels of a latent to the mean colour of the pixels that it stands for, fitted
by least squares to what the encoder makes of drawn pictures: soft fields of colour, half of them with
ellipses and rectangles on top. With it a preview of a run needs no decoder.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from freeinit_export.errors import ExportError

_PICTURES = 16
_SIZE = 24  # height and width of each in latents
_SHAPES = 4  # on every second picture
_TESTED = 4  # pictures that the fit does not see


def latent_rgb_of(
    encoder: torch.jit.ScriptModule, vae: dict[str, Any]
) -> tuple[dict[str, list], float]:
    """The section, and the share of the variance of other pictures' colours that the map explains
    (R2). `vae`: its section of the manifest."""
    pictures = _pictures(_SIZE * vae["spatial_scale"])
    samples = [_samples(encoder, vae, picture[None]) for picture in pictures]
    latents, colours = (torch.cat(part) for part in zip(*samples[:-_TESTED]))
    if not torch.isfinite(latents).all():
        raise ExportError("vae_encoder: returns NaN or infinity; expected finite latents")
    # The default, gelsy, reads memory that torch 2.13 does not set (pytorch issue 187411).
    rows = torch.linalg.lstsq(latents, colours, driver="gelsd").solution
    latents, colours = (torch.cat(part) for part in zip(*samples[-_TESTED:]))
    missed = (latents @ rows - colours).square().sum()
    r2 = 1 - missed / (colours - colours.mean(0)).square().sum()
    *factors, bias = [[round(number, 4) for number in row] for row in rows.tolist()]
    return {"latent_rgb_factors": factors, "latent_rgb_bias": bias}, r2.item()


def _samples(
    encoder: torch.jit.ScriptModule, vae: dict[str, Any], picture: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each latent of a picture [1,3,H,W]: its channels, scaled as sampled, and 1; its colour."""
    with torch.no_grad():
        moments = encoder(picture.to(getattr(torch, vae["dtype"]))).double()
    latents = moments[:, : vae["latent_channels"]] * vae["scaling_factor"]
    latents = torch.cat([latents, torch.ones_like(latents[:, :1])], dim=1)
    colours = F.avg_pool2d(picture.double(), vae["spatial_scale"])
    return tuple(part[0].flatten(1).T for part in (latents, colours))


def _pictures(size: int) -> torch.Tensor:
    """[N,3,size,size] in -1..1, the same each time."""
    random = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=random) * 2 - 1

    axis = torch.linspace(-1, 1, size)
    y, x = axis[:, None], axis[None]
    pictures = []
    for number in range(_PICTURES):
        colours = uniform(1, 3, 2 + number % 5, 2 + number % 5)
        picture = F.interpolate(colours, (size, size), mode="bicubic", align_corners=True)[0]
        for shape in range(_SHAPES * (number % 2)):
            top, left = uniform(2)
            height, width = 0.1 + 0.6 * uniform(2).abs()
            down, right = ((y - top) / height).abs(), ((x - left) / width).abs()
            inside = down.maximum(right) if shape % 2 else down.hypot(right)
            picture = torch.where(inside < 1, uniform(3, 1, 1), picture)
        pictures.append(picture.clamp(-1, 1))
    return torch.stack(pictures)
