"""The peers that run in Python, behind one interface: one UNet call, one whole generation."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from loop import Loop


class Diffusers:
    """diffusers as it comes, or with its UNet compiled."""

    def __init__(self, model: Path, threads: int, compiled: bool = False):
        index = json.loads((model / "pipeline" / "model_index.json").read_text())
        self.animatediff = index["_class_name"] == "AnimateDiffPipeline"
        if self.animatediff:
            from diffusers import AnimateDiffPipeline as Pipeline
        else:
            from diffusers import TextToVideoSDPipeline as Pipeline
        self.pipeline = Pipeline.from_pretrained(model / "pipeline")
        self.pipeline.set_progress_bar_config(disable=True)
        if compiled:
            self.pipeline.unet.compile()
        # diffusers has no FreeInit for ModelScope: there its parts run in the plain loop.
        self.loop = None if self.animatediff else Loop(model / "pipeline", self.unet)

    def unet(self, latents, timestep: int, text):
        if self.animatediff:
            text = text.repeat_interleave(latents.shape[2], dim=0)
        # As the pipeline calls it: a compiled network is compiled again for every other kind of call.
        return self.pipeline.unet(latents, torch.tensor(timestep), encoder_hidden_states=text).sample

    def generate(self, run: dict) -> torch.Tensor:
        if self.loop is not None:
            return self.loop.generate(run)
        last = {}

        def remember(_, step, timestep, values):
            last["latents"] = values["latents"]
            return {}

        self.pipeline.enable_free_init(num_iters=run["num_iters"])
        keys = ("num_frames", "height", "width", "num_inference_steps", "guidance_scale")
        self.pipeline(
            run["prompt"],
            negative_prompt="",
            generator=torch.Generator().manual_seed(run["seed"]),
            callback_on_step_end=remember,
            output_type="np",
            **{key: run[key] for key in keys},
        )
        return last["latents"]


class OpenVino:
    """The traced UNet of the bundle, converted by OpenVINO, in a plain loop."""

    def __init__(self, model: Path, threads: int):
        import openvino

        self.core = openvino.Core()
        self.file = model / "bundle" / "openvino" / "unet.xml"
        self.settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        self.network = None
        self.loop = Loop(model / "pipeline", self.unet)

    def unet(self, latents, timestep: int, text):
        batch = latents.shape[0]
        inputs = [latents, torch.full((batch,), float(timestep)), text, torch.full((batch,), 8.0)]
        inputs = [value.numpy() for value in inputs]
        if self.network is None:  # for the one shape it will see, which is fastest
            network = self.core.read_model(self.file)
            network.reshape(dict(enumerate(list(value.shape) for value in inputs)))
            self.network = self.core.compile_model(network, "CPU", self.settings)
        return torch.from_numpy(self.network(inputs)[0].copy())

    def generate(self, run: dict) -> torch.Tensor:
        return self.loop.generate(run)


class OnnxRuntime:
    """The traced UNet of the bundle as ONNX, in a plain loop."""

    def __init__(self, model: Path, threads: int):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        file = str(model / "onnx" / "unet.onnx")
        self.session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
        self.loop = Loop(model / "pipeline", self.unet)

    def unet(self, latents, timestep: int, text):
        values = {
            "latents": latents.numpy(),
            "timestep": torch.full((latents.shape[0],), float(timestep)).numpy(),
            "text": text.numpy(),
        }
        return torch.from_numpy(self.session.run(None, values)[0])

    def generate(self, run: dict) -> torch.Tensor:
        return self.loop.generate(run)


PEERS = {
    "diffusers": Diffusers,
    "diffusers-compile": lambda model, threads: Diffusers(model, threads, compiled=True),
    "openvino": OpenVino,
    "onnxruntime": OnnxRuntime,
}
