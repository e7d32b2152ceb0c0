"""The section `memory`: what networks take, known for every shape from two small ones."""

import json
import shutil

import pytest
import torch

from freeinit_export.cli import main
from freeinit_export.networks import memory
from freeinit_export.networks.unet_inputs import random_inputs

ROLES = {"unet", "text_encoder", "vae_decoder", "vae_encoder"}


def section_of(bundle):
    return json.loads((bundle / "manifest.json").read_text())


def load(path):
    return torch.jit.load(path)


def test_a_bundle_tells_of_every_network(bundle):
    found = section_of(bundle)["memory"]
    assert set(found) == ROLES
    for role, entry in found.items():
        weights = sum(p.nbytes for p in load(bundle / f"{role}.pt").parameters())
        assert entry["weights"] == weights > 0, role
        assert (entry["per_latent"] > 0) == (role != "text_encoder")


@pytest.mark.parametrize("shape", [(2, 5, 24, 20, 77), (1, 8, 16, 32, 77), (2, 12, 32, 32, 7)])
def test_larger_shapes_take_what_the_two_numbers_say(bundle, shape):
    manifest = section_of(bundle)
    entry, unet = manifest["memory"]["unet"], manifest["unet"]
    inputs = random_inputs(unet["in_channels"], unet["context_dim"], torch.float32, shape)
    network = load(bundle / "unet.pt")
    memory._allocations(network, inputs)
    measured = memory._peak(memory._allocations(network, inputs))
    latents = shape[0] * shape[1] * shape[2] * shape[3]
    said = entry["call"] + entry["per_latent"] * latents
    assert abs(said / measured - 1) < 0.15


def test_the_decoder_too(bundle):
    entry = section_of(bundle)["memory"]["vae_decoder"]
    network = load(bundle / "vae_decoder.pt")
    inputs = (torch.zeros(1, 4, 48, 40),)
    memory._allocations(network, inputs)
    measured = memory._peak(memory._allocations(network, inputs))
    assert abs((entry["call"] + entry["per_latent"] * 48 * 40) / measured - 1) < 0.15


def test_the_subcommand_measures_older_bundles(bundle, tmp_path, capsys):
    older = shutil.copytree(bundle, tmp_path / "bundle")
    manifest = section_of(older)
    measured = manifest.pop("memory")
    (older / "manifest.json").write_text(json.dumps(manifest))
    assert main(["memory", str(older)]) == 0
    assert "unet.pt" in capsys.readouterr().out
    again = section_of(older)
    found = again.pop("memory")
    assert again == manifest
    for role in ROLES:
        assert found[role]["weights"] == measured[role]["weights"]
        assert abs(found[role]["per_latent"] - measured[role]["per_latent"]) <= 0.1 * (
            measured[role]["per_latent"]
        )
    assert not list(older.glob(".*"))


def test_a_folder_that_is_no_bundle(tmp_path, capsys):
    assert main(["memory", str(tmp_path)]) == 1
    assert "manifest" in capsys.readouterr().err
