"""Folders that are not what the command expects end in one clear line."""

import json
import shutil

import pytest
import torch
from diffusers import AnimateDiffPipeline, MotionAdapter, UNet2DConditionModel
from tiny_pipeline import tiny_pipeline, tiny_unet

from freeinit_export.cli import main
from freeinit_export.networks.trace import trace_component
from freeinit_export.networks.verify import compare, expectations
from freeinit_export.sources.diffusers_pipeline import load_model


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "src")


def refused(capsys, *arguments) -> str:
    assert main(["diffusers", *map(str, arguments)]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ") and len(message.splitlines()) == 1, message
    return message


def test_no_folder(tmp_path, capsys):
    assert "no such folder" in refused(capsys, tmp_path / "none", tmp_path / "out")


def test_no_index(tmp_path, capsys):
    assert "has no model_index.json" in refused(capsys, tmp_path, tmp_path / "out")


@pytest.mark.parametrize("text", ["{", "[]", "{}", "\xff"])
def test_a_broken_index(copy, capsys, text):
    (copy / "model_index.json").write_bytes(text.encode("latin-1"))
    assert " a pipeline index" in refused(capsys, copy, copy.parent / "out")


def test_another_pipeline(copy, capsys):
    (copy / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    message = refused(capsys, copy, copy.parent / "out")
    assert "'StableDiffusionPipeline' is not supported; expected AnimateDiffPipeline" in message


@pytest.mark.parametrize("component", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_missing_component(copy, capsys, component):
    shutil.rmtree(copy / component)
    assert f"component '{component}' has no " in refused(capsys, copy, copy.parent / "out")
    assert not (copy.parent / "out").exists()


def test_truncated_weights(copy, capsys):
    path = copy / "unet" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert "cannot be loaded" in refused(capsys, copy, copy.parent / "out")


def test_clip_skip_beyond_the_layers(copy, capsys):
    assert "clip skip 2: the text encoder has 2 layers" in refused(
        capsys, copy, copy.parent / "out", "--clip-skip", "2"
    )


def test_a_bad_recommended_setting_is_refused_before_anything_is_read(copy, capsys):
    message = refused(capsys, copy, copy.parent / "out", "--recommended", "height=tall")
    assert "expected a value of type int" in message


def test_a_tokenizer_that_does_not_fit_the_text_encoder(copy, capsys):
    path = copy / "tokenizer" / "tokenizer.json"
    state = json.loads(path.read_text())
    state["model"]["vocab"]["toolarge</w>"] = 5000
    path.write_text(json.dumps(state))
    assert "the tokenizer makes ids up to 5000" in refused(capsys, copy, copy.parent / "out")


@torch.no_grad()
def test_a_folder_with_a_motion_adapter(tmp_path):
    """The usual layout: the motion adapter is saved beside the UNet that already contains it."""
    base = tiny_pipeline()
    config = tiny_unet().config
    image_unet = UNet2DConditionModel(
        block_out_channels=config.block_out_channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=32,
        attention_head_dim=4,
    )
    adapter = MotionAdapter(
        block_out_channels=config.block_out_channels,
        motion_layers_per_block=1,
        motion_num_attention_heads=4,
        motion_norm_num_groups=4,
        motion_max_seq_length=12,
    )
    parts = {
        name: getattr(base, name) for name in ("vae", "text_encoder", "tokenizer", "scheduler")
    }
    AnimateDiffPipeline(unet=image_unet, motion_adapter=adapter, **parts).save_pretrained(tmp_path)
    model = load_model(tmp_path, torch.float32)
    assert model.unet["max_frames"] == 12
    assert model.scheduler["beta_schedule"] == "linear" and model.notes == []


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_half_precision_networks_equal_the_original(saved, dtype):
    component = load_model(saved, dtype).components["vae_decoder"]
    expected = expectations(component)
    assert expected[0].outputs[0].dtype == dtype
    assert compare(component.file, trace_component(component), expected) == 0.0
