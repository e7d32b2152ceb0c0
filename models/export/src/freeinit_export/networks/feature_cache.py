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

from freeinit_export.networks.component import Inputs, Method

# Layers of the last up block that still run. One is cheapest, and follows the text least; measured
# in benchmarks/results.
LAYERS = 1


def can_split(unet) -> bool:
    """Whether the network has a deeper part, and enough layers at the first level."""
    return len(unet.up_blocks) > 1 and len(unet.up_blocks[-1].resnets) > LAYERS


class Split:
    """The two ways to run `unet` in part. Both run its own modules and weights."""

    def __init__(self, unet):
        self._layer = unet.up_blocks[-1].resnets[-LAYERS]
        self._deep_channels = self._layer.in_channels - unet.config.block_out_channels[0]
        self._middle = _HandOver()
        down = _shortened(unet.down_blocks[0], slice(0, LAYERS - 1))
        up = _shortened(unet.up_blocks[-1], slice(-LAYERS, None))
        self._shallow = _copied(unet, down_blocks=[down], mid_block=self._middle, up_blocks=[up])
        self._shallow.num_upsamplers = 0  # nothing is scaled, so no size has to divide

    def deep(self, run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """The result of `run`, a call of the whole network, and the deep feature noted on the
        way."""
        noted = []

        def note(_, inputs, keywords):
            joined = keywords["input_tensor"] if "input_tensor" in keywords else inputs[0]
            noted.append(joined.narrow(1, 0, self._deep_channels))  # the rest is the skip

        handle = self._layer.register_forward_pre_hook(note, with_kwargs=True)
        try:
            output = run()
        finally:
            handle.remove()
        return output, noted[0]

    def shallow(self, latents, timestep, text, deep) -> torch.Tensor:
        self._middle.deep = deep
        network = self._shallow
        return network(latents, timestep, encoder_hidden_states=text, return_dict=False)[0]


def split_methods(unet, call, traces: tuple[Inputs, Inputs], probes) -> tuple[Method, ...]:
    """`forward_deep` and `forward_shallow` with what `call`, the original, makes of their inputs:
    around its own deep feature the shallow network must give the whole network's result."""
    split = Split(unet)

    def with_deep(inputs: Inputs) -> Inputs:
        return (*inputs, split.deep(lambda: call(*inputs))[1].clone())

    return (
        Method("forward_deep", lambda *inputs: split.deep(lambda: call(*inputs)), traces, probes),
        Method(
            "forward_shallow",
            lambda *inputs: call(*inputs[:-1]),
            tuple(with_deep(inputs) for inputs in traces),
            tuple(with_deep(inputs) for inputs in probes),
        ),
    )


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
