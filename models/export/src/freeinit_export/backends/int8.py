"""A bundle's UNet with int8 weights: the same TorchScript file, its linear layers quantised.

Dynamic quantisation: weights int8 with a scale per output channel, activations int8 with a scale found
at each call, sums in int32. Convolutions and everything else stay float32. No calibration, every
shape. It changes the prediction by some hundredths.
"""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import torch

from freeinit_export.errors import ExportError, one_line
from freeinit_export.networks.component import Inputs
from freeinit_export.networks.torchscript_file import read_torchscript, write_torchscript

FILE = "unet_int8.pt"
# Not a matter of rounding but of the method: .03 with the demo model's weights. Noise would be 1.
TOLERANCE = 0.2


def convert(network: torch.jit.ScriptModule, example: Inputs, contract: str, file: Path) -> None:
    """Writes `file`, a TorchScript network with `forward` alone that carries `contract`."""
    quantization = torch.ao.quantization
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # its deprecation: nothing that replaces it has a C++ side
            quantised = quantization.quantize_dynamic_jit(
                copy.deepcopy(network), {"": quantization.per_channel_dynamic_qconfig}
            )
    except Exception as error:  # the passes raise RuntimeError and its kin
        raise ExportError(f"unet: cannot be quantised: {one_line(error)}")
    if "quantized::linear_dynamic" not in str(quantised.inlined_graph):
        raise ExportError("unet: has no linear layer to quantise")
    write_torchscript(file, quantised, contract)


def runner(file: Path):
    return read_torchscript(file)[0]
