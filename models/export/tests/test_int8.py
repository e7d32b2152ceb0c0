"""`freeinit-export backend int8`: a UNet that NNCF has quantised by the model's own steps."""

import json
import shutil
import sys
from collections import Counter

import pytest
import torch

from freeinit_export.backends import int8
from freeinit_export.backends.calibration import PROMPTS, STEPS, denoising_inputs
from freeinit_export.bundle.manifest import file_record
from freeinit_export.cli import main
from freeinit_export.networks.torchscript_file import read_torchscript

PROMPT = "a red circle moving right, painting of a dog"  # no more tokens than the model takes


@pytest.fixture
def small(bundle, tmp_path):
    """A bundle whose videos are made soon."""
    folder = shutil.copytree(bundle, tmp_path / "bundle")
    manifest = json.loads((folder / "manifest.json").read_text())
    size = 4 * manifest["vae"]["spatial_scale"]
    manifest["recommended"] |= {"num_frames": 3, "height": size, "width": 2 * size}
    manifest["recommended"] |= {"num_inference_steps": 4, "negative_prompt": "blurry", "fps": 6.0}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def prompts(tmp_path):
    file = tmp_path / "prompts.txt"
    file.write_text(f"{PROMPT}\n\na cat\n")
    return file


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def own_inputs(folder, prompts=(PROMPT,)):
    with torch.no_grad():
        return denoising_inputs(
            read_torchscript(folder / "unet.pt")[0], folder, manifest_of(folder), prompts
        )


def test_inputs_are_those_that_diffusers_has(small, pipeline):
    found = own_inputs(small)
    expected = []

    def keep(module, arguments, named):
        sample, timestep = arguments
        text = named["encoder_hidden_states"][:: sample.shape[2]]  # there one for each frame
        expected.append((sample, timestep.float().expand(2), text))

    hook = pipeline.unet.register_forward_pre_hook(keep, with_kwargs=True)
    scale = manifest_of(small)["vae"]["spatial_scale"]
    try:
        pipeline(
            PROMPT, negative_prompt="blurry", num_frames=3, height=4 * scale, width=8 * scale,
            num_inference_steps=4, guidance_scale=7.5, latents=found[0][0][:1], output_type="latent",
        )  # fmt: skip
    finally:
        hook.remove()
    assert len(found) == len(expected) == 4
    for (latents, timestep, text, fps), (*others,) in zip(found, expected, strict=True):
        for value, other in zip((latents, timestep, text), others, strict=True):
            torch.testing.assert_close(value, other, rtol=1e-4, atol=1e-4)
        assert fps.tolist() == [6.0, 6.0]


def test_models_without_guidance_are_called_without(small):
    manifest = manifest_of(small)
    manifest["recommended"] |= {"guidance_scale": 1.0, "num_inference_steps": 2 * STEPS}
    manifest["scheduler"] |= {"_class_name": "LCMScheduler", "timestep_spacing": "uniform"}
    (small / "manifest.json").write_text(json.dumps(manifest))
    found = own_inputs(small, PROMPTS)
    assert len(found) == 2 * STEPS
    assert {tuple(latents.shape) for latents, *_ in found} == {(1, 4, 3, 4, 8)}


def test_it_joins_the_bundle(small, prompts):
    openvino = pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    before = manifest_of(small)
    assert main(["backend", "int8", str(small), "--prompts", str(prompts)]) == 0
    after = manifest_of(small)
    entry = after.pop("unet_backends")["int8"]
    assert entry["file"] == int8.FILE == "openvino_int8/unet.xml"
    assert entry["converted_from"] == before["files"]["unet.pt"]["sha256"]
    assert 1e-5 < entry["verified_max_relative_error"] <= int8.TOLERANCE
    for name in ("openvino_int8/unet.xml", "openvino_int8/unet.bin"):
        assert after["files"].pop(name) == file_record(small / name)
    assert after == before  # nothing else changed: contracts of the networks still hold
    size = (small / "openvino_int8/unet.bin").stat().st_size
    assert size < 0.5 * (small / "unet.pt").stat().st_size

    model = openvino.Core().read_model(small / int8.FILE)
    kinds = Counter(node.get_type_name() for node in model.get_ordered_ops())
    quantised = quantised_products(model)
    assert quantised["Convolution"] == kinds["Convolution"] - 2  # the first and the last
    names = [name for name, _ in read_torchscript(small / "unet.pt")[0].named_parameters()]
    of_timestep = [name for name in names if "time_emb" in name and name.endswith("weight")]
    assert quantised["MatMul"] == kinds["MatMul"] - len(of_timestep)
    assert largest_weight(model) == 64  # of 127: two products then fit 16 bits, without VNNI too
    contract = model.get_rt_info(["freeinit", "contract"]).astype(str)
    assert json.loads(contract) == before["unet"]


def quantised_products(model):
    """How many of each kind have an int8 weight and a quantised input."""
    found = Counter()
    for node in model.get_ordered_ops():
        if node.get_type_name() in ("Convolution", "MatMul"):
            weight = sources(node.input_value(1).get_node(), ("Multiply", "Subtract", "Convert", "Reshape"))
            data = sources(node.input_value(0).get_node(), ("Reshape", "Transpose"))
            if weight.get_element_type().get_type_name() == "i8" and data.get_type_name() == "FakeQuantize":
                found[node.get_type_name()] += 1
    return found


def largest_weight(model):
    weights = (node for node in model.get_ops() if node.get_type_name() == "Constant")
    return max(
        abs(weight.get_data().astype(int)).max()
        for weight in weights
        if weight.get_element_type().get_type_name() == "i8"
    )


def sources(node, passed):
    """The first node above `node` that is of no kind in `passed`."""
    while node.get_type_name() in passed:
        node = node.input_value(0).get_node()
    return node


def test_nncf_is_given_the_inputs_of_all_prompts(small, prompts, monkeypatch):
    pytest.importorskip("openvino")
    nncf = pytest.importorskip("nncf")
    given = []

    def keep(model, dataset, subset_size, **others):
        given.extend(dataset.get_inference_data())
        assert subset_size == len(given)
        return model

    monkeypatch.setattr(nncf, "quantize", keep)
    assert main(["backend", "int8", str(small), "--prompts", str(prompts)]) == 0
    expected = own_inputs(small, (PROMPT, "a cat"))
    assert len(given) == len(expected) == 2 * 4
    for values, inputs in zip(given, expected, strict=True):
        for value, other in zip(values.values(), inputs, strict=True):
            assert torch.equal(torch.from_numpy(value), other)


@pytest.mark.parametrize("package", ["openvino", "nncf"])
def test_a_missing_package_is_named(small, monkeypatch, capsys, package):
    pytest.importorskip("openvino")
    if package == "openvino":
        pytest.importorskip("nncf")
    before = sorted(small.rglob("*"))
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["backend", "int8", str(small), "--quiet"]) == 1
    expected = f"error: the package {package} is missing; pip install {package}\n"
    assert capsys.readouterr().err == expected
    assert sorted(small.rglob("*")) == before


def test_files_of_prompts_are_checked(small, tmp_path, prompts, capsys):
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n\n")
    for arguments, said in (
        (["int8", str(small), "--prompts", str(empty)], "is empty; expected a prompt in each line"),
        (["int8", str(small), "--prompts", str(tmp_path / "none")], "No such file"),
        (["openvino", str(small), "--prompts", str(prompts)], "openvino takes none; expected int8"),
    ):
        assert main(["backend", *arguments]) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: --prompts '") and said in error and error.count("\n") == 1
    assert "unet_backends" not in manifest_of(small)
