"""A bundle's UNet for OpenVINO: the same TorchScript file, converted.

The converted graph takes every shape that the original takes. Weights stay float32: OpenVINO's
default would round them to float16.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from freeinit_export.component import Inputs
from freeinit_export.errors import ExportError, one_line
from freeinit_export.verify import TOLERANCE as TOLERANCES

INPUTS = ("latents", "timestep", "text", "fps")
FILE = "openvino/unet.xml"  # its weights stand beside it, with the suffix .bin
TOLERANCE = TOLERANCES[torch.float32]


def convert(network: torch.jit.ScriptModule, example: Inputs, contract: str, file: Path) -> None:
    """Writes `file`, an OpenVINO model that carries `contract`."""
    openvino = _openvino()
    try:
        model = openvino.convert_model(network, example_input=example)
    except Exception as error:  # openvino raises kinds of its own
        raise ExportError(f"unet: OpenVINO cannot convert it: {one_line(error)}")
    for port, name in zip(model.inputs, INPUTS, strict=True):
        port.set_names({name})
    model.set_rt_info(contract, ["freeinit", "contract"])
    file.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(model, file, compress_to_fp16=False)


def runner(file: Path):
    """The written model as a function of the four inputs. It is compiled for each shape, as the
    loader does it: compiled for all shapes at once, OpenVINO 2026.4 returns noise at some shapes
    after it has served another."""
    openvino = _openvino()
    core = openvino.Core()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }

    def run(*inputs: torch.Tensor) -> torch.Tensor:
        arrays = {name: value.numpy() for name, value in zip(INPUTS, inputs, strict=True)}
        model = core.read_model(file)
        model.reshape({name: list(array.shape) for name, array in arrays.items()})
        return torch.from_numpy(core.compile_model(model, "CPU", settings)(arrays)[0].copy())

    return run


def entry() -> dict[str, Any]:
    """What the manifest says beside file, origin and error."""
    return {}


def _openvino():
    try:
        import openvino
    except ImportError:
        raise ExportError("backend 'openvino': the package openvino is missing; pip install it")
    return openvino
