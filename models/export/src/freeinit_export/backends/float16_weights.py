"""A bundle's UNet with float16 weights: the same TorchScript file, which widens a weight when it uses
it.

Convolutions, matrix products and everything else compute in float32 as before. The weights take half
the memory, for the price of the widening at every call. Those that float16 holds exactly, as of a
checkpoint published in float16, give the same prediction to the last bit; others are rounded.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch

from freeinit_export.errors import ExportError
from freeinit_export.networks.component import Calibration, Inputs
from freeinit_export.networks.torchscript_file import (
    KEEPS_WEIGHTS,
    read_torchscript,
    write_torchscript,
)

FILE = "unet_float16_weights.pt"
TOLERANCE = (
    1e-2  # ten steps of float16: what rounding every weight does with random weights is .0007
)


def convert(
    network: torch.jit.ScriptModule,
    example: Inputs,
    contract: str,
    file: Path,
    calibration: Calibration,
) -> None:
    """Writes `file`, a TorchScript network with every method of `network`, which carries `contract`."""
    narrow = copy.deepcopy(network)
    for module in narrow.modules():
        for method in module._c._method_names():
            _widen_when_used(module._c._get_method(method).graph, module)
    for name, parameter in narrow.named_parameters():
        if _is_narrowed(parameter):
            rounded = parameter.half()
            if not rounded.isfinite().all():
                raise ExportError(f"unet: '{name}' does not fit float16")
            parameter.data = rounded
    narrow._c._register_attribute(KEEPS_WEIGHTS, torch._C.BoolType.get(), True)
    write_torchscript(file, narrow, contract)


def _is_narrowed(parameter: torch.Tensor) -> bool:
    """Kernels and matrices: biases and scales are nothing beside them."""
    return parameter.dtype == torch.float32 and parameter.dim() > 1


def _widen_when_used(graph: torch._C.Graph, module: torch.jit.ScriptModule) -> None:
    for node in graph.findAllNodes("prim::GetAttr"):
        name = node.s("name")
        parameter = dict(_owner(node, module).named_parameters(recurse=False)).get(name)
        if parameter is None or not _is_narrowed(parameter):
            continue
        graph.setInsertPoint(node)
        arguments = [graph.insertConstant(value) for value in (torch.float32, False, False, None)]
        widen = graph.create("aten::to", [node.output(), *arguments], 1)
        widen.insertAfter(node)
        node.output().replaceAllUsesAfterNodeWith(widen, widen.output())


def _owner(node: torch._C.Node, module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """The module that a prim::GetAttr in one of the graphs of `module` reads from."""
    source = node.input().node()
    if source.kind() != "prim::GetAttr":
        return module
    return getattr(_owner(source, module), source.s("name"))


def runner(file: Path):
    return read_torchscript(file)[0]
