"""The whole command on a tiny pipeline, and what it leaves behind."""

import copy
import hashlib
import json
import zipfile

import pytest
import torch
from conftest import OPTIONS, run_command

from freeinit_export.bundle import write as bundle_module
from freeinit_export.bundle.manifest import canonical
from freeinit_export.bundle.reload_check import check_file
from freeinit_export.bundle.staging import staged
from freeinit_export.cli import main
from freeinit_export.errors import ExportError
from freeinit_export.networks import unet as unet_module
from freeinit_export.networks.component import Component
from freeinit_export.networks.torchscript_file import read_torchscript, strip_debug_records
from freeinit_export.networks.verify import Expectation, expectations, save_expectations

NETWORKS = {
    "unet.pt": "unet",
    "text_encoder.pt": "text_encoder",
    "vae_decoder.pt": "vae",
    "vae_encoder.pt": "vae",
}


def load(path):
    extra = {"freeinit.json": ""}
    network = torch.jit.load(path, _extra_files=extra)
    return network, extra["freeinit.json"].decode()


def test_manifest_lists_every_file_with_its_hash(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    found = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert found == set(manifest["files"]) | {"manifest.json"}
    assert found == {*NETWORKS, "tokenizer/vocab.json", "tokenizer/merges.txt", "manifest.json"}
    for name, record in manifest["files"].items():
        content = (bundle / name).read_bytes()
        assert record == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_manifest_says_what_the_model_is(bundle, pipeline):
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["schema"] == 1 and manifest["family"] == "animatediff"
    assert manifest["name"] == "tiny" and manifest["license"] == "CC0-1.0"
    unet = manifest["unet"]
    assert unet["dtype"] == "float32" and unet["format"] == "torchscript"
    assert unet["in_channels"] == 4 and unet["context_dim"] == 32
    assert unet["latent_multiple_of"] == 1 and unet["max_frames"] == 24
    assert unet["max_text_length"] is None and unet["uses_fps"] is False
    assert [1, 24] in [shape[:2] for shape in unet["verified_shapes"]]
    assert unet["verified_max_relative_error"] <= 1e-5
    assert manifest["text_encoder"]["max_length"] == manifest["tokenizer"]["max_length"] == 16
    assert manifest["vae"]["spatial_scale"] == 4
    assert manifest["vae"]["scaling_factor"] == pipeline.vae.config.scaling_factor
    assert manifest["scheduler"]["_class_name"] == "DDIMScheduler"
    assert manifest["scheduler"]["beta_schedule"] == "linear"
    assert manifest["recommended"]["height"] == 32 and manifest["recommended"]["eta"] == 0.5
    assert manifest["created_by"]["diffusers"] and manifest["created_by"]["source_text_layout"]


@pytest.mark.parametrize("name, section", NETWORKS.items())
def test_every_network_repeats_its_contract(bundle, name, section):
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert load(bundle / name)[1] == canonical(manifest[section])


def test_the_unet_has_the_common_signature(bundle):
    network, _ = load(bundle / "unet.pt")
    names = [argument.name for argument in network.forward.schema.arguments]
    assert names == ["self", "latents", "timestep", "text", "fps"]


@torch.no_grad()
def test_networks_equal_the_pipeline_at_new_shapes(bundle, pipeline):
    generator = torch.Generator().manual_seed(5)
    latents = torch.randn((3, 4, 6, 11, 10), generator=generator)
    text = torch.randn((3, 16, 32), generator=generator)
    unet, _ = load(bundle / "unet.pt")
    found = unet(latents, torch.full((3,), 250.0), text, torch.full((3,), 24.0))
    expected = pipeline.unet(latents, 250, text.repeat_interleave(6, dim=0)).sample
    assert torch.equal(found, expected)

    ids = pipeline.tokenizer(
        ["a red circle", "x"], padding="max_length", return_tensors="pt"
    ).input_ids
    assert torch.equal(load(bundle / "text_encoder.pt")[0](ids), pipeline.text_encoder(ids)[0])
    z = latents[0].transpose(0, 1)
    assert torch.equal(load(bundle / "vae_decoder.pt")[0](z), pipeline.vae.decode(z).sample)
    images = torch.rand((2, 3, 28, 36), generator=generator) * 2 - 1
    moments = pipeline.vae.encode(images).latent_dist.parameters
    assert torch.equal(load(bundle / "vae_encoder.pt")[0](images), moments)


@pytest.mark.parametrize("large", [False, True], ids=["zip", "zip64"])
@torch.no_grad()
def test_tensors_stay_aligned_in_the_archive(bundle, tmp_path, monkeypatch, large):
    """`large` writes the records of archives above 2 GiB, which real models have."""
    path, copy = bundle / "vae_decoder.pt", tmp_path / "vae_decoder.pt"
    if large:
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    strip_debug_records(path, copy)
    reader = torch._C.PyTorchFileReader(str(copy))
    tensors = [name for name in reader.get_all_records() if name.startswith("data/")]
    assert tensors and all(reader.get_record_offset(name) % 64 == 0 for name in tensors)
    z = torch.ones(1, 4, 5, 6)
    assert torch.equal(load(copy)[0](z), load(path)[0](z))


def test_the_files_name_no_folder_of_the_exporting_machine(bundle, saved):
    for name in NETWORKS:
        content = (bundle / name).read_bytes()
        assert b".debug_pkl" not in content and b"site-packages" not in content


def test_the_same_source_gives_the_same_bytes(bundle, saved, tmp_path):
    run_command(saved, tmp_path / "again", *OPTIONS)
    first, second = (
        json.loads((path / "manifest.json").read_text()) for path in (bundle, tmp_path / "again")
    )
    assert first == second


def test_an_existing_target_is_kept(saved, tmp_path, capsys):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("irreplaceable")
    for options in ([], ["--overwrite"]):
        assert main(["diffusers", str(saved), str(out), *options]) == 1
        assert capsys.readouterr().err.startswith(f"error: '{out}': ")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]


