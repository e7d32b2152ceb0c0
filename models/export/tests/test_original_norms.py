"""Group norms as in AnimateDiff's own code: which values meet, and that the trace follows."""

import copy

import pytest
import torch
from tiny_files import tiny_adapter, tiny_image_model

from freeinit_export.networks.original_norms import EachFrame, WholeClip, _Clip, use_original_norms
from freeinit_export.networks.trace import trace_component
from freeinit_export.networks.unet import unet_component
from freeinit_export.networks.verify import compare, expectations
from freeinit_export.sources.motion_module import motion_unet


@torch.no_grad()
def test_which_values_meet():
    generator = torch.Generator().manual_seed(0)
    norm = torch.nn.GroupNorm(2, 4)
    norm.weight.copy_(torch.randn(4, generator=generator))
    clips = torch.randn((2, 4, 3, 5, 6), generator=generator)
    clips = clips * torch.tensor([1.0, 4.0, 9.0])[:, None, None] + 2  # frames of unequal contrast
    found = EachFrame(norm)(clips)
    for frame in range(3):
        torch.testing.assert_close(found[:, :, frame], norm(clips[:, :, frame]))
    assert not torch.allclose(found, norm(clips), atol=0.1)

    frames = clips.transpose(1, 2).flatten(0, 1)
    found = WholeClip(norm, _Clip(frames=3))(frames)
    torch.testing.assert_close(found, norm(clips).transpose(1, 2).flatten(0, 1))


@pytest.mark.parametrize("positions, version1", [(24, True), (32, False)])
@torch.no_grad()
def test_the_trace_follows(tmp_path, positions, version1):
    unet = motion_unet(tiny_image_model().unet, tiny_adapter(positions, not version1), tmp_path)
    unet.eval().requires_grad_(False)
    plain = copy.deepcopy(unet)
    use_original_norms(unet, version1)
    latents = torch.randn((1, 4, 5, 8, 8), generator=torch.Generator().manual_seed(1))
    text = torch.ones(5, 3, 32)
    different = (unet(latents, 9, text).sample - plain(latents, 9, text).sample).abs().max()
    assert different > 1e-3
    component, section = unet_component(unet, torch.float32)
    assert section["max_frames"] == positions
    expected = expectations(component)
    assert compare(component.file, trace_component(component), expected) <= 1e-6
