"""Models distilled to a few steps: how they are told, and what their bundles say."""

import json

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    TCDScheduler,
)
from safetensors.torch import save_file
from test_source import refused
from tiny_files import original_motion_states, tiny_adapter, tiny_image_model
from tiny_pipeline import tiny_pipeline

from freeinit_export.bundle.few_steps import FewSteps, of_scheduler
from freeinit_export.bundle.scheduler import scheduler_settings
from freeinit_export.cli import main
from freeinit_export.errors import ExportError
from freeinit_export.sources.animatediff import Files, load_animatediff, recognised
from freeinit_export.sources.diffusers_pipeline import Changes, load_model
from freeinit_export.sources.motion_module import load_motion_module

# What Stable Diffusion 1.5's folder says, beside diffusers' defaults.
SD15 = dict(
    beta_start=0.00085,
    beta_end=0.012,
    beta_schedule="scaled_linear",
    set_alpha_to_one=False,
    skip_prk_steps=True,
    steps_offset=1,
)


LCM = LCMScheduler(original_inference_steps=40)
TRAILING = EulerDiscreteScheduler(timestep_spacing="trailing")


def animatelcm_states(positions: int = 64) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """As in AnimateLCM_sd15_t2v.ckpt: the original names, without the positions."""
    adapter = tiny_adapter(positions)
    states = original_motion_states(adapter)
    return adapter, {k: v for k, v in states.items() if "pos_encoder" not in k}


def lightning_files(folder, steps: int):
    """Both published layouts of one module."""
    adapter = tiny_adapter(32)
    diffusers = folder / f"animatediff_lightning_{steps}step_diffusers.safetensors"
    comfyui = folder / f"animatediff_lightning_{steps}step_comfyui.safetensors"
    save_file(adapter.state_dict(), diffusers)
    save_file(original_motion_states(adapter), comfyui)
    return adapter, (diffusers, comfyui)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    tiny_image_model().save_pretrained(folder)
    return folder


@pytest.fixture
def exported(base, tmp_path, only_networks):
    """The manifest; of the networks `roles` alone are written."""

    def export(module, *options, roles=()):
        only_networks(lambda: roles)
        arguments = ["--base", base, "--motion-module", module, tmp_path / "out", *options]
        assert main(["animatediff", *map(str, arguments)]) == 0
        return json.loads((tmp_path / "out/manifest.json").read_text())

    return export


def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("name", ["mm.ckpt", "AnimateLCM_sd15_t2v.ckpt"])
def test_animatelcm(exported, tmp_path, capsys, name):
    """Told by its contents, under any name. The positions are those that its code computes."""
    adapter, states = animatelcm_states()
    torch.save(states, tmp_path / name)
    assert equal(load_motion_module(tmp_path / name, torch.float32), adapter)
    assert recognised(tmp_path / name) == FewSteps("lcm", 6)
    if name == "mm.ckpt":
        return
    manifest = exported(tmp_path / name)
    said = capsys.readouterr().out
    assert "lcm: LCMScheduler, 6 steps, guidance 1.5" in said and "needs its LoRA" in said
    assert manifest["scheduler"]["_class_name"] == "LCMScheduler"
    assert manifest["scheduler"]["original_inference_steps"] == 100
    assert manifest["recommended"]["num_inference_steps"] == 6
    assert manifest["recommended"]["guidance_scale"] == 1.5
    assert manifest["unet"]["max_frames"] == 64 and manifest["recommended"]["num_frames"] == 16
    assert "max_guidance_scale" not in manifest["unet"]
    assert manifest["created_by"]["few_step"].startswith("lcm")


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_lightning_in_both_layouts(tmp_path, steps):
    adapter, files = lightning_files(tmp_path, steps)
    for file in files:
        assert equal(load_motion_module(file, torch.float32), adapter)
        assert recognised(file) == FewSteps("lightning", steps)


def test_lightning(exported, tmp_path, capsys):
    _, (file, _) = lightning_files(tmp_path, 4)
    manifest = exported(file, roles=("unet",))
    assert "lightning: EulerDiscreteScheduler, 4 steps, guidance 1" in capsys.readouterr().out
    scheduler = manifest["scheduler"]
    assert scheduler["_class_name"] == "EulerDiscreteScheduler"
    assert (scheduler["timestep_spacing"], scheduler["beta_schedule"]) == ("trailing", "linear")
    assert manifest["recommended"]["num_inference_steps"] == 4
    assert manifest["recommended"]["guidance_scale"] == 1.0
    assert manifest["unet"]["max_guidance_scale"] == 1.0
    contract = {"freeinit.json": ""}
    torch.jit.load(tmp_path / "out/unet.pt", _extra_files=contract)
    assert json.loads(contract["freeinit.json"]) == manifest["unet"]


def test_guidance_for_lightning_is_asked_for_at_export(exported, tmp_path):
    """Its authors find that some base models are better with it."""
    _, (_, file) = lightning_files(tmp_path, 2)
    options = ("--recommended", "guidance_scale=2", "--recommended", "num_inference_steps=3")
    manifest = exported(file, *options)
    assert "max_guidance_scale" not in manifest["unet"]
    assert manifest["recommended"]["guidance_scale"] == 2.0
    assert manifest["recommended"]["num_inference_steps"] == 3


