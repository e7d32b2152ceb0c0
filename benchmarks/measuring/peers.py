"""The peers that run in Python, behind one interface: one UNet call, one whole generation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from measuring.loop import Loop, first_noise, load_parts


@dataclass(frozen=True)
class Setting:
    """What a peer loads and where it computes; OpenVINO and ONNX Runtime on the CPU in float32 alone."""

    model: Path
    threads: int
    device: str
    dtype: torch.dtype


class Diffusers:
    """diffusers as it comes, or with its UNet compiled."""

    def __init__(self, setting: Setting, compiled: bool = False):
        folder = setting.model / "pipeline"
        index = json.loads((folder / "model_index.json").read_text())
        self.animatediff = index["_class_name"] == "AnimateDiffPipeline"
        if self.animatediff:
            from diffusers import AnimateDiffPipeline as Pipeline
        else:
            from diffusers import TextToVideoSDPipeline as Pipeline
        self.pipeline = Pipeline.from_pretrained(folder, torch_dtype=setting.dtype)
        self.pipeline.to(setting.device).set_progress_bar_config(disable=True)
        if compiled:  # off the CPU with CUDA graphs
            self.pipeline.unet.compile(mode="default" if setting.device == "cpu" else "reduce-overhead")
        self.loop = Loop(self.pipeline, self.unet)

    def unet(self, latents, timestep: int, text):
        # As the pipeline calls it: a compiled network is compiled again for every other kind of call,
        # even other keywords, and with a timestep on the CPU it does without CUDA graphs.
        keywords = {}
        if self.animatediff:
            text = text.repeat_interleave(latents.shape[2], dim=0)
            keywords = {"cross_attention_kwargs": None, "added_cond_kwargs": None}
        timestep = torch.full((), timestep, device=latents.device)
        return self.pipeline.unet(latents, timestep, encoder_hidden_states=text, **keywords).sample

    def generate(self, run: dict) -> torch.Tensor:
        # diffusers has no FreeInit for ModelScope, and does not tell what its networks took.
        if not self.animatediff or run.get("parts"):
            return self.loop.generate(run)
        last = {}

        def remember(_, step, timestep, values):
            last["latents"] = values["latents"]
            return {}

        self.pipeline.enable_free_init(num_iters=run["num_iters"])
        generator = torch.Generator().manual_seed(run["seed"])
        keys = ("num_frames", "height", "width", "num_inference_steps", "guidance_scale")
        self.pipeline(
            run["prompt"],
            negative_prompt="",
            generator=generator,
            latents=first_noise(self.pipeline.vae, run, generator),
            callback_on_step_end=remember,
            output_type="np",
            **{key: run[key] for key in keys},
        )
        return last["latents"]


class OpenVino:
    """The traced UNet of the bundle, converted by OpenVINO, in a plain loop."""

    def __init__(self, setting: Setting, precision: str = "f32"):
        import openvino

        self.core = openvino.Core()
        self.file = setting.model / "bundle" / "openvino" / "unet.xml"
        self.settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": setting.threads}
        self.network = None
        self.loop = Loop(load_parts(setting.model / "pipeline"), self.unet)

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

    def __init__(self, setting: Setting):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = setting.threads
        file = str(setting.model / "onnx" / "unet.onnx")
        self.session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
        self.loop = Loop(load_parts(setting.model / "pipeline"), self.unet)

    def unet(self, latents, timestep: int, text):
        values = {
            "latents": latents.numpy(),
            "timestep": torch.full((latents.shape[0],), float(timestep)).numpy(),
            "text": text.numpy(),
        }
        return torch.from_numpy(self.session.run(None, values)[0])

    def generate(self, run: dict) -> torch.Tensor:
        return self.loop.generate(run)


def videocrafter(setting: Setting):
    from measuring.videocrafter import VideoCrafter

    return VideoCrafter(setting.model)


PEERS = {
    "diffusers": Diffusers,
    "videocrafter": videocrafter,
    "diffusers-compile": lambda setting: Diffusers(setting, compiled=True),
    "openvino": OpenVino,
    "openvino-bfloat16": lambda setting: OpenVino(setting, "bf16"),
    "onnxruntime": OnnxRuntime,
    "matmul": lambda setting: None,  # a process for the job of that name, which needs no model
}
