"""A small random TextToVideoSDPipeline as ModelScope's: OpenCLIP's padding, alpha of the last step
from the schedule. As a script it saves one: `python tiny_modelscope.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from diffusers import DDIMScheduler, TextToVideoSDPipeline, UNet3DConditionModel
from tiny_pipeline import WIDTH, randomise, tiny_text_encoder, tiny_tokenizer, tiny_vae


def tiny_unet3d(levels: int = 2) -> UNet3DConditionModel:
    return UNet3DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32, 32)[:levels],
        down_block_types=("CrossAttnDownBlock3D",) * (levels - 1) + ("DownBlock3D",),
        up_block_types=("UpBlock3D",) + ("CrossAttnUpBlock3D",) * (levels - 1),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
    )


def tiny_modelscope(seed: int = 0, levels: int = 2, vae_levels: int = 3, **scheduler):
    """A TextToVideoSDPipeline; `scheduler` changes ModelScope's DDIM settings."""
    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer(pad_token="!")
    settings = dict(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        set_alpha_to_one=False,
        clip_sample=False,
    )
    pipeline = TextToVideoSDPipeline(
        vae=randomise(tiny_vae(vae_levels), seed + 1, 0.05),
        text_encoder=randomise(tiny_text_encoder(len(tokenizer), hidden_act="gelu"), seed + 2),
        tokenizer=tokenizer,
        unet=randomise(tiny_unet3d(levels), seed + 3, 0.05),
        scheduler=DDIMScheduler(**{**settings, **scheduler}),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


if __name__ == "__main__":
    tiny_modelscope().save_pretrained(Path(sys.argv[1]))