def test_the_option_goes_before_what_the_file_says(base, tmp_path):
    _, (file, _) = lightning_files(tmp_path, 4)
    model = load_animatediff(Files(base, file), torch.float32, few_step="none")
    assert model.scheduler["_class_name"] == "DDIMScheduler"
    assert model.recommended["num_inference_steps"] == 25
    assert "max_guidance_scale" not in model.unet
    module = tmp_path / "mm_sd_v15_v2.safetensors"
    file.rename(module)
    assert recognised(module) is None
    files, preset = Files(base, module), "diffusers-doc"
    model = load_animatediff(files, torch.float32, preset=preset, few_step="lcm:4")
    assert model.scheduler["_class_name"] == "LCMScheduler"
    assert model.scheduler["original_inference_steps"] == 50
    assert model.recommended["num_inference_steps"] == 4


@pytest.mark.parametrize(
    "text, says",
    [
        ("turbo", "unknown; expected one of lcm, lightning, tcd, none"),
        ("lightning", "expected lightning:STEPS with STEPS of 1, 2, 4, 8"),
        ("lightning:3", "with STEPS of 1, 2, 4, 8"),
        ("lcm:0", "with STEPS of 1 to 50"),
        ("lcm:", "with STEPS of 1 to 50"),
        ("lcm:51", "with STEPS of 1 to 50"),
        ("none:4", "unknown"),
    ],
)
def test_options_that_are_refused(saved, tmp_path, capsys, text, says):
    message = refused(capsys, saved, tmp_path / "out", "--few-step", text)
    assert f"--few-step '{text}': " in message and says in message


def test_modules_that_start_from_an_image(tmp_path):
    """AnimateLCM-I2V, PIA; a whole network with its 4 channels is read."""
    _, states = animatelcm_states()
    for name, tensor, fits in (
        ("img_encoder.conv_in.weight", torch.ones(1), False),
        ("conv_in.weight", torch.ones(8, 9, 3, 3), False),
        ("conv_in.weight", torch.ones(8, 4, 3, 3), True),
    ):
        torch.save({**states, name: tensor}, tmp_path / "mm.ckpt")
        if fits:
            load_motion_module(tmp_path / "mm.ckpt", torch.float32)
            continue
        with pytest.raises(ExportError, match="starts from an image"):
            load_motion_module(tmp_path / "mm.ckpt", torch.float32)


def test_the_schedules_are_those_of_the_documentation():
    """As people set them on a pipeline of Stable Diffusion 1.5."""
    own = PNDMScheduler(**SD15).config
    for few, scheduler in (
        (FewSteps("lcm", 6), LCMScheduler.from_config(own, beta_schedule="linear")),
        (FewSteps("tcd", 4), TCDScheduler.from_config(own, beta_schedule="linear")),
        (
            FewSteps("lightning", 4),
            EulerDiscreteScheduler.from_config(
                own, beta_schedule="linear", timestep_spacing="trailing"
            ),
        ),
    ):
        theirs, notes = scheduler_settings(scheduler)
        ours = type(scheduler).from_config(few.scheduler("diffusers-doc"))
        assert not notes and theirs["_class_name"] == few.scheduler("diffusers-doc")["_class_name"]
        scheduler.set_timesteps(4)
        ours.set_timesteps(4)
        assert torch.equal(ours.timesteps, scheduler.timesteps)
        assert torch.equal(ours.alphas_cumprod, scheduler.alphas_cumprod)
        assert ours.config.prediction_type == scheduler.config.prediction_type
        assert of_scheduler(scheduler).kind == few.kind
    assert of_scheduler(EulerDiscreteScheduler()) is of_scheduler(DDIMScheduler()) is None


@pytest.mark.parametrize(
    "scheduler, option, class_name, steps, limit",
    [
        (LCM, None, "LCMScheduler", 6, None),
        (LCM, "lcm:4", "LCMScheduler", 4, None),
        (LCM, "none", "LCMScheduler", 25, None),
        (TRAILING, None, "EulerDiscreteScheduler", 4, None),
        (TRAILING, "lightning:2", "EulerDiscreteScheduler", 2, 1.0),
        (DDIMScheduler(), None, "DDIMScheduler", 25, None),
        (DDIMScheduler(), "lightning:8", "EulerDiscreteScheduler", 8, 1.0),
    ],
)
def test_saved_pipelines(tmp_path, scheduler, option, class_name, steps, limit):
    pipeline = tiny_pipeline()
    pipeline.scheduler = scheduler
    pipeline.save_pretrained(tmp_path)
    model = load_model(tmp_path, torch.float32, Changes(few_step=option))
    assert model.scheduler["_class_name"] == class_name
    assert model.scheduler.get("original_inference_steps", 40) == 40  # as saved
    assert model.recommended["num_inference_steps"] == steps
    assert model.unet.get("max_guidance_scale") == limit
    told = of_scheduler(scheduler) is not None and option is None
    assert any("--few-step changes that" in note for note in model.notes) == told
