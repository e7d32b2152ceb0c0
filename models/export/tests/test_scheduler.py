"""Whatever known sampler a pipeline carries, the bundle holds DDIM settings; others are refused."""

import json

import diffusers
import pytest
import torch
from diffusers import (
    CogVideoXDDIMScheduler,
    DDIMScheduler,
    EDMEulerScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)

from freeinit_export.bundle.scheduler import CARRIED_OVER, KEYS, ddim_settings
from freeinit_export.errors import ExportError


def test_ddim_settings_are_kept():
    changes = dict(
        beta_schedule="scaled_linear", prediction_type="v_prediction", timestep_spacing="linspace"
    )
    settings, notes = ddim_settings(DDIMScheduler(**changes, rescale_betas_zero_snr=True))
    assert notes == [] and set(settings) == {"_class_name", *KEYS} - {"trained_betas"}
    assert {key: settings[key] for key in changes} == changes
    assert settings["rescale_betas_zero_snr"] is True


def test_trained_betas_are_kept():
    settings, _ = ddim_settings(
        DDIMScheduler(trained_betas=[0.001, 0.002, 0.003], num_train_timesteps=3)
    )
    assert settings["trained_betas"] == [0.001, 0.002, 0.003]
    json.dumps(settings)


def test_other_samplers_are_converted_and_named(tmp_path):
    PNDMScheduler(beta_end=0.012, steps_offset=1, skip_prk_steps=True).save_pretrained(tmp_path)
    settings, notes = ddim_settings(PNDMScheduler.from_pretrained(tmp_path))
    assert settings["beta_end"] == 0.012 and settings["steps_offset"] == 1
    assert settings["set_alpha_to_one"] is False  # PNDM's default differs from DDIM's
    assert "PNDMScheduler" in notes[0] and "samples with DDIM" in notes[0]


@pytest.mark.parametrize("name", CARRIED_OVER)
def test_what_is_carried_over_keeps_its_betas(name):
    """At settings that are no class's defaults."""
    betas = dict(beta_start=0.0003, beta_end=0.017, num_train_timesteps=500)
    try:
        scheduler = getattr(diffusers, name)(
            **betas, beta_schedule="scaled_linear", prediction_type="v_prediction"
        )
    except ImportError:
        pytest.skip(f"{name} needs a package that is not there")
    settings, notes = ddim_settings(scheduler)
    assert settings["_class_name"] == "DDIMScheduler" and "samples with DDIM" in notes[0]
    assert settings["prediction_type"] == "v_prediction"
    made = DDIMScheduler.from_config(settings)
    torch.testing.assert_close(made.betas, scheduler.betas, rtol=0, atol=0)


@pytest.mark.parametrize(
    "scheduler",
    [
        FlowMatchEulerDiscreteScheduler(),
        EDMEulerScheduler(),
        CogVideoXDDIMScheduler(),  # has betas, and shifts the noise levels that they make
    ],
)
def test_schedulers_without_ddims_betas_are_refused_by_name(scheduler):
    name = type(scheduler).__name__
    with pytest.raises(ExportError, match=f"scheduler '{name}': .* expected DDIMScheduler, "):
        ddim_settings(scheduler)


def test_flow_prediction_is_refused():
    flow = dict(prediction_type="flow_prediction", use_flow_sigmas=True)
    with pytest.raises(ExportError, match="'UniPCMultistepScheduler': samples a flow"):
        ddim_settings(UniPCMultistepScheduler(**flow))
    del flow["use_flow_sigmas"]
    with pytest.raises(ExportError, match="prediction type 'flow_prediction': unknown"):
        ddim_settings(UniPCMultistepScheduler(**flow))


def test_clipping_is_not_switched_on_by_conversion():
    settings, notes = ddim_settings(EulerDiscreteScheduler(prediction_type="v_prediction"))
    assert settings["clip_sample"] is False and settings["prediction_type"] == "v_prediction"
    assert any("clip_sample" in note for note in notes)
