"""Whatever sampler a pipeline carries, the bundle holds DDIM settings."""

import json

from diffusers import DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler

from freeinit_export.scheduler import KEYS, ddim_settings


def test_ddim_settings_are_kept():
    changes = dict(
        beta_schedule="scaled_linear", prediction_type="v_prediction", timestep_spacing="linspace"
    )
    settings, notes = ddim_settings(DDIMScheduler(**changes, rescale_betas_zero_snr=True))
    assert notes == [] and set(settings) == set(KEYS) - {"trained_betas"}
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
    assert "PNDMScheduler" in notes[0]


def test_clipping_is_not_switched_on_by_conversion():
    settings, notes = ddim_settings(EulerDiscreteScheduler(prediction_type="v_prediction"))
    assert settings["clip_sample"] is False and settings["prediction_type"] == "v_prediction"
    assert any("clip_sample" in note for note in notes)
