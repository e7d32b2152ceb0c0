"""Puts the parts together as a diffusers AnimateDiffPipeline folder."""

import shutil

import torch
from diffusers import AnimateDiffPipeline

import diffusion
import text
import vae


def export(out, folder, stage="clips"):
    """Writes the folder from the averaged weights of a stage."""
    tokenizer = text.write_tokenizer(out / "tokenizer")
    weights = torch.load(out / stage / "final.pt")
    text_model = text.build(tokenizer)
    text_model.load_state_dict(weights["text"])
    net = diffusion.clip_network()
    net.load_state_dict(weights["unet"])
    coder = vae.load(out)
    coder.register_to_config(scaling_factor=diffusion.scaling_factor(out))
    pipeline = AnimateDiffPipeline(
        vae=coder, text_encoder=text_model.eval(), tokenizer=tokenizer, unet=net.eval(),
        motion_adapter=None, scheduler=diffusion.scheduler())
    temporary = folder.with_name(folder.name + ".new")
    shutil.rmtree(temporary, ignore_errors=True)
    pipeline.save_pretrained(temporary)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(out / "tokenizer" / name, temporary / "tokenizer" / name)
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return pipeline
