"""The names of weights in files as their authors publish them."""

from __future__ import annotations

import re

import torch


def in_original_names(motion_modules: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights of motion modules, named as in mm_sd_v15_v2.ckpt."""
    states = {}
    for name, tensor in motion_modules.items():
        name = re.sub(r"(motion_modules\.\d+)", r"\1.temporal_transformer", name)
        for new, old in (
            (".norm1", ".norms.0"),
            (".norm2", ".norms.1"),
            (".norm3", ".ff_norm"),
            (".attn1", ".attention_blocks.0"),
            (".attn2", ".attention_blocks.1"),
        ):
            name = name.replace(new, old)
        if name.endswith("pos_embed.pe"):
            for attention in range(2):
                block = f"attention_blocks.{attention}.pos_encoder"
                states[name.replace("pos_embed", block)] = tensor.clone()
        else:
            states[name] = tensor.clone()
    return states
