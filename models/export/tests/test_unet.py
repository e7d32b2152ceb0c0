"""The changes made to the UNet are bitwise; its limits are found by trying."""

import copy

import pytest
import torch
from tiny_pipeline import randomise, tiny_unet

from freeinit_export.errors import ExportError
from freeinit_export.networks.unet import (
    ExportedUNet,
    TimestepEmbedding,
    latent_divisor,
    longest_sequence,
    original_call,
    unet_component,
)


@pytest.mark.parametrize("levels", [2, 3])
@torch.no_grad()
def test_shared_text_is_bitwise_equal_to_repeated_text(levels):
    unet = randomise(tiny_unet(levels), 1)
    exported = ExportedUNet(copy.deepcopy(unet))
    generator = torch.Generator().manual_seed(0)
    for batch, frames, height, width, length in (
        (1, 1, 8, 8, 1),
        (4, 3, 9, 6, 11),
        (2, 5, 7, 10, 16),
    ):
        latents = torch.randn((batch, 4, frames, height, width), generator=generator)
        text = torch.randn((batch, length, 32), generator=generator)
        inputs = latents, torch.full((batch,), 812.0), text, torch.ones(batch)
        assert torch.equal(exported(*inputs), original_call(unet)(*inputs))


@pytest.mark.parametrize("cosine_first", [True, False])
def test_timestep_embedding_is_bitwise(cosine_first):
    from diffusers.models.embeddings import Timesteps

    original = Timesteps(32, cosine_first, 0)
    steps = torch.arange(1000)
    assert torch.equal(TimestepEmbedding(original)(steps.float()), original(steps))


def test_the_divisor_is_found_by_trying():
    def run(size):
        if size[2] % 4 or size[3] % 4:
            raise RuntimeError("Sizes of tensors must match")

    assert latent_divisor(run) == 4
    assert latent_divisor(lambda size: None) == 1
    with pytest.raises(ExportError, match="runs at no latent size tried"):
        latent_divisor(lambda size: (_ for _ in ()).throw(RuntimeError("always")))


def test_a_model_without_a_longest_sequence_has_none():
    config = tiny_unet(max_frames=24).config
    assert longest_sequence(lambda size: None, 1, config) is None


@torch.no_grad()
def test_the_longest_sequence_is_in_the_section_and_probed():
    component, section = unet_component(randomise(tiny_unet(max_frames=5), 1), torch.float32)
    assert section["max_frames"] == 5
    assert max(shape[1] for shape in section["verified_shapes"]) == 5
    assert len(component.probes) == len(section["verified_shapes"])
    for inputs, shape in zip(component.probes, section["verified_shapes"]):
        latents, _, text, _ = inputs
        assert [latents.shape[0], *latents.shape[2:], text.shape[1]] == shape


def test_image_conditioned_models_are_refused():
    with pytest.raises(ExportError, match="8 input and 4 output channels"):
        unet_component(tiny_unet(in_channels=8), torch.float32)
