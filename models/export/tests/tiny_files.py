"""A tiny image model, motion module and LoRAs in the key layouts that their authors publish."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from diffusers import DDIMScheduler, MotionAdapter, StableDiffusionPipeline, UNet2DConditionModel
from original_names import in_original_names
from tiny_pipeline import WIDTH, randomise, tiny_text_encoder, tiny_tokenizer, tiny_vae

LAYERS = 1  # per block
BLOCKS = (32, 64)


def tiny_image_model(seed: int = 0) -> StableDiffusionPipeline:
    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer()
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=BLOCKS,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=LAYERS,
        norm_num_groups=8,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
    )
    return StableDiffusionPipeline(
        vae=randomise(tiny_vae(), seed + 1, 0.05),
        text_encoder=randomise(tiny_text_encoder(len(tokenizer)), seed + 2),
        tokenizer=tokenizer,
        unet=randomise(unet, seed + 3, 0.05),
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def tiny_adapter(positions: int = 32, mid: bool = True, widths=BLOCKS) -> MotionAdapter:
    adapter = MotionAdapter(
        block_out_channels=widths,
        motion_layers_per_block=LAYERS,
        motion_max_seq_length=positions,
        use_motion_mid_block=mid,
    )
    return randomise(adapter, 7, 0.05)


def original_motion_states(adapter: MotionAdapter) -> dict[str, torch.Tensor]:
    """As in mm_sd_v15_v2.ckpt."""
    return in_original_names(adapter.state_dict())


def original_image_states(pipeline: StableDiffusionPipeline) -> dict[str, torch.Tensor]:
    """As in v1-5-pruned.safetensors."""
    states = {
        f"model.diffusion_model.{_ldm_unet_name(name)}": tensor
        for name, tensor in pipeline.unet.state_dict().items()
    }
    for name, tensor in pipeline.vae.state_dict().items():
        name = _ldm_vae_name(name, len(pipeline.vae.config.block_out_channels))
        if re.search(r"attn_1\.(q|k|v|proj_out)\.weight", name):
            tensor = tensor[:, :, None, None]
        states[f"first_stage_model.{name}"] = tensor
    for name, tensor in pipeline.text_encoder.state_dict().items():
        name = name.removeprefix("text_model.")
        states[f"cond_stage_model.transformer.text_model.{name}"] = tensor
    return {name: tensor.clone().contiguous() for name, tensor in states.items()}


_UNET_ENDS = {
    "conv_in.": "input_blocks.0.0.",
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
    "mid_block.resnets.0.": "middle_block.0.",
    "mid_block.attentions.0.": "middle_block.1.",
    "mid_block.resnets.1.": "middle_block.2.",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def _ldm_unet_name(name: str) -> str:
    if "resnets" in name:
        for new, old in _RESNET.items():
            name = name.replace(f".{new}.", f".{old}.")
    for new, old in _UNET_ENDS.items():
        if name.startswith(new):
            return name.replace(new, old, 1)
    side, block, kind, layer, rest = re.fullmatch(
        r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", name
    ).groups()
    first = int(block) * (LAYERS + 1) + int(layer)
    if side == "down":
        if kind == "downsamplers":
            return f"input_blocks.{(int(block) + 1) * (LAYERS + 1)}.0.op{rest.removeprefix('conv')}"
        return f"input_blocks.{first + 1}.{0 if kind == 'resnets' else 1}.{rest}"
    if kind == "upsamplers":
        # Behind the attention where a block has one; the first up block of the tiny model has none.
        place = 1 if block == "0" else 2
        return f"output_blocks.{int(block) * (LAYERS + 1) + LAYERS}.{place}.{rest}"
    return f"output_blocks.{first}.{0 if kind == 'resnets' else 1}.{rest}"


def _ldm_vae_name(name: str, levels: int) -> str:
    name = re.sub(
        r"up_blocks\.(\d+)", lambda found: f"up.{levels - 1 - int(found.group(1))}", name
    )
    for new, old in (
        ("down_blocks.", "down."),
        ("mid_block.resnets.0", "mid.block_1"),
        ("mid_block.resnets.1", "mid.block_2"),
        ("mid_block.attentions.0", "mid.attn_1"),
        (".resnets.", ".block."),
        ("downsamplers.0", "downsample"),
        ("upsamplers.0", "upsample"),
        ("conv_norm_out", "norm_out"),
        ("conv_shortcut", "nin_shortcut"),
        ("group_norm", "norm"),
        ("to_q", "q"),
        ("to_k", "k"),
        ("to_v", "v"),
        ("to_out.0", "proj_out"),
    ):
        name = name.replace(new, old)
    return name


def random_lora(network: torch.nn.Module, pattern: str, seed: int, rank: int = 2) -> dict:
    """Down and up weights for the modules of `network` whose name matches."""
    generator = torch.Generator().manual_seed(seed)
    layers = {}
    for name, module in network.named_modules():
        if re.search(pattern, name) and hasattr(module, "weight"):
            out, inner, *kernel = module.weight.shape
            layers[name] = (
                torch.randn((rank, inner, *kernel), generator=generator) * 0.3,
                torch.randn((out, rank, *[1] * len(kernel)), generator=generator) * 0.3,
            )
    assert layers
    return layers


def kohya_keys(unet: dict, text: dict, alpha: float | None) -> dict[str, torch.Tensor]:
    states = {}
    for prefix, layers in (("lora_unet_", unet), ("lora_te_text_model_", text)):
        for name, (down, up) in layers.items():
            stem = prefix + name.removeprefix("text_model.").replace(".", "_")
            states[f"{stem}.lora_down.weight"], states[f"{stem}.lora_up.weight"] = down, up
            if alpha is not None:
                states[f"{stem}.alpha"] = torch.tensor(alpha)
    return states


def peft_keys(unet: dict, text: dict) -> dict[str, torch.Tensor]:
    states = {}
    for prefix, layers in (("unet.", unet), ("text_encoder.text_model.", text)):
        for name, (down, up) in layers.items():
            stem = prefix + name.removeprefix("text_model.")
            states[f"{stem}.lora_A.weight"], states[f"{stem}.lora_B.weight"] = down, up
    return states


def processor_keys(layers: dict, prefix: str = "") -> dict[str, torch.Tensor]:
    """As in v3_sd15_adapter.ckpt and, with `original_motion_names`, in motion LoRAs."""
    states = {}
    for name, (down, up) in layers.items():
        block, _, projection = name.removesuffix(".0").rpartition(".")
        stem = f"{prefix}{block}.processor.{projection}_lora"
        states[f"{stem}.down.weight"], states[f"{stem}.up.weight"] = down, up
    return states


def original_motion_names(states: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed = {}
    for name, tensor in states.items():
        name = re.sub(r"(motion_modules\.\d+)", r"\1.temporal_transformer", name)
        name = name.replace(".attn1", ".attention_blocks.0")
        renamed[name.replace(".attn2", ".attention_blocks.1")] = tensor
    return renamed


def save_lightning(states: dict[str, torch.Tensor], path: Path) -> Path:
    """A checkpoint with a trainer's wrappers."""
    states = {f"module.{name}": tensor for name, tensor in states.items()}
    torch.save({"state_dict": states, "epoch": 3, "global_step": 100}, path)
    return path
