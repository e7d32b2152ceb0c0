"""Puts the parts together as a diffusers AnimateDiffPipeline folder, in float16 as checkpoints are published."""

import shutil

import torch
from diffusers import AnimateDiffPipeline

import autoencoder
import diffusion
import latents
import networks
import text


def export(out, folder):
    """Writes the folder from the averaged weights; an old one stays until the new one is whole."""
    _, encoder = diffusion.load_frames(out)
    coder = autoencoder.load(out)
    coder.register_to_config(scaling_factor=latents.scaling_factor(out))
    pipeline = AnimateDiffPipeline(
        vae=coder, text_encoder=encoder, tokenizer=text.write_tokenizer(out / "tokenizer"),
        unet=diffusion.load_motion(out), motion_adapter=None, scheduler=networks.scheduler())
    new, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for rest in (new, old):
        shutil.rmtree(rest, ignore_errors=True)
    pipeline.to(dtype=torch.float16).save_pretrained(new)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(out / "tokenizer" / name, new / "tokenizer" / name)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return {"parameters": {name: sum(p.numel() for p in getattr(pipeline, name).parameters())
                           for name in ("unet", "text_encoder", "vae")}}
