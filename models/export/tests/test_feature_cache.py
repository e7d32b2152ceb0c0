"""The UNet in two parts: bitwise the whole network around its own deep feature, at every size."""

import copy

import pytest
import torch
from tiny_modelscope import tiny_unet3d
from tiny_pipeline import randomise, tiny_unet

from freeinit_export.errors import ExportError
from freeinit_export.networks import feature_cache
from freeinit_export.networks.feature_cache import Split, can_split
from freeinit_export.networks.trace import trace_component
from freeinit_export.networks.unet import ExportedUNet, original_call, unet_component
from freeinit_export.networks.verify import compare, expectations


def inputs(batch, frames, height, width, timestep=812.0):
    generator = torch.Generator().manual_seed(batch + frames)
    latents = torch.randn((batch, 4, frames, height, width), generator=generator)
    text = torch.randn((batch, 7, 32), generator=generator)
    return latents, torch.full((batch,), timestep), text, torch.ones(batch)


@pytest.mark.parametrize("make", [tiny_unet, tiny_unet3d])
@torch.no_grad()
def test_both_parts_give_the_whole_network_bitwise(make):
    unet = randomise(make(), 1)
    original, exported = original_call(copy.deepcopy(unet)), ExportedUNet(unet)
    for size in ((1, 1, 8, 8), (2, 3, 9, 6), (2, 5, 16, 12)):
        given = inputs(*size)
        expected = original(*given)
        output, deep = exported.forward_deep(*given)
        assert torch.equal(output, expected)
        assert torch.equal(exported.forward_shallow(*given, deep), expected)


@torch.no_grad()
def test_the_shallow_part_reads_everything_it_is_given():
    exported = ExportedUNet(randomise(tiny_unet(3), 1))
    given = inputs(2, 3, 8, 8)
    output, deep = exported.forward_deep(*given)
    latents, timestep, text, fps = given
    for changed in (
        (latents + 1, timestep, text, fps, deep),
        (latents, timestep - 100, text, fps, deep),
        (latents, timestep, text, fps, deep + 1),
    ):
        assert not torch.equal(exported.forward_shallow(*changed), output)


@torch.no_grad()
def test_the_original_is_left_as_it_was():
    unet = randomise(tiny_unet(), 1)
    before = original_call(unet)(*inputs(1, 2, 8, 8))
    split = Split(unet)
    split.deep(lambda: original_call(unet)(*inputs(1, 2, 8, 8)))
    assert torch.equal(original_call(unet)(*inputs(1, 2, 8, 8)), before)
    assert unet.mid_block is not None and unet.num_upsamplers == 1


@torch.no_grad()
def test_a_wrong_split_fails_the_export(monkeypatch):
    """A feature taken one layer too early: the shapes fit, the numbers do not."""

    class WrongSplit(Split):
        def deep(self, run):
            output, deep = super().deep(run)
            return output, deep.roll(1, 0)

    monkeypatch.setattr(feature_cache, "Split", WrongSplit)
    component, section = unet_component(randomise(tiny_unet(), 1), torch.float32)
    assert section["feature_cache"]
    expected = expectations(component)
    with pytest.raises(ExportError, match="does not generalise"):
        compare(component.file, trace_component(component), expected)


def test_a_network_of_one_level_is_not_split():
    assert can_split(tiny_unet(2))
    assert not can_split(tiny_unet(1))
