"""Small random AnimateDiffPipelines for tests, in seconds and without any download.

All parameters are drawn anew: diffusers and transformers start biases at zero and norms at one,
which would hide a branch that an export forgets. As a script it saves one: `python tiny_pipeline.py
FOLDER`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from diffusers import AnimateDiffPipeline, AutoencoderKL, DDIMScheduler, UNetMotionModel
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WIDTH = 32
MAX_LENGTH = 16
WORDS = """a the red green blue yellow circle square triangle star moving right left up down on gray
white background photo of an astronaut riding horse mars painting cat dog running walking in park
it's don't low quality blurry worst best masterpiece high detail video 4k 1234567890 flickering"""


def tiny_tokenizer(max_length: int = MAX_LENGTH, **special) -> CLIPTokenizer:
    """A real byte-level BPE as CLIP's: 256 bytes, the same at word ends, then merges learnt from
    WORDS. `special` changes the special tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=400, end_of_word_suffix="</w>", show_progress=False)
    learner.train_from_iterator([WORDS] * 4, trainer)
    state = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in state["merges"]]
    tokens = letters + [letter + "</w>" for letter in letters] + ["".join(pair) for pair in merges]
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=max_length, **special)


def tiny_text_encoder(
    vocabulary: int, max_length: int = MAX_LENGTH, **changes
) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=max_length,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
        **changes,
    )
    return CLIPTextModel(config)


def tiny_unet(levels: int = 2, max_frames: int = 24, **changes) -> UNetMotionModel:
    config = dict(
        sample_size=8,
        block_out_channels=(16, 32, 32)[:levels],
        down_block_types=("DownBlockMotion", *["CrossAttnDownBlockMotion"] * 2)[:levels],
        up_block_types=(*["CrossAttnUpBlockMotion"] * (levels - 1), "UpBlockMotion"),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=WIDTH,
        num_attention_heads=4,
        motion_num_attention_heads=4,
        motion_max_seq_length=max_frames,
    )
    return UNetMotionModel(**{**config, **changes})


def tiny_vae(levels: int = 3) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16)[:levels],
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
    )


def randomise(module: torch.nn.Module, seed: int, spread: float = 0.1) -> torch.nn.Module:
    """Moves every parameter off its start, zeros and ones included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * spread)
    return module.eval()


def tiny_pipeline(
    seed: int = 0, levels: int = 2, vae_levels: int = 3, max_frames: int = 24, **scheduler
) -> AnimateDiffPipeline:
    """An AnimateDiffPipeline; `scheduler` changes AnimateDiff's DDIM settings."""
    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer()
    settings = dict(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="linear",
        steps_offset=1,
        clip_sample=False,
    )
    pipeline = AnimateDiffPipeline(
        vae=randomise(tiny_vae(vae_levels), seed + 1, 0.05),
        text_encoder=randomise(tiny_text_encoder(len(tokenizer)), seed + 2),
        tokenizer=tokenizer,
        unet=randomise(tiny_unet(levels, max_frames), seed + 3, 0.05),
        motion_adapter=None,
        scheduler=DDIMScheduler(**{**settings, **scheduler}),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


if __name__ == "__main__":
    tiny_pipeline().save_pretrained(Path(sys.argv[1]))
