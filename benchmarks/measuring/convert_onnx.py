"""`python convert_onnx.py MODEL`: the bundle's traced UNet as ONNX, in a process of its own.

The same graph and the same weights as freeinit runs; float32 throughout.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch


def example(bundle: Path) -> tuple[torch.Tensor, ...]:
    """Sizes that no level divides: the path through the graph that serves every size."""
    unet = json.loads((bundle / "manifest.json").read_text())["unet"]
    multiple = unet["latent_multiple_of"]
    latents = torch.randn(2, unet["in_channels"], 3, 9 * multiple, 10 * multiple)
    text = torch.randn(2, 7, unet["context_dim"])
    return latents, torch.full((2,), 500.0), text, torch.full((2,), 8.0)


def convert(model: Path) -> None:
    network = torch.jit.load(model / "bundle" / "unet.pt")
    (model / "onnx").mkdir(exist_ok=True)
    torch.onnx.export(
        network,
        example(model / "bundle"),
        model / "onnx" / "unet.onnx",
        input_names=["latents", "timestep", "text", "fps"],
        output_names=["output"],
        dynamic_axes={
            "latents": {0: "B", 2: "F", 3: "H", 4: "W"},
            "timestep": {0: "B"},
            "text": {0: "B", 1: "L"},
        },
        opset_version=17,
        dynamo=False,
    )


if __name__ == "__main__":
    with torch.no_grad():
        convert(Path(sys.argv[1]))
