"""Checkpoints as trainers write them, and downloads that went wrong."""

import collections
import sys
import types

import numpy
import pytest
import torch
from safetensors.torch import save, save_file

from freeinit_export.errors import ExportError
from freeinit_export.sources.checkpoint_file import read_tensors


@pytest.fixture
def foreign(monkeypatch):
    """Classes that are gone again when the file is read: a callback and a dictionary."""
    module = types.ModuleType("a_trainer.callbacks")
    monkeypatch.setitem(sys.modules, "a_trainer", types.ModuleType("a_trainer"))
    monkeypatch.setitem(sys.modules, "a_trainer.callbacks", module)
    for name, base in (("ModelCheckpoint", object), ("AttributeDict", dict)):
        setattr(module, name, type(name, (base,), {"__module__": module.__name__}))
    return module


@pytest.mark.parametrize("zipped", [True, False])
def test_what_trainers_put_beside_the_weights(foreign, monkeypatch, tmp_path, zipped):
    """As Stable Diffusion 1.4 and 1.5 were published; the form before torch 1.6, too."""
    states = {
        "state_dict": {"x": torch.arange(3.0), "y": torch.nn.Parameter(torch.ones(2).bfloat16())},
        "callbacks": {foreign.ModelCheckpoint: {"best": numpy.float64(0.5)}},
        "hyper_parameters": foreign.AttributeDict(rate=1e-4),
        "counts": collections.defaultdict(list, {"a": [1]}),
        "array": numpy.ones(3),
        "callback": foreign.ModelCheckpoint(),
    }
    path = tmp_path / "lightning.ckpt"
    torch.save(states, path, _use_new_zipfile_serialization=zipped)
    monkeypatch.undo()  # the trainer is not installed here
    found = read_tensors(path)
    assert list(found) == ["x", "y"] and found["y"].dtype == torch.bfloat16
    assert torch.equal(found["x"], torch.arange(3.0))


class _Attack:
    """A pickle that calls `function(*arguments)`, then sets state on what comes back."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return (*self.call, {"x": 1})


def test_no_code_runs(tmp_path):
    mark = tmp_path / "mark"
    for number, attack in enumerate(
        (
            _Attack(eval, f"open({str(mark)!r}, 'w')"),
            _Attack(exec, f"open({str(mark)!r}, 'w')"),
            _Attack(open, str(mark), "w"),
            _Attack(torch.save, {}, str(mark)),
            _Attack(getattr, "text", "upper"),
        )
    ):
        path = tmp_path / f"{number}.ckpt"
        torch.save({"x": torch.ones(1), "attack": attack}, path)
        assert list(read_tensors(path)) == ["x"]
        assert not mark.exists()


def test_a_wrong_extension_is_read_by_content(tmp_path):
    save_file({"x": torch.ones(2)}, tmp_path / "a.ckpt")
    torch.save({"x": torch.ones(2)}, tmp_path / "a.safetensors")
    for name in ("a.ckpt", "a.safetensors"):
        assert torch.equal(read_tensors(tmp_path / name)["x"], torch.ones(2))


@pytest.mark.parametrize("suffix", ["safetensors", "ckpt", "bin"])
@pytest.mark.parametrize(
    "content, message",
    [
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "is a web page"),
        (b"\n  <HTML><head>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "pointer of Git"),
        (b"", "is empty"),
        (b'{"error": "Unauthorized"}', "is a JSON text"),
        (b"GGUF\3\0\0\0", "is a GGUF file"),
        (b"\x1f\x8b\x08", "is a gzip archive"),
        (bytes(4000), "begins with zeros"),
        (b"any other bytes", "is damaged, or of another kind"),
        (save({"x": torch.ones(500)})[:900], "download that was not finished"),
        (save({"x": torch.ones(500)})[:30], "download that was not finished"),
    ],
)
def test_failed_downloads(tmp_path, suffix, content, message):
    path = tmp_path / f"model.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=message) as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_half_of_a_pickled_file(tmp_path, zipped):
    path = tmp_path / "model.ckpt"
    torch.save({"x": torch.ones(500)}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(ExportError, match="download that was not finished"):
        read_tensors(path)
