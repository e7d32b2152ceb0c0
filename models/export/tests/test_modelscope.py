"""Saved TextToVideoSDPipelines, and AnimateDiff's two schedules."""

import pytest
import torch
from diffusers import DDIMScheduler
from tiny_modelscope import tiny_modelscope

from freeinit_export.bundle.manifest import recommended_settings
from freeinit_export.bundle.settings import PRESETS
from freeinit_export.errors import ExportError
from freeinit_export.networks.tokenizer import write_tokenizer
from freeinit_export.networks.trace import trace_component
from freeinit_export.networks.verify import compare, expectations
from freeinit_export.sources.diffusers_pipeline import Changes, load_model


@pytest.fixture(scope="module")
def modelscope():
    return tiny_modelscope()


@pytest.fixture(scope="module")
def saved_modelscope(modelscope, tmp_path_factory):
    folder = tmp_path_factory.mktemp("modelscope")
    modelscope.save_pretrained(folder)
    return folder


@torch.no_grad()
def test_the_unet_has_the_common_signature(saved_modelscope, modelscope):
    """One text per video and a timestep for each, though the original repeats both itself."""
    component = load_model(saved_modelscope, torch.float32).components["unet"]
    expected = expectations(component)
    traced = trace_component(component)
    assert compare(component.file, traced, expected) == 0.0
    generator = torch.Generator().manual_seed(5)
    latents = torch.randn((2, 4, 3, 11, 10), generator=generator)
    text = torch.randn((2, 16, 32), generator=generator)
    found = traced(latents, torch.full((2,), 250.0), text, torch.full((2,), 24.0))
    assert torch.equal(found, modelscope.unet(latents, 250, encoder_hidden_states=text).sample)


def test_what_the_manifest_says(saved_modelscope, tmp_path):
    model = load_model(saved_modelscope, torch.float32)
    assert model.family == "modelscope" and model.notes == []
    assert model.unet["max_frames"] is None and model.unet["uses_fps"] is False
    assert model.scheduler["beta_schedule"] == "scaled_linear"
    assert model.scheduler["set_alpha_to_one"] is False
    recommended = recommended_settings(model.recommended, [])
    assert recommended["guidance_scale"] == 9.0 and recommended["num_inference_steps"] == 50
    assert (recommended["num_frames"], recommended["height"]) == (16, 32)
    assert write_tokenizer(model.tokenizer, tmp_path)["pad_token_id"] == 0  # "!", not the end


def test_presets_are_animatediffs(saved_modelscope, saved):
    with pytest.raises(ExportError, match="is a schedule of AnimateDiff"):
        load_model(saved_modelscope, torch.float32, Changes(preset="freeinit-official"))
    model = load_model(saved, torch.float32, Changes(preset="diffusers-doc"))
    assert model.scheduler == PRESETS["diffusers-doc"]
    assert model.created_by["scheduler_preset"] == "diffusers-doc"


@pytest.mark.parametrize(
    "preset, first, last_level", [("freeinit-official", 961, 1.0), ("diffusers-doc", 999, None)]
)
def test_what_the_presets_are(preset, first, last_level):
    scheduler = DDIMScheduler(**PRESETS[preset])
    scheduler.set_timesteps(25)
    assert scheduler.timesteps[0] == first
    level = scheduler.alphas_cumprod[0] if last_level is None else last_level
    assert scheduler.final_alpha_cumprod == level
    assert scheduler.config.beta_schedule == "linear" and not scheduler.config.clip_sample
