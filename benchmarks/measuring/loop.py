"""FreeInit in a plain Python loop around any UNet: what a user of OpenVINO or ONNX Runtime writes.

Scheduler, noise re-initialisation, tokenizer, text encoder and VAE are diffusers' and
transformers'. The draws follow AnimateDiffPipeline in float32, so the same seed gives the same
latents.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from diffusers.pipelines.free_init_utils import FreeInitMixin
from transformers import CLIPTextModel, CLIPTokenizer

Predict = Callable[[torch.Tensor, int, torch.Tensor], torch.Tensor]  # latents, timestep, text [B,L,D]


def load_parts(folder: Path) -> SimpleNamespace:
    """All of a pipeline but its UNet, for Loop."""
    return SimpleNamespace(
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder"),
        vae=AutoencoderKL.from_pretrained(folder / "vae"),
        scheduler=DDIMScheduler.from_pretrained(folder / "scheduler"),
    )


def first_noise(vae, run: dict, generator: torch.Generator) -> torch.Tensor:
    """Drawn on the CPU in float32, then put where and in what the VAE is. A pipeline that draws for
    itself draws in the dtype of its networks: from the same seed other numbers, not rounded ones."""
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    size = (run["num_frames"], run["height"] // scale, run["width"] // scale)
    noise = torch.randn((1, vae.config.latent_channels, *size), generator=generator)
    return noise.to(vae.device, vae.dtype)


class Loop(FreeInitMixin):
    def __init__(self, parts, predict: Predict):
        """`parts`: a pipeline of diffusers or `load_parts`."""
        self.tokenizer, self.text_encoder = parts.tokenizer, parts.text_encoder
        self.vae, self.scheduler = parts.vae, parts.scheduler
        self.predict = predict
        self.parts: dict[str, float] = {}  # CPU seconds of the last generation's networks

    def generate(self, run: dict) -> torch.Tensor:
        """Latents [1,C,F,h,w] of the last pass, which is also decoded, as in `generate`, so many frames
        at a time as `decode_chunk_size` says, or all."""
        self.parts = dict.fromkeys(("text", "unet", "decode"), 0.0)
        with self._clocked("text"):
            text = torch.cat([self._encode(""), self._encode(run["prompt"])])
        generator = torch.Generator().manual_seed(run["seed"])
        latents = first_noise(self.vae, run, generator)
        self.enable_free_init(num_iters=run["num_iters"])
        steps = run["num_inference_steps"]
        self.scheduler.set_timesteps(steps)
        for index in range(run["num_iters"]):
            latents, timesteps = self._apply_free_init(
                latents, index, steps, latents.device, latents.dtype, generator
            )
            for timestep in timesteps.tolist():  # at once: reading one from a device waits for it
                with self._clocked("unet"):
                    both = self.predict(torch.cat([latents] * 2), timestep, text)
                negative, positive = both.chunk(2)
                guided = negative + run["guidance_scale"] * (positive - negative)
                latents = self.scheduler.step(guided, timestep, latents).prev_sample
        frames = latents[0].transpose(0, 1) / self.vae.config.scaling_factor
        with self._clocked("decode"):
            for chunk in frames.split(run.get("decode_chunk_size", len(frames))):
                self.vae.decode(chunk)
        return latents

    @contextmanager
    def _clocked(self, part: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.parts[part] += time.process_time() - start

    def _encode(self, text: str) -> torch.Tensor:
        ids = self.tokenizer(
            text, padding="max_length", truncation=True, return_tensors="pt",
            max_length=min(self.tokenizer.model_max_length, self.text_encoder.config.max_position_embeddings),
        ).input_ids
        return self.text_encoder(ids.to(self.text_encoder.device))[0]
