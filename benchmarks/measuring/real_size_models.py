"""Models of the true architectures with random weights, saved as their users have them.

python benchmarks/measuring/real_size_models.py MODEL FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from diffusers import (
    AnimateDiffPipeline,
    AutoencoderKL,
    DDIMScheduler,
    MotionAdapter,
    StableDiffusionPipeline,
    TextToVideoSDPipeline,
    UNet2DConditionModel,
    UNet3DConditionModel,
    UNetMotionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "reference" / "text"))
sys.path.insert(0, str(ROOT / "models" / "export" / "tests"))

from clip_vocabulary import write_vocabulary
from tiny_files import original_motion_states, save_lightning

SD15 = {"sample_size": 64, "cross_attention_dim": 768}
HEADS = 8
BLOCK = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0))


def fill(parameter: torch.Tensor, *_, **__) -> torch.Tensor:
    """Random values of about unit gain that float16 holds, by copying: drawing billions takes minutes."""
    with torch.no_grad():
        spread = (parameter[0].numel() if parameter.ndim > 1 else 1) ** -0.5
        flat = parameter.view(-1)
        for start in range(0, flat.numel(), BLOCK.numel()):
            part = flat[start : start + BLOCK.numel()]
            part.copy_((BLOCK[: part.numel()] * spread).half())
    return parameter


for name in ("kaiming_uniform_", "xavier_uniform_", "uniform_", "normal_"):
    setattr(torch.nn.init, name, fill)


def fill_zeros(module: torch.nn.Module) -> torch.nn.Module:
    """Layers that start at zero would hide what stands behind them."""
    for parameter in module.parameters():
        if parameter.ndim > 1 and not parameter.detach().view(-1)[:9].any():
            fill(parameter)
    return module


def tokenizer(folder: Path, **special) -> CLIPTokenizer:
    write_vocabulary(folder)
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77, **special)


def clip_l() -> CLIPTextModel:
    """OpenAI's CLIP ViT-L/14, text side."""
    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
        )
    )


def openclip_h() -> CLIPTextModel:
    """OpenCLIP ViT-H/14, text side without its last layer."""
    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=23,
            num_attention_heads=16,
            hidden_act="gelu",
            projection_dim=1024,
        )
    )


def vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
    )


def scheduler(**changes) -> DDIMScheduler:
    settings = {"beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1, "clip_sample": False}
    return DDIMScheduler(**{**settings, "set_alpha_to_one": False, **changes})


def animatediff_pipeline(folder: Path) -> None:
    """A saved AnimateDiffPipeline: SD 1.5 with motion modules of version 2."""
    unet = UNetMotionModel(
        **SD15, num_attention_heads=HEADS, motion_num_attention_heads=HEADS, motion_max_seq_length=32
    )
    AnimateDiffPipeline(
        vae=vae(),
        text_encoder=clip_l(),
        tokenizer=tokenizer(folder / "vocabulary"),
        unet=fill_zeros(unet),
        motion_adapter=None,
        scheduler=scheduler(beta_schedule="linear"),
    ).save_pretrained(folder / "pipeline")


def animatediff_files(folder: Path) -> None:
    """A saved StableDiffusionPipeline and a motion module as its authors publish it."""
    adapter = fill_zeros(MotionAdapter(motion_max_seq_length=32))
    states = original_motion_states(adapter)
    save_lightning(states, folder / "mm.ckpt")
    del adapter, states
    unet = UNet2DConditionModel(**SD15, attention_head_dim=HEADS)
    StableDiffusionPipeline(
        vae=vae(),
        text_encoder=clip_l(),
        tokenizer=tokenizer(folder / "vocabulary"),
        unet=unet,
        scheduler=scheduler(beta_schedule="scaled_linear"),
        safety_checker=None,
        feature_extractor=None,
    ).save_pretrained(folder / "base")


def modelscope_pipeline(folder: Path) -> None:
    """A saved TextToVideoSDPipeline: ModelScope's text-to-video 1.7B."""
    TextToVideoSDPipeline(
        vae=vae(),
        text_encoder=openclip_h(),
        tokenizer=tokenizer(folder / "vocabulary", pad_token="!"),
        unet=fill_zeros(UNet3DConditionModel(sample_size=32)),
        scheduler=scheduler(beta_schedule="scaled_linear"),
    ).save_pretrained(folder / "pipeline")


MAKERS = {
    "animatediff": animatediff_files,
    "animatediff-pipeline": animatediff_pipeline,
    "modelscope": modelscope_pipeline,
}

if __name__ == "__main__":
    torch.manual_seed(0)
    MAKERS[sys.argv[1]](Path(sys.argv[2]))
