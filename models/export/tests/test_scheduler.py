"""A bundle holds the settings of the pipeline's own sampler, or DDIM's; others are refused."""

import json

import diffusers
import pytest
import torch
from diffusers import (
    CogVideoXDDIMScheduler,
    DDIMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    EDMEulerScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)

from freeinit_export.bundle.scheduler import CARRIED_OVER, KEYS, OWN_KEYS, scheduler_settings
from freeinit_export.errors import ExportError


def test_scheduler_settings_are_kept():
    changes = dict(
        beta_schedule="scaled_linear", prediction_type="v_prediction", timestep_spacing="linspace"
    )
    settings, notes = scheduler_settings(DDIMScheduler(**changes, rescale_betas_zero_snr=True))
    assert notes == [] and set(settings) == {"_class_name", *KEYS} - {"trained_betas"}
    assert {key: settings[key] for key in changes} == changes
    assert settings["rescale_betas_zero_snr"] is True


def test_trained_betas_are_kept():
    settings, _ = scheduler_settings(
        DDIMScheduler(trained_betas=[0.001, 0.002, 0.003], num_train_timesteps=3)
    )
    assert settings["trained_betas"] == [0.001, 0.002, 0.003]
    json.dumps(settings)


def test_the_pipelines_own_sampler_is_written(tmp_path):
    PNDMScheduler(beta_end=0.012, steps_offset=1, skip_prk_steps=True).save_pretrained(tmp_path)
    settings, notes = scheduler_settings(PNDMScheduler.from_pretrained(tmp_path))
    assert notes == [] and settings["_class_name"] == "PNDMScheduler"
    assert settings["beta_end"] == 0.012 and settings["steps_offset"] == 1
    assert settings["set_alpha_to_one"] is False  # PNDM's default differs from DDIM's
    assert settings["skip_prk_steps"] is True


@pytest.mark.parametrize("name", OWN_KEYS)
def test_every_key_of_a_sampler_is_written(name):
    kind = getattr(diffusers, name)
    scheduler = kind(skip_prk_steps=True) if name == "PNDMScheduler" else kind()
    settings, notes = scheduler_settings(scheduler)
    assert notes == [] and settings["_class_name"] == name
    known = {key for key in (*KEYS, *OWN_KEYS[name]) if scheduler.config.get(key) is not None}
    assert set(settings) == {"_class_name", *known}
    assert set(OWN_KEYS[name]) <= set(settings)
    json.dumps(settings)


@pytest.mark.parametrize(
    ("scheduler", "what"),
    [
        (PNDMScheduler(), "skip_prk_steps 'False'"),
        (DPMSolverMultistepScheduler(use_lu_lambdas=True), "use_lu_lambdas 'True'"),
        (
            DPMSolverMultistepScheduler(algorithm_type="dpmsolver", final_sigmas_type="sigma_min"),
            "algorithm_type 'dpmsolver'",
        ),
        (EulerDiscreteScheduler(sigma_max=3.0), "sigma_max '3.0'"),
        (UniPCMultistepScheduler(disable_corrector=[0]), "disable_corrector"),
    ],
)
def test_what_a_sampler_here_cannot_do_is_refused(scheduler, what):
    with pytest.raises(ExportError, match=f"scheduler '{type(scheduler).__name__}': {what}"):
        scheduler_settings(scheduler)


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
    settings, notes = scheduler_settings(scheduler)
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
        scheduler_settings(scheduler)


def test_flow_prediction_is_refused():
    flow = dict(prediction_type="flow_prediction", use_flow_sigmas=True)
    with pytest.raises(ExportError, match="'UniPCMultistepScheduler': samples a flow"):
        scheduler_settings(UniPCMultistepScheduler(**flow))
    del flow["use_flow_sigmas"]
    with pytest.raises(ExportError, match="prediction type 'flow_prediction': unknown"):
        scheduler_settings(UniPCMultistepScheduler(**flow))


def test_clipping_is_not_switched_on_by_conversion():
    settings, notes = scheduler_settings(DEISMultistepScheduler(prediction_type="v_prediction"))
    assert settings["clip_sample"] is False and settings["prediction_type"] == "v_prediction"
    assert any("clip_sample" in note for note in notes)