def test_overwrite_replaces_a_bundle(tmp_path):
    out = tmp_path / "bundle"
    out.mkdir()
    (out / "manifest.json").write_text("old")
    (out / "stale.pt").write_text("")
    with staged(out, overwrite=True) as folder:
        (folder / "manifest.json").write_text("new")
        assert (
            out / "manifest.json"
        ).read_text() == "old"  # untouched until the new one is complete
    assert [path.name for path in out.iterdir()] == ["manifest.json"]
    assert (out / "manifest.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_failure_leaves_nothing(saved, tmp_path, monkeypatch, capsys):
    def fail(_):
        assert list((tmp_path / "deep").glob(".bundle.*/tokenizer/vocab.json"))  # it was at work
        raise ExportError("the disk is full")

    monkeypatch.setattr(bundle_module, "trace_component", fail)
    assert main(["diffusers", str(saved), str(tmp_path / "deep" / "bundle")]) == 1
    assert "error: the disk is full" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["deep"]


def test_a_unet_that_does_not_generalise_is_refused(saved, tmp_path, monkeypatch, capsys):
    """A wrapper that writes the number of frames into the graph, as a careless export would."""

    class Careless(unet_module.ExportedUNet):
        def forward(self, latents, timestep, text, fps):
            frames = int(latents.shape[2])
            return super().forward(latents[:, :, :frames], timestep, text, fps)

    monkeypatch.setattr(unet_module, "ExportedUNet", Careless)
    assert main(["diffusers", str(saved), str(tmp_path / "bundle")]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: unet.pt: ") and len(message.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_fresh_process_catches_a_damaged_file(bundle, pipeline, tmp_path):
    ids = torch.zeros((1, 4), dtype=torch.long)
    with torch.no_grad():
        output = pipeline.text_encoder(ids)[0]
    contract = load(bundle / "text_encoder.pt")[1]
    save_expectations(tmp_path / "good", [Expectation("forward", (ids,), (output,))])
    save_expectations(tmp_path / "bad", [Expectation("forward", (ids,), (output + 0.01,))])
    checked = ("text_encoder", bundle / "text_encoder.pt")
    worst, memory = check_file(*checked, tmp_path / "good", contract)
    assert worst == 0.0 and memory["weights"] > 0
    with pytest.raises(ExportError, match="differs from the original"):
        check_file(*checked, tmp_path / "bad", contract)
    with pytest.raises(ExportError, match="extra file"):
        check_file(*checked, tmp_path / "good", contract + " ")


def test_components_are_compared_at_other_shapes_than_the_traced_ones(pipeline):
    inputs = (torch.zeros(1, 2),)
    with pytest.raises(ValueError, match="shapes of a trace"):
        expectations(Component("x.pt", lambda x: x, lambda: None, (inputs, inputs), (inputs,)))


def test_weights_that_float16_holds_are_stored_in_it(pipeline, bundle, tmp_path):
    narrow = copy.deepcopy(pipeline)
    for name in ("unet", "text_encoder", "vae"):
        for parameter in getattr(narrow, name).parameters():
            parameter.data = parameter.half().float()
    narrow.save_pretrained(tmp_path / "saved")
    run_command(tmp_path / "saved", tmp_path / "out", *OPTIONS)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["unet"]["dtype"] == "float32"
    assert manifest["unet"]["verified_max_relative_error"] <= 1e-5
    for file in NETWORKS:
        path = tmp_path / "out" / file
        assert path.stat().st_size < 0.8 * (bundle / file).stat().st_size
        assert torch.float16 in {p.dtype for p in load(path)[0].parameters()}
        assert {p.dtype for p in read_torchscript(path)[0].parameters()} == {torch.float32}
        # The rounded ones of the other bundle take all their bits.
        assert {p.dtype for p in load(bundle / file)[0].parameters()} == {torch.float32}
