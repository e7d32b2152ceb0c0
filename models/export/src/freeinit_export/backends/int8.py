"""A bundle's UNet for OpenVINO in int8: convolutions and matrix products take int8 weights, with a
scale for each output channel, and int8 activations, with ranges that NNCF has found on the model's
own steps. It changes the prediction by some hundredths.
"""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path

import torch

from freeinit_export.backends import openvino
from freeinit_export.errors import ExportError, one_line
from freeinit_export.networks.component import Calibration, Inputs

FILE = "openvino_int8/unet.xml"  # its weights stand beside it, with the suffix .bin
# Not a matter of rounding but of the method. Noise would be 1.
TOLERANCE = 0.2
runner = openvino.runner


def convert(
    network: torch.jit.ScriptModule,
    example: Inputs,
    contract: str,
    file: Path,
    calibration: Calibration,
) -> None:
    """Writes `file`, an OpenVINO model that carries `contract`."""
    nncf = openvino.package("nncf")
    model = openvino.converted(network, example)
    samples = [openvino.arrays(inputs) for inputs in calibration()]
    nncf.set_log_level(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # its bars of progress
            quantised = nncf.quantize(
                model,
                nncf.Dataset(samples),
                subset_size=len(samples),
                model_type=nncf.ModelType.TRANSFORMER,
            )
    except Exception as error:  # nncf and openvino raise kinds of their own
        raise ExportError(f"unet: NNCF cannot quantise it: {one_line(error)}")
    openvino.write(quantised, contract, file)
