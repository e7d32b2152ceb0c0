"""AnimateDiff's pipelines of diffusers around networks of a few thousand random weights."""

import torch
from diffusers import AutoencoderKL, UNetMotionModel

BETAS = {"beta_schedule": "linear", "beta_start": 0.00085, "beta_end": 0.012}  # AnimateDiff's


def tiny(pipeline_class, scheduler):
    torch.manual_seed(0)
    unet = UNetMotionModel(
        block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=2, cross_attention_dim=8,
        num_attention_heads=2, motion_num_attention_heads=2, use_motion_mid_block=False,
        down_block_types=("CrossAttnDownBlockMotion", "DownBlockMotion"),
        up_block_types=("UpBlockMotion", "CrossAttnUpBlockMotion"),
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8), norm_num_groups=2, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )
    pipeline = pipeline_class(
        vae=vae, text_encoder=None, tokenizer=None, unet=unet, motion_adapter=None, scheduler=scheduler
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def request():
    """Arguments of a call: 32x32 pixels, texts as numbers, latents as the result."""
    generator = torch.Generator().manual_seed(0)
    return {
        "prompt_embeds": torch.randn(1, 4, 8, generator=generator),
        "negative_prompt_embeds": torch.zeros(1, 4, 8),
        "height": 32, "width": 32, "output_type": "latent", "generator": generator,
    }
