"""The section `preview`: a linear map from latents to colours, fitted to the bundle's own encoder."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from freeinit_export.cli import main
from freeinit_export.networks import latent_rgb

DEMO = Path(__file__).parents[2] / "shapes"
VAE = {"latent_channels": 4, "spatial_scale": 8, "scaling_factor": 0.25, "dtype": "float32"}


def manifest_of(bundle):
    return json.loads((bundle / "manifest.json").read_text())


def linear_encoder(images):
    """Two channels of colour, one that nothing shows, and one of light; then their variances."""
    red, green, blue = functional.avg_pool2d(images, 8).unbind(1)
    means = torch.stack([red - blue, 3 * green + 1, torch.zeros_like(red), red + green + blue], dim=1)
    return torch.cat([means, torch.full_like(means, 9.0)], dim=1)


def test_a_linear_encoder_is_turned_round():
    section, r2 = latent_rgb.latent_rgb_of(linear_encoder, VAE)
    assert r2 > 0.9999
    latents = linear_encoder(latent_rgb._pictures(64)[:5])[:, :4] * 0.25
    factors, bias = (torch.tensor(section[f"latent_rgb_{name}"]) for name in ("factors", "bias"))
    assert factors.shape == (4, 3)
    shown = torch.einsum("nchw,cr->nrhw", latents, factors) + bias[:, None, None]
    expected = functional.avg_pool2d(latent_rgb._pictures(64)[:5], 8)
    assert (shown - expected).abs().max() < 1e-3


def test_pictures_are_the_same_each_time_and_fill_the_range():
    pictures = latent_rgb._pictures(48)
    assert pictures.equal(latent_rgb._pictures(48))
    assert pictures.shape == (16, 3, 48, 48) and pictures.abs().max() == 1
    assert pictures.mean().abs() < 0.2 and pictures.std() > 0.4


def test_a_bundle_has_the_map(bundle):
    section = manifest_of(bundle)["preview"]
    assert {name: len(rows) for name, rows in section.items()} == {
        "latent_rgb_factors": 4,
        "latent_rgb_bias": 3,
    }
    network = torch.jit.load(bundle / "vae_encoder.pt")
    assert section == latent_rgb.latent_rgb_of(network, manifest_of(bundle)["vae"])[0]


def test_the_demo_model(tmp_path, capsys):
    """Its colours are mostly linear in its latents, and its manifest has what the command writes."""
    copy = shutil.copytree(DEMO, tmp_path / "demo")
    older = manifest_of(copy)
    there = older.pop("preview")
    (copy / "manifest.json").write_text(json.dumps(older))
    assert main(["preview", str(copy)]) == 0
    assert float(capsys.readouterr().out.split("R2 ")[1]) > 0.8
    found = manifest_of(copy)
    section = found.pop("preview")
    assert found == older
    for name, rows in there.items():
        assert torch.allclose(torch.tensor(section[name]), torch.tensor(rows), atol=2e-3)
    assert not list(copy.glob(".*"))


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda manifest: manifest["vae"].update(encoder_file=""), "has no vae encoder"),
        (lambda manifest: manifest["vae"].update(encoder_file="unet.pt"), "unet.pt"),
        (lambda manifest: manifest.pop("vae"), "manifest"),
    ],
)
def test_a_bundle_that_cannot_have_it_stays(bundle, tmp_path, capsys, change, says):
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    manifest = manifest_of(copy)
    change(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert main(["preview", str(copy)]) == 1
    assert says in capsys.readouterr().err
    assert manifest_of(copy) == manifest


def test_an_encoder_without_numbers_is_refused():
    with pytest.raises(latent_rgb.ExportError, match="NaN"):
        latent_rgb.latent_rgb_of(lambda images: linear_encoder(images) / 0.0 * 0.0, VAE)
