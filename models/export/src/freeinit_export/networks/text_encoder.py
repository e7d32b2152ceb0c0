"""Text encoders, `forward(ids[B,L] int64) -> [B,L,D]`; transformers' CLIPTextModel as
AnimateDiffPipeline uses it."""

from __future__ import annotations

from typing import Any

import torch

from freeinit_export.errors import ExportError
from freeinit_export.networks.component import Component

_TRACES = ((2, 7), (3, 11))
_PROBES = ((1, 5), (2, 9), (5, 1))


class ExportedTextEncoder(torch.nn.Module):
    """The states of the last layer (or of an earlier one, `clip_skip`) after the final norm."""

    def __init__(self, model, clip_skip: int):
        super().__init__()
        self.model = model
        self.clip_skip = clip_skip

    def forward(self, ids):
        if not self.clip_skip:
            return self.model(ids)[0]
        states = self.model(ids, output_hidden_states=True).hidden_states
        # transformers 4 keeps the layers in `text_model`, transformers 5 in the model itself.
        norm = getattr(self.model, "text_model", self.model).final_layer_norm
        return norm(states[-(self.clip_skip + 1)])


def text_encoder_component(
    model, clip_skip: int, max_length: int
) -> tuple[Component, dict[str, Any]]:
    """The text encoder and its section of the manifest."""
    config = model.config
    if getattr(config, "use_attention_mask", False):
        raise ExportError(
            "text_encoder: 'use_attention_mask' is true; expected a CLIP text encoder without a"
            " padding mask"
        )
    if not 0 <= clip_skip < config.num_hidden_layers:
        raise ExportError(
            f"clip skip {clip_skip}: the text encoder has {config.num_hidden_layers} layers;"
            f" expected 0 to {config.num_hidden_layers - 1}"
        )
    if config._attn_implementation != "sdpa":  # 'eager' writes a device into the graph
        model.set_attn_implementation("sdpa")
    network = ExportedTextEncoder(model, clip_skip)
    return token_component(network, config.vocab_size, config.hidden_size, max_length)


def token_component(
    network: torch.nn.Module, vocabulary: int, width: int, max_length: int
) -> tuple[Component, dict[str, Any]]:
    """A network from token ids to states of `width`, and its section of the manifest."""

    def ids(size: tuple[int, int]) -> tuple[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        return (torch.randint(0, vocabulary, size, generator=generator),)

    clipped = [(batch, min(length, max_length)) for batch, length in _PROBES]
    component = Component(
        "text_encoder.pt",
        network,
        lambda: network,
        tuple(ids(size) for size in _TRACES),
        tuple(ids(size) for size in [*clipped, (1, max_length), (4, max_length)]),
    )
    return component, {"file": component.file, "max_length": max_length, "width": width}
