"""FreeInit in a plain Python loop around any UNet: what a user of OpenVINO or ONNX Runtime writes.

Scheduler, noise re-initialisation, tokenizer, text encoder and VAE are diffusers' and
transformers'. The draws follow AnimateDiffPipeline, so the same seed gives the same latents.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from diffusers.pipelines.free_init_utils import FreeInitMixin
from transformers import CLIPTextModel, CLIPTokenizer

Predict = Callable[[torch.Tensor, int, torch.Tensor], torch.Tensor]  # latents, timestep, text [B,L,D]


class Loop(FreeInitMixin):
    def __init__(self, folder: Path, predict: Predict):
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self.text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder")
        self.vae = AutoencoderKL.from_pretrained(folder / "vae")
        self.scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
        self.predict = predict

    def generate(self, run: dict) -> torch.Tensor:
        """Latents [1,C,F,h,w] of the last pass, which is also decoded, as in `generate`."""
        text = torch.cat([self._encode(""), self._encode(run["prompt"])])
        generator = torch.Generator().manual_seed(run["seed"])
        channels = self.vae.config.latent_channels
        scale = 2 ** (len(self.vae.config.block_out_channels) - 1)
        shape = (1, channels, run["num_frames"], run["height"] // scale, run["width"] // scale)
        latents = torch.randn(shape, generator=generator)
        self.enable_free_init(num_iters=run["num_iters"])
        steps = run["num_inference_steps"]
        self.scheduler.set_timesteps(steps)
        for index in range(run["num_iters"]):
            latents, timesteps = self._apply_free_init(
                latents, index, steps, latents.device, latents.dtype, generator
            )
            for timestep in timesteps:
                both = self.predict(torch.cat([latents] * 2), int(timestep), text)
                negative, positive = both.chunk(2)
                guided = negative + run["guidance_scale"] * (positive - negative)
                latents = self.scheduler.step(guided, timestep, latents).prev_sample
        frames = latents[0].transpose(0, 1) / self.vae.config.scaling_factor
        self.vae.decode(frames)
        return latents

    def _encode(self, text: str) -> torch.Tensor:
        ids = self.tokenizer(
            text, padding="max_length", truncation=True, return_tensors="pt",
            max_length=min(self.tokenizer.model_max_length, self.text_encoder.config.max_position_embeddings),
        ).input_ids
        return self.text_encoder(ids)[0]
