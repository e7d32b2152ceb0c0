"""Two small models: their YAML, and a checkpoint with random weights in the original's format."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import yaml

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 3}
_UNET = {
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 64,
    "attention_resolutions": [4, 2, 1],
    "num_res_blocks": 1,
    "channel_mult": [1, 2, 2, 2],
    "num_head_channels": 32,
    "transformer_depth": 1,
    "context_dim": TEXT["width"],
    "use_linear": True,
    "use_checkpoint": True,
    "temporal_attention": True,
    "temporal_selfatt_only": True,
    "use_causal_attention": False,
    "temporal_length": 16,
    "addition_attention": True,
}
_DDCONFIG = {
    "double_z": True,
    "z_channels": 4,
    "resolution": 64,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "attn_resolutions": [],
    "dropout": 0.0,
}
# As VideoCrafter2 is: rescaled, told the frame rate, temporal convolution. As VideoCrafter1 at 512
# pixels is: neither, and relative positions of frames.
MODELS = {
    "rescaled": (
        {"use_scale": True, "scale_b": 0.7},
        {"fps_cond": True, "temporal_conv": True, "use_relative_position": False},
    ),
    "plain": ({}, {"temporal_conv": False, "use_relative_position": True}),
}


def config(name: str) -> dict:
    params, unet = MODELS[name]
    return {
        "linear_start": 0.00085,
        "linear_end": 0.012,
        "timesteps": 1000,
        "conditioning_key": "crossattn",
        "image_size": [8, 16],
        "channels": 4,
        "scale_factor": 0.18215,
        "uncond_type": "empty_seq",
        **params,
        "unet_config": {
            "target": "lvdm.modules.networks.openaimodel3d.UNetModel",
            "params": {**_UNET, **unet},
        },
        "first_stage_config": {
            "target": "lvdm.models.autoencoder.AutoencoderKL",
            "params": {"embed_dim": 4, "ddconfig": _DDCONFIG},
        },
        "cond_stage_config": {
            "target": "lvdm.modules.encoders.condition.FrozenOpenCLIPEmbedder",
            "params": {"layer": "penultimate", "arch": "text.json"},
        },
    }


def write_config(name: str, folder: Path) -> tuple[Path, dict]:
    """The YAML file of the model, and the description of its text encoder beside it."""
    params = config(name)
    (folder / "text.json").write_text(json.dumps({"embed_dim": 32, "text_cfg": TEXT}))
    path = folder / f"{name}.yaml"
    model = {"target": "lvdm.models.ddpm3d.LatentDiffusion", "params": params}
    path.write_text(yaml.safe_dump({"model": model}))
    return path, params


def random_weights(networks: dict[str, torch.nn.Module]) -> dict[str, torch.Tensor]:
    """Weights under a checkpoint's keys, drawn anew where they start at zero: no branch is hidden.
    `networks`: prefix of the keys to network."""
    generator = torch.Generator().manual_seed(7)
    weights = {}
    for prefix, network in networks.items():
        for name, value in network.state_dict().items():
            drawn = torch.randn(value.shape, generator=generator) * 0.05
            weights[prefix + name] = value.clone() if value.any() else drawn
    return weights
