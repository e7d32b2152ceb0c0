"""The peer that has its own files and its own noise gets the same model and the same start."""

import json

import pytest
import torch
from experiments.stable_diffusion_cpp import last_alpha
from measuring.stable_diffusion_cpp import PARTS, SCHEDULER, first_noise, write_files
from safetensors.torch import load_file, save_file

BLOCK = "down_blocks.0.motion_modules.0"
THERE = f"{BLOCK}.temporal_transformer.transformer_blocks.0"
HERE = f"{BLOCK}.transformer_blocks.0"


def test_its_files_hold_every_weight(tmp_path):
    own = {
        "unet": ["conv_in.weight", f"{HERE}.attn2.to_q.weight", f"{HERE}.norm1.weight", f"{HERE}.norm3.bias",
                 f"{HERE}.pos_embed.pe", f"{BLOCK}.proj_in.weight"],
        "vae": ["decoder.conv_in.weight"],
        "text_encoder": ["embeddings.token_embedding.weight"],
    }  # fmt: skip
    states = {part: {name: torch.randn(2, 3) for name in names} for part, names in own.items()}
    for part, tensors in states.items():
        (tmp_path / "pipeline" / part).mkdir(parents=True)
        save_file(tensors, tmp_path / "pipeline" / part / PARTS[part])
    write_files(tmp_path / "pipeline", tmp_path / "files")
    written = {part: load_file(tmp_path / "files" / "model" / part / file) for part, file in PARTS.items()}
    written["motion"] = load_file(tmp_path / "files" / "motion_module.safetensors")
    expected = {
        ("unet", "conv_in.weight"): ("unet", "conv_in.weight"),
        ("vae", "decoder.conv_in.weight"): ("vae", "decoder.conv_in.weight"),
        ("text_encoder", "text_model.embeddings.token_embedding.weight"):
            ("text_encoder", "embeddings.token_embedding.weight"),
        ("motion", f"{BLOCK}.temporal_transformer.proj_in.weight"): ("unet", f"{BLOCK}.proj_in.weight"),
        ("motion", f"{THERE}.attention_blocks.1.to_q.weight"): ("unet", f"{HERE}.attn2.to_q.weight"),
        ("motion", f"{THERE}.norms.0.weight"): ("unet", f"{HERE}.norm1.weight"),
        ("motion", f"{THERE}.ff_norm.bias"): ("unet", f"{HERE}.norm3.bias"),
        ("motion", f"{THERE}.attention_blocks.0.pos_encoder.pe"): ("unet", f"{HERE}.pos_embed.pe"),
        ("motion", f"{THERE}.attention_blocks.1.pos_encoder.pe"): ("unet", f"{HERE}.pos_embed.pe"),
    }  # fmt: skip
    assert {(part, name) for part, tensors in written.items() for name in tensors} == expected.keys()
    for (part, name), (own_part, own_name) in expected.items():
        assert torch.equal(written[part][name], states[own_part][own_name].half())


def test_it_begins_where_ddim_begins(tmp_path):
    settings = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, **SCHEDULER}
    (tmp_path / "manifest.json").write_text(json.dumps({"scheduler": settings}))
    alpha = last_alpha(tmp_path)
    assert alpha == pytest.approx(0.00466009, rel=1e-4)  # DDIMScheduler(...).alphas_cumprod[-1]
    sigma = ((1 - alpha) / alpha) ** 0.5
    noise = first_noise(7, 3, 8, alpha)
    drawn = torch.randn((3, 4, 8, 8), generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(noise[0, :, 2], drawn[2] * sigma / (sigma**2 + 1) ** 0.5)
