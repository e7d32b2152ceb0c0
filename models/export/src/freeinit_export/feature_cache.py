"""The UNet split in two, so that a sampler can reuse deep features between neighbouring steps.

Deep levels change little from one step to the next (DeepCache, arXiv 2312.00858). The exported UNet
therefore gets two methods beside `forward`, on the same weights:

    forward_deep(latents, timestep, text, fps) -> (output, deep)
        the whole network; `deep` is what enters the last layers of the last up block
    forward_shallow(latents, timestep, text, fps, deep) -> output
        the first layers of the first level and those last layers, around a `deep` of another step

With the `deep` of the same step both give `forward`'s result to the last bit, which the export
checks. The split works on the UNets' modules, not on their code: a shallow network is the original
with short lists of layers, and its middle block hands over `deep`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch

# Layers of the last up block that still run. One is cheapest, and follows the text least; measured
# in docs/performance.md.
LAYERS = 1


def can_split(unet) -> bool:
    """Whether the network has a deeper part, and enough layers at the first level."""
    up = getattr(unet, "up_blocks", None)
    return up is not None and len(up) > 1 and len(up[-1].resnets) > LAYERS


class FeatureTap:
    """Notes what enters the last `LAYERS` layers while it is active, in a run of the whole
    network."""

    def __init__(self, unet):
        layer = unet.up_blocks[-1].resnets[-LAYERS]
        skip = _skip_channels(unet)
        self.deep = None

        def note(_, inputs, keywords):
            joined = keywords["input_tensor"] if "input_tensor" in keywords else inputs[0]
            self.deep = joined.narrow(1, 0, layer.in_channels - skip)

        self._layer, self._note = layer, note

    def run(self, call: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        handle = self._layer.register_forward_pre_hook(self._note, with_kwargs=True)
        try:
            output = call()
        finally:
            handle.remove()
        return output, self.deep


def shallow_unet(unet):
    """(network, middle): a UNet of the first and last layers that shares all weights with `unet`.
    Set `middle.deep` before a call."""
    middle = _HandOver()
    down = _shortened(unet.down_blocks[0], slice(0, LAYERS - 1))
    up = _shortened(unet.up_blocks[-1], slice(-LAYERS, None))
    network = _copied(unet, down_blocks=[down], mid_block=middle, up_blocks=[up])
    network.num_upsamplers = 0  # nothing is scaled, so no size has to divide
    return network, middle


class _HandOver(torch.nn.Module):
    """Stands for everything below the shallow layers."""

    deep = None

    def forward(self, *args, **kwargs) -> torch.Tensor:
        return self.deep


def _shortened(block, layers: slice):
    lists = {
        name: list(child)[layers]
        for name, child in block.named_children()
        if isinstance(child, torch.nn.ModuleList) and not name.endswith("samplers")
    }
    scalers = {name: None for name in ("downsamplers", "upsamplers") if hasattr(block, name)}
    return _copied(block, **lists, **scalers)


def _copied(module, **changes):
    """A shallow copy with other children; parameters are the same objects."""
    clone = copy.copy(module)
    clone._modules = dict(module._modules)
    for name, value in changes.items():
        clone._modules[name] = torch.nn.ModuleList(value) if isinstance(value, list) else value
    return clone


def _skip_channels(unet) -> int:
    """Channels of the skip connection that joins at the layer: `conv_in`'s, or those of the first
    level's layers, which are as many."""
    return unet.config.block_out_channels[0]
