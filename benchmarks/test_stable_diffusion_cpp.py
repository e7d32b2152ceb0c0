"""The peer that has its own files and its own noise gets the same model and the same start."""

import json

import torch
from diffusers import DDIMScheduler
from experiments.stable_diffusion_cpp import last_alpha
from measuring.stable_diffusion_cpp import PARTS, SCHEDULER, first_noise, write_files
from safetensors.torch import load_file
from tiny_pipeline import tiny_pipeline


def test_its_files_hold_every_weight(tmp_path):
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path / "pipeline")
    write_files(tmp_path / "pipeline", tmp_path / "files")
    motion = load_file(tmp_path / "files" / "motion_module.safetensors")
    image = load_file(tmp_path / "files" / "model" / "unet" / PARTS["unet"])
    own = pipeline.unet.state_dict()
    assert image.keys() == {name for name in own if "motion_modules" not in name}
    assert all(torch.equal(tensor, own[name].half()) for name, tensor in image.items())
    block = "down_blocks.0.motion_modules.0"
    transformer = f"{block}.temporal_transformer.transformer_blocks.0"
    before = f"{block}.transformer_blocks.0"
    for there, here in (("attention_blocks.1.to_q.weight", "attn2.to_q.weight"), ("ff_norm.bias", "norm3.bias"),
                        ("attention_blocks.1.pos_encoder.pe", "pos_embed.pe")):  # fmt: skip
        assert torch.equal(motion[f"{transformer}.{there}"], own[f"{before}.{here}"].half())
    words = load_file(tmp_path / "files" / "model" / "text_encoder" / PARTS["text_encoder"])
    assert "text_model.embeddings.token_embedding.weight" in words
    assert (tmp_path / "files" / "model" / "vae" / PARTS["vae"]).is_file()


def test_it_begins_where_ddim_begins(tmp_path):
    settings = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, **SCHEDULER}
    (tmp_path / "manifest.json").write_text(json.dumps({"scheduler": settings}))
    scheduler = DDIMScheduler(**settings)
    alpha = last_alpha(tmp_path)
    assert abs(alpha - float(scheduler.alphas_cumprod[-1])) < 1e-6
    sigma = ((1 - alpha) / alpha) ** 0.5
    noise = first_noise(7, 3, 8, alpha)
    drawn = torch.randn((3, 4, 8, 8), generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(noise[0, :, 2], drawn[2] * sigma / (sigma**2 + 1) ** 0.5)
