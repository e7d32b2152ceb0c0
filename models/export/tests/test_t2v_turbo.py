"""T2V-Turbo's UNet in a file of its own, on the tree that stands in for the original's checkout."""

from dataclasses import replace

import pytest
import torch
from diffusers import LatentConsistencyModelPipeline
from test_videocrafter import TREE
from videocrafter_models import TEXT, random_weights, write_config

from freeinit_export.errors import ExportError
from freeinit_export.networks.trace import trace_component
from freeinit_export.networks.verify import TOLERANCE, compare, expectations
from freeinit_export.sources.t2v_turbo import turbo_of
from freeinit_export.sources.videocrafter import _PREFIXES, _build, load_model
from freeinit_export.sources.videocrafter_config import read_config

WIDTHS = {"time_cond_proj_dim": 8, "motion_cond_proj_dim": 8}


@pytest.fixture(params=[1, 2], ids=["version 1", "version 2"])
def files(request, tmp_path):
    """Config, VideoCrafter's checkpoint, the UNet of a version of T2V-Turbo, and its file."""
    path, _ = write_config("rescaled", tmp_path)
    config = read_config(path)
    networks = _build(TREE, config, TEXT, 1, 1, fresh=True)
    states = random_weights({_PREFIXES[role]: network for role, network in networks.items()})
    torch.save({"state_dict": states}, tmp_path / "model.ckpt")
    widths = dict(list(WIDTHS.items())[: request.param])
    config = replace(config, unet={**config.unet, **widths})
    unet = _build(TREE, config, TEXT, 1, 2, fresh=True)["unet"].eval()
    unet.load_state_dict(random_weights({"": unet}))
    torch.save(unet.state_dict(), tmp_path / "unet.pt")
    return path, tmp_path / "model.ckpt", unet, tmp_path / "unet.pt"


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_network_is_told_its_guidance(files, dtype):
    config, checkpoint, unet, file = files
    model = load_model(TREE, config, checkpoint, dtype, unet_file=file, embedded_guidance=5.5)
    component = model.components["unet"]
    expected = expectations(component)
    assert compare(component.file, trace_component(component), expected) <= TOLERANCE[dtype]
    if dtype != torch.float32:
        return

    def embedding(scale):
        formula = LatentConsistencyModelPipeline.get_guidance_scale_embedding
        return formula(None, torch.tensor([scale]), embedding_dim=8)

    motion = {"motion_cond": embedding(0.0)} if hasattr(unet, "motion_cond_proj") else {}
    latents, timestep, text, fps = component.probes[0]
    inputs = (latents, timestep.long(), text)
    told = unet(*inputs, fps=fps.long(), timestep_cond=embedding(5.5), **motion)
    other = unet(*inputs, fps=fps.long(), timestep_cond=embedding(7.5), **motion)
    found = component.original(*component.probes[0])
    torch.testing.assert_close(found, told, rtol=1e-4, atol=1e-4)
    assert (found - other).abs().max() > 1e-2


def test_settings(files):
    config, checkpoint, unet, file = files
    model = load_model(TREE, config, checkpoint, torch.float32, unet_file=file)
    assert model.scheduler["_class_name"] == "LCMScheduler"
    assert model.scheduler["beta_schedule"] == "scaled_linear"
    assert model.scheduler["original_inference_steps"] == 200
    assert "dynamic_rescale" not in model.scheduler
    steps = 16 if hasattr(unet, "motion_cond_proj") else 4
    assert model.recommended["num_inference_steps"] == steps
    assert model.recommended["guidance_scale"] == model.unet["max_guidance_scale"] == 1.0
    assert model.created_by["embedded_guidance"] == "7.5"


def test_files_that_are_refused(files, tmp_path):
    config, checkpoint, unet, file = files
    with pytest.raises(ExportError, match="expected the other networks as --checkpoint"):
        load_model(TREE, config, None, torch.float32, unet_file=file)
    states = {k: v for k, v in unet.state_dict().items() if k != "time_embed.0.bias"}
    torch.save(states, tmp_path / "cut.pt")
    with pytest.raises(ExportError, match="unet: lacks 'time_embed.0.bias'"):
        load_model(TREE, config, checkpoint, torch.float32, unet_file=tmp_path / "cut.pt")
    with pytest.raises(ExportError, match="told its motion but no guidance"):
        turbo_of({"motion_cond_proj.weight": torch.ones(4, 8)}, 7.5)
    assert turbo_of({"time_embed.0.weight": torch.ones(4, 8)}, 7.5) is None


def test_videocrafters_own_unet_in_a_file_stays_what_it_is(files, tmp_path):
    config, checkpoint, _, _ = files
    states = torch.load(checkpoint)["state_dict"]
    prefix = _PREFIXES["unet"]
    own = {k.removeprefix(prefix): v for k, v in states.items() if k.startswith(prefix)}
    torch.save(own, tmp_path / "own.pt")
    model = load_model(TREE, config, checkpoint, torch.float32, unet_file=tmp_path / "own.pt")
    assert model.scheduler["_class_name"] == "DDIMScheduler" and "dynamic_rescale" in model.scheduler
    assert "max_guidance_scale" not in model.unet
