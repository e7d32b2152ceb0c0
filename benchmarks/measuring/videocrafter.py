"""VideoCrafter2 at its true size: the original's networks, from the user's checkout of it, in a plain loop.

Nothing of the original is here. Its weights are drawn by its own code and the exporter, from a seed, so that
the bundle and this peer have the same ones. Attention is LibTorch's fused one, as in the bundle: the
original's own would need gigabytes for its scores.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from freeinit_export.sources.videocrafter import load_model
from freeinit_export.sources.videocrafter_config import read_config
from freeinit_export.sources.videocrafter_tree import load_classes
from measuring.loop import Loop
from measuring.models import Model, counted_flops, shape_of

CONFIG = Path("configs") / "inference_t2v_512_v2.0.yaml"
SOURCE = "source.txt"  # beside the bundle: where the checkout lies


def prepare(size: str, target: Path, source: Path | None) -> Model:
    """Makes the bundle, where there is none, and notes the checkout."""
    if source is None:
        raise SystemExit("videocrafter: expected --source, a checkout of the original")
    bundle = target / "bundle"
    if not bundle.exists():
        command = [sys.executable, "-m", "freeinit_export", "videocrafter", str(bundle), "--source", str(source)]
        subprocess.run([*command, "--config", str(source / CONFIG), "--fill-zeros"], check=True)
    (target / SOURCE).write_text(str(source.resolve()))
    return Model(size, target / "pipeline", bundle, _flops(source, size))


def _flops(source: Path, size: str) -> dict[str, float]:
    config, shape = read_config(source / CONFIG), shape_of(size)
    (kind,) = load_classes(source, [config.unet_target])
    with torch.device("meta"):
        unet = kind(**config.unet)
        inputs = torch.empty(shape.latents), torch.zeros(2), torch.empty(shape.text), torch.zeros(2)
        return counted_flops(lambda: unet(*inputs[:2], context=inputs[2], fps=inputs[3]))


class VideoCrafter:
    def __init__(self, folder: Path):
        from diffusers import DDIMScheduler
        from transformers import CLIPTokenizer

        source, manifest = Path((folder / SOURCE).read_text()), json.loads((folder / "bundle/manifest.json").read_text())
        model = load_model(source, source / CONFIG, None, torch.float32, fill_zeros=True)
        networks = {role: part.build().eval() for role, part in model.components.items()}
        self.network, self.fps = networks["unet"], manifest["recommended"]["fps"]
        vocabulary = [str(folder / "bundle" / "tokenizer" / name) for name in ("vocab.json", "merges.txt")]
        parts = SimpleNamespace(
            tokenizer=CLIPTokenizer(*vocabulary, model_max_length=model.max_text_length, bos_token="<start_of_text>",
                                    eos_token="<end_of_text>", unk_token="<end_of_text>", pad_token="!"),
            text_encoder=_TextEncoder(networks["text_encoder"], model.max_text_length),
            vae=_Vae(networks["vae_decoder"], manifest["vae"]),
            scheduler=DDIMScheduler.from_config(manifest["scheduler"]),
        )  # fmt: skip
        self.loop = Loop(parts, self.unet)

    def unet(self, latents, timestep: int, text):
        batch = len(latents)
        return self.network(latents, torch.full((batch,), float(timestep)), text, torch.full((batch,), self.fps))

    def generate(self, run: dict) -> torch.Tensor:
        return self.loop.generate(run)


class _TextEncoder:
    """As Loop asks transformers' one."""

    device = "cpu"

    def __init__(self, network, max_length: int):
        self.network, self.config = network, SimpleNamespace(max_position_embeddings=max_length)

    def __call__(self, ids):
        return (self.network(ids),)


class _Vae:
    """As Loop asks diffusers' one."""

    device, dtype = "cpu", torch.float32

    def __init__(self, decoder, section: dict):
        self.decode = decoder
        levels = section["spatial_scale"].bit_length()
        self.config = SimpleNamespace(block_out_channels=(0,) * levels, latent_channels=section["latent_channels"],
                                      scaling_factor=section["scaling_factor"])  # fmt: skip
