"""What a source hands over: networks with their originals, and the settings around them.

A source (`diffusers_pipeline.py`; others can stand beside it) knows one kind of checkpoint.
Everything behind it (tracing, comparing, writing) sees only the types of this file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from freeinit_export.errors import ExportError

Inputs = tuple[torch.Tensor, ...]
Calibration = Callable[[], list[Inputs]]  # makes videos; the inputs that the UNet had meanwhile


@dataclass(frozen=True)
class Method:
    """One way to call a network: the name of its method, and what the original makes of the same
    inputs (one tensor or a tuple)."""

    name: str
    original: Callable[..., Any]
    traces: tuple[Inputs, Inputs]  # every size differs between the two
    probes: tuple[Inputs, ...]  # none has the shapes of a trace


@dataclass(frozen=True)
class Component:
    """One network that becomes one `.pt`.

    `original` is the untouched network of the checkpoint behind the exported signature. It is
    called for every probe *before* `build` is, because `build` may change the network in place: two
    copies of a real model would not fit into memory.
    """

    file: str
    original: Callable[..., torch.Tensor]
    build: Callable[[], torch.nn.Module]
    traces: tuple[Inputs, Inputs]  # every size differs between the two
    probes: tuple[Inputs, ...]  # none has the shapes of a trace
    further: tuple[Method, ...] = ()  # methods beside `forward`, on the same weights

    @property
    def methods(self) -> tuple[Method, ...]:
        return (Method("forward", self.original, self.traces, self.probes), *self.further)


def check_finite(what: str, network: torch.nn.Module) -> None:
    """Refuses weights that are no numbers, by name: whatever they touch would be none either."""
    for name, weight in network.named_parameters():
        if not torch.isfinite(weight).all():
            raise ExportError(
                f"{what}: '{name}' holds NaN or infinity as {str(weight.dtype).split('.')[1]};"
                " expected finite weights"
            )


@dataclass
class VideoModel:
    """A text-to-video model, ready to be traced and described."""

    family: str
    dtype: torch.dtype
    components: dict[str, Component]  # by role: unet, text_encoder, vae_decoder, vae_encoder
    unet: dict[str, Any]  # sections of the manifest, without what the export adds to them
    text_encoder: dict[str, Any]
    vae: dict[str, Any]
    tokenizer: Any  # transformers.CLIPTokenizer
    max_text_length: int
    scheduler: dict[str, Any]
    recommended: dict[str, Any]
    created_by: dict[str, str]
    notes: list[str] = field(default_factory=list)  # what a user should be told

    def __post_init__(self) -> None:
        """Refuses networks that do not fit together."""
        if self.unet["context_dim"] != self.text_encoder["width"]:
            raise ExportError(
                f"the UNet reads texts of width {self.unet['context_dim']}, the text encoder makes"
                f" width {self.text_encoder['width']}; expected equal widths"
            )
        if self.unet["in_channels"] != self.vae["latent_channels"]:
            raise ExportError(
                f"the UNet has {self.unet['in_channels']} channels, the VAE's latents"
                f" {self.vae['latent_channels']}; expected as many"
            )
