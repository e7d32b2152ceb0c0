"""`freeinit-export backend`: a converted UNet in a bundle."""

import json
import shutil

import pytest
import torch

from freeinit_export.backends import conversion, float16_weights, openvino
from freeinit_export.bundle.manifest import file_record
from freeinit_export.cli import main
from freeinit_export.errors import ExportError
from freeinit_export.networks.unet_inputs import random_inputs


@pytest.fixture
def copied(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "bundle")


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_openvino_joins_the_bundle(copied, capsys):
    pytest.importorskip("openvino")
    before = manifest_of(copied)
    assert main(["backend", "openvino", str(copied)]) == 0
    assert "within 1e-05 of the original" in capsys.readouterr().out
    after = manifest_of(copied)
    entry = after.pop("unet_backends")["openvino"]
    assert entry["file"] == "openvino/unet.xml"
    assert entry["converted_from"] == before["files"]["unet.pt"]["sha256"]
    assert 0 < entry["verified_max_relative_error"] <= 1e-5
    for name in ("openvino/unet.xml", "openvino/unet.bin"):
        assert after["files"].pop(name) == file_record(copied / name)
    assert after == before  # nothing else changed: contracts of the networks still hold
    assert not list(copied.glob(".*"))


class Layer(torch.nn.Module):
    """A UNet's four inputs, and one weight that is most of the file."""

    def __init__(self):
        super().__init__()
        self.text = torch.nn.Linear(64, 64)

    def forward(self, latents, timestep, text, fps):
        return latents * self.text(text).mean() + timestep.sum() + fps.sum()


def test_openvino_stores_in_float16_what_that_holds_exactly(tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    example = random_inputs(4, 64, torch.float32, (1, 2, 4, 4, 7))
    network = torch.jit.trace(Layer().eval(), example)

    def converted(name):
        file = tmp_path / name / "unet.xml"
        openvino.convert(network, example, "{}", file, list)
        return file.with_suffix(".bin").stat().st_size, openvino.runner(file)(*example)

    with torch.no_grad():
        all_bits, _ = converted("all bits")
        for parameter in network.parameters():
            parameter.copy_(parameter.half())
        narrow, found = converted("narrow")
        monkeypatch.setattr(openvino, "LARGE", float("inf"))
        wide, expected = converted("wide")
    assert narrow < 0.65 * wide and all_bits > 0.95 * wide
    assert torch.equal(found, expected)


def test_float16_weights_join_the_bundle(copied):
    before = manifest_of(copied)
    assert main(["backend", "float16-weights", str(copied)]) == 0
    after = manifest_of(copied)
    file = copied / float16_weights.FILE
    assert after["files"][file.name] == file_record(file)
    entry = after["unet_backends"]["float16-weights"]
    assert 1e-5 < entry["verified_max_relative_error"] <= float16_weights.TOLERANCE
    extra = {"freeinit.json": ""}
    narrow = torch.jit.load(file, _extra_files=extra)
    assert json.loads(extra["freeinit.json"]) == before["unet"]
    assert narrow.widens_weights
    for parameter in narrow.parameters():
        assert parameter.dtype == (torch.float16 if parameter.dim() > 1 else torch.float32)


def test_float16_weights_that_were_float16_give_the_same_to_the_last_bit(copied, tmp_path):
    exact = torch.jit.load(copied / "unet.pt")
    for parameter in exact.parameters():
        parameter.data.copy_(parameter.half())
    unet = manifest_of(copied)["unet"]
    file = tmp_path / float16_weights.FILE
    with torch.no_grad():
        float16_weights.convert(exact, (), "{}", file, list)
        size = unet["verified_shapes"][0]
        example = random_inputs(unet["in_channels"], unet["context_dim"], torch.float32, size)
        narrow = torch.jit.load(file)
        assert torch.equal(narrow(*example), exact(*example))


def test_float16_weights_refuse_what_does_not_fit(tmp_path):
    layer = torch.nn.Conv1d(1, 1, 1)
    layer.weight.data.fill_(1e5)
    traced = torch.jit.trace(layer, torch.zeros(1, 1, 1))
    with pytest.raises(ExportError, match="'weight' does not fit float16"):
        float16_weights.convert(traced, (), "{}", tmp_path / "unet.pt", list)


def test_a_wrong_conversion_leaves_the_bundle_alone(copied, monkeypatch):
    before = sorted(copied.rglob("*"))

    class Wrong:
        FILE = "wrong.bin"
        TOLERANCE = 1e-5

        @staticmethod
        def convert(network, example, contract, file, calibration):
            file.write_bytes(b"x")

        @staticmethod
        def runner(file):
            return lambda latents, timestep, text, fps: latents

    monkeypatch.setattr(conversion, "backend_module", lambda name: Wrong)
    with pytest.raises(ExportError, match="differs from the original"):
        conversion.add_backend("openvino", copied, print)
    assert sorted(copied.rglob("*")) == before
    assert "unet_backends" not in manifest_of(copied)


def test_a_form_of_earlier_versions_gives_way(copied):
    former = copied / "unet_former.pt"
    former.write_bytes(b"x")
    manifest = manifest_of(copied)
    manifest["files"][former.name] = file_record(former)
    manifest["unet_backends"] = {"float16-weights": {"file": former.name}}
    (copied / "manifest.json").write_text(json.dumps(manifest))
    assert main(["backend", "float16-weights", str(copied)]) == 0
    after = manifest_of(copied)
    assert after["unet_backends"]["float16-weights"]["file"] == float16_weights.FILE
    assert former.name not in after["files"] and not former.exists()


@pytest.mark.parametrize("named", ["unet.pt", "../outside.pt"])
def test_no_file_but_its_own_gives_way(copied, named):
    (copied.parent / "outside.pt").write_bytes(b"x")
    manifest = manifest_of(copied)
    manifest["unet_backends"] = {"float16-weights": {"file": named}}
    (copied / "manifest.json").write_text(json.dumps(manifest))
    assert main(["backend", "float16-weights", str(copied)]) == 0
    assert (copied / named).exists()
    assert manifest_of(copied)["files"]["unet.pt"] == manifest["files"]["unet.pt"]


def test_half_precision_and_no_bundle_are_refused(copied, tmp_path):
    manifest = manifest_of(copied)
    manifest["unet"]["dtype"] = "float16"
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ExportError, match="is in float16; expected float32"):
        conversion.add_backend("openvino", copied, print)
    with pytest.raises(ExportError, match="expected the manifest of a bundle"):
        conversion.add_backend("openvino", tmp_path / "nothing", print)
