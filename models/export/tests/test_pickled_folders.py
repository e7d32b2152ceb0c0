"""Folders whose weights are pickled: what trainers put beside them, and mixtures with other files."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from freeinit_export.sources.diffusers_pipeline import load_model


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "src")


class Trainer:
    """A class that the libraries refuse to load."""


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("form", ["foreign", "wrapped", "old", "shards", "renamed"])
def test_pickled_folders_are_read_as_checkpoints_are(copy, saved, monkeypatch, part, form):
    safe = next((copy / part).glob("*.safetensors"))
    states = {key: value.clone() for key, value in load_file(safe).items()}
    if form == "renamed":  # pickled under the other format's extension
        torch.save(states, safe)
    else:
        safe.unlink()
        name = "pytorch_model" if part == "text_encoder" else "diffusion_pytorch_model"
        names = list(states)
        half = len(names) // 2 if form == "shards" else 0
        for number, some in enumerate((names[half:], names[:half]), 1):
            if some:
                content = {key: states[key] for key in some}
                if form != "shards":
                    content = {"state_dict": content, "rate": 0.1}
                if form != "wrapped":
                    content["callback"] = Trainer()
                shard = f"-{number:05}-of-00002" if half else ""
                zipped = form != "old"
                path = copy / part / f"{name}{shard}.bin"
                torch.save(content, path, _use_new_zipfile_serialization=zipped)
    read = load_model(copy, torch.float32).components
    expected = load_model(saved, torch.float32).components
    for name, component in read.items():
        inputs = component.probes[0]
        with torch.no_grad():
            assert torch.equal(component.original(*inputs), expected[name].original(*inputs))


def test_pointers_beside_whole_weights(copy, saved):
    """As after an unfinished `git lfs pull`: the libraries take .safetensors first."""
    pointer = copy / "unet" / "diffusion_pytorch_model.bin"
    pointer.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert load_model(copy, torch.float32).family == "animatediff"
