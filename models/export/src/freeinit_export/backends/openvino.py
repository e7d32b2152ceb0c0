"""A bundle's UNet for OpenVINO: the same TorchScript file, converted.

The converted graph takes every shape that the original takes. OpenVINO's default would round weights
to float16; here a weight is stored in it only where that changes none of its values, as in a
checkpoint that was published in float16: half the file, and less memory while OpenVINO rearranges it.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy
import torch

from freeinit_export.errors import ExportError, one_line
from freeinit_export.networks.component import Calibration, Inputs
from freeinit_export.networks.verify import TOLERANCE as TOLERANCES

INPUTS = ("latents", "timestep", "text", "fps")
FILE = "openvino/unet.xml"  # its weights stand beside it, with the suffix .bin
TOLERANCE = TOLERANCES[torch.float32]
LARGE = 1024  # values of a constant that is worth it


def convert(
    network: torch.jit.ScriptModule,
    example: Inputs,
    contract: str,
    file: Path,
    calibration: Calibration,
) -> None:
    """Writes `file`, an OpenVINO model that carries `contract`."""
    write(converted(network, example), contract, file)


def converted(network: torch.jit.ScriptModule, example: Inputs):
    """The network as an OpenVINO model of every shape, its inputs named."""
    openvino = package("openvino")
    try:
        model = openvino.convert_model(network, example_input=example)
    except Exception as error:  # openvino raises kinds of its own
        raise ExportError(f"unet: OpenVINO cannot convert it: {one_line(error)}")
    for port, name in zip(model.inputs, INPUTS, strict=True):
        port.set_names({name})
    return model


def write(model, contract: str, file: Path) -> None:
    """Saves an OpenVINO model with `contract`."""
    openvino = package("openvino")
    _narrow_without_loss(openvino, model)
    model.set_rt_info(contract, ["freeinit", "contract"])
    file.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(model, file, compress_to_fp16=False)


def _narrow_without_loss(openvino, model) -> None:
    """Stores the large constants that float16 holds exactly in it. Only OpenVINO's own pass marks them as
    compressed, without which they would be widened a second time in memory; it takes whole models, and
    so gets one of these constants alone."""
    from openvino._offline_transformations import compress_model_transformation

    exact = [node for node in model.get_ordered_ops() if _is_exact_in_float16(node)]
    if exact:
        results = [openvino.opset13.result(node) for node in exact]
        compress_model_transformation(openvino.Model(results, [], "weights"))


def _is_exact_in_float16(node) -> bool:
    if node.get_type_name() != "Constant" or node.get_element_type().get_type_name() != "f32":
        return False
    values = node.data
    with numpy.errstate(over="ignore"):
        return values.size >= LARGE and numpy.array_equal(values, values.astype(numpy.float16))


def runner(file: Path):
    """The written model as a function of the four inputs. It is compiled for each shape, as the
    loader does it: compiled for all shapes at once, OpenVINO 2026.4 returns noise at some shapes
    after it has served another."""
    core = package("openvino").Core()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }

    def run(*inputs: torch.Tensor) -> torch.Tensor:
        values = arrays(inputs)
        model = core.read_model(file)
        model.reshape({name: list(array.shape) for name, array in values.items()})
        return torch.from_numpy(core.compile_model(model, "CPU", settings)(values)[0].copy())

    return run


def arrays(inputs: Inputs) -> dict[str, numpy.ndarray]:
    """The inputs under the names that the model has for them."""
    return {name: value.numpy() for name, value in zip(INPUTS, inputs, strict=True)}


def package(name: str) -> ModuleType:
    """A package that the exporter itself does without."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ExportError(f"the package {name} is missing; pip install {name}")
