"""Folders that are not what the command expects end in one clear line."""

import json
import shutil

import pytest

from freeinit_export.cli import main


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "src")


def refused(capsys, *arguments) -> str:
    assert main(["diffusers", *map(str, arguments)]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ") and len(message.splitlines()) == 1, message
    return message


def test_no_folder(tmp_path, capsys):
    assert "no such folder" in refused(capsys, tmp_path / "none", tmp_path / "out")


def test_no_index(tmp_path, capsys):
    assert "has no model_index.json" in refused(capsys, tmp_path, tmp_path / "out")


@pytest.mark.parametrize("text", ["{", "[]", "{}", "\xff"])
def test_a_broken_index(copy, capsys, text):
    (copy / "model_index.json").write_bytes(text.encode("latin-1"))
    assert "not a pipeline index" in refused(capsys, copy, copy.parent / "out")


def test_another_pipeline(copy, capsys):
    (copy / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    message = refused(capsys, copy, copy.parent / "out")
    assert "'StableDiffusionPipeline' is not supported; expected AnimateDiffPipeline" in message


@pytest.mark.parametrize("component", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_missing_component(copy, capsys, component):
    shutil.rmtree(copy / component)
    assert f"component '{component}' has no " in refused(capsys, copy, copy.parent / "out")
    assert not (copy.parent / "out").exists()


def test_truncated_weights(copy, capsys):
    path = copy / "unet" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert "cannot be loaded" in refused(capsys, copy, copy.parent / "out")


def test_clip_skip_beyond_the_layers(copy, capsys):
    assert "clip skip 2: the text encoder has 2 layers" in refused(
        capsys, copy, copy.parent / "out", "--clip-skip", "2"
    )


def test_a_bad_recommended_setting_is_refused_before_anything_is_read(copy, capsys):
    message = refused(capsys, copy, copy.parent / "out", "--recommended", "height=tall")
    assert "expected a value of type int" in message


def test_a_tokenizer_that_does_not_fit_the_text_encoder(copy, capsys):
    path = copy / "tokenizer" / "tokenizer.json"
    state = json.loads(path.read_text())
    state["model"]["vocab"]["toolarge</w>"] = 5000
    path.write_text(json.dumps(state))
    assert "the tokenizer makes ids up to 5000" in refused(capsys, copy, copy.parent / "out")
