"""A bundle's UNet for OpenVINO in int8: convolutions and matrix products take int8 weights, of half
the range and with a scale for each output channel, and int8 activations, with ranges that NNCF has found on the model's
own steps. What would gain nothing and cost much of the precision stays in float32. It changes the
prediction by some hundredths.
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
# For NNCF's SmoothQuant, which moves ranges from activations to weights: it fits the prompts of the
# calibration, and errs more at others.
OFF = -1
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
    floating = nncf.IgnoredScope(names=_kept_in_float(model, channels=example[0].shape[1]))
    samples = [openvino.arrays(inputs) for inputs in calibration()]
    nncf.set_log_level(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # its bars of progress
            quantised = nncf.quantize(
                model,
                nncf.Dataset(samples),
                subset_size=len(samples),
                model_type=nncf.ModelType.TRANSFORMER,
                ignored_scope=floating,
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    # Weights of 7 bits: a processor without VNNI adds pairs of products in 16 bits,
                    # which clamp those of 8. That errs far more than the bit does; tests/backends
                    # has a limit that 8 bits break there.
                    overflow_fix=nncf.OverflowFix.ENABLE,
                    smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=OFF)
                ),
            )
    except Exception as error:  # nncf and openvino raise kinds of their own
        raise ExportError(f"unet: NNCF cannot quantise it: {one_line(error)}")
    openvino.write(quantised, contract, file)


def _kept_in_float(model, channels: int) -> list[str]:
    """Names of the products that read the timestep alone, one row of a whole call, and of the
    convolutions from and to the channels of the latents."""
    of_video = _behind(model, ("latents", "text"))
    names = []
    for node in model.get_ordered_ops():
        kind, name = node.get_type_name(), node.get_friendly_name()
        if kind in ("MatMul", "Convolution") and name not in of_video:
            names.append(name)
        elif kind == "Convolution" and min(list(node.input(1).get_shape())[:2]) <= channels:
            names.append(name)
    return names


def _behind(model, inputs: tuple[str, ...]) -> set[str]:
    """Names of the nodes that read values, not shapes alone, of these inputs."""
    found: set[str] = set()
    ports = [port for name in inputs for port in model.input(name).get_target_inputs()]
    while ports:
        node = ports.pop().get_node()
        if node.get_type_name() == "ShapeOf" or node.get_friendly_name() in found:
            continue
        found.add(node.get_friendly_name())
        ports += [port for output in node.outputs() for port in output.get_target_inputs()]
    return found
