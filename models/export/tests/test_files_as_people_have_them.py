"""Folders and files as they lie on people's disks: half converted, half precision, mixed up."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_source import refused
from tiny_files import (
    original_image_states,
    original_motion_names,
    original_motion_states,
    processor_keys,
    random_lora,
    tiny_adapter,
    tiny_image_model,
)
from tiny_pipeline import tiny_pipeline, tiny_text_encoder, tiny_tokenizer

from freeinit_export.bundle.manifest import recommended_settings
from freeinit_export.errors import ExportError
from freeinit_export.sources.autoencoder import load_vae
from freeinit_export.sources.diffusers_pipeline import Changes, load_model
from freeinit_export.sources.embedding import EmbeddingFile, add_embedding
from freeinit_export.sources.folder_network import load_tokenizer
from freeinit_export.sources.lora import LoraFile, merge_lora
from freeinit_export.sources.motion_module import load_motion_module
from freeinit_export.sources.stable_diffusion import load_image_model


@pytest.fixture(scope="module")
def image():
    return tiny_image_model()


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "src")


def weights(folder):
    return next(folder.glob("*.safetensors"))


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("change", ["lacks", "has the unknown", "has another shape"])
def test_weights_that_do_not_fit_their_configuration(copy, capsys, part, change):
    """The libraries fill them with random numbers."""
    states = load_file(weights(copy / part))
    name = next(name for name in states if name.endswith(".bias"))
    if change == "lacks":
        del states[name]
    elif change == "has the unknown":
        states[name := "foreign.bias"] = torch.ones(3)
    else:
        states[name] = torch.ones(3)
    save_file(states, weights(copy / part), metadata={"format": "pt"})
    message = refused(capsys, copy, copy.parent / "out")
    assert name in message and f"/{part}'" in message
    assert change in message or "expected shape" in message  # diffusers' own words


def test_a_motion_adapter_that_lacks_a_weight(tmp_path):
    tiny_adapter().save_pretrained(tmp_path)
    states = load_file(weights(tmp_path))
    name = next(name for name in states if name.endswith("proj_out.weight"))
    del states[name]
    save_file(states, weights(tmp_path), metadata={"format": "pt"})
    with pytest.raises(ExportError, match=f"lacks '{name}'"):
        load_motion_module(tmp_path, torch.float32)


@pytest.mark.parametrize("value", [float("nan"), 1e5])
def test_weights_that_are_no_numbers(copy, capsys, value):
    """From training that diverged; or too large for half precision."""
    states = load_file(weights(copy / "unet"))
    name = next(name for name in states if name.endswith(".bias"))
    states[name] = torch.full_like(states[name], value)
    save_file(states, weights(copy / "unet"), metadata={"format": "pt"})
    message = refused(capsys, copy, copy.parent / "out", "--dtype", "float16")
    assert f"unet: '{name}' holds NaN or infinity as float16" in message


@pytest.mark.parametrize("name", ["AnimateDiffVideoToVideoPipeline", "AnimateDiffPAGPipeline"])
def test_pipelines_of_the_same_networks(copy, name):
    index = json.loads((copy / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps({**index, "_class_name": name}))
    assert load_model(copy, torch.float32).family == "animatediff"


def test_what_is_no_saved_pipeline(tmp_path, capsys, image):
    save_file({"x": torch.ones(1)}, tmp_path / "model.safetensors")
    (tmp_path / "modelscope").mkdir()
    (tmp_path / "modelscope" / "configuration.json").write_text("{}")
    image.vae.save_pretrained(tmp_path / "vae")
    for name, says in (
        ("model.safetensors", "is a file, which 'freeinit-export animatediff --base' may take"),
        ("author/model", "no such folder (a repository is downloaded first)"),
        ("modelscope", "has ModelScope's own files"),
        ("vae", "holds one network and no model_index.json"),
    ):
        assert says in refused(capsys, tmp_path / name, tmp_path / "out")


def test_variants(tmp_path, capsys):
    """The only one is taken; a plain one goes before it; --variant names one."""
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path / "src", variant="fp16")
    first = load_model(tmp_path / "src", torch.float32).components["unet"]
    tiny_pipeline(seed=9).save_pretrained(tmp_path / "src")
    inputs = first.probes[0]
    plain = load_model(tmp_path / "src", torch.float32).components["unet"].original(*inputs)
    named = load_model(tmp_path / "src", torch.float32, Changes(variant="fp16"))
    with torch.no_grad():
        expected = first.original(*inputs)
        assert torch.equal(named.components["unet"].original(*inputs), expected)
        assert not torch.equal(plain, expected)
    message = refused(capsys, tmp_path / "src", tmp_path / "out", "--variant", "bf16")
    assert "has no such weights; expected fp16" in message
    adapter = tiny_adapter()
    adapter.save_pretrained(tmp_path / "adapter", variant="fp16")
    found = load_motion_module(tmp_path / "adapter", torch.float32).state_dict()
    assert all(torch.equal(found[name], value) for name, value in adapter.state_dict().items())


def test_a_foreign_module_of_a_known_class(copy):
    """As fine-tuning scripts save their own copy of diffusers' class."""
    index = json.loads((copy / "model_index.json").read_text())
    index["unet"][0] = "models.unet_motion"
    (copy / "model_index.json").write_text(json.dumps(index))
    assert load_model(copy, torch.float32).family == "animatediff"


@pytest.mark.parametrize("form", ["folder", "original", "prefixed", "diffusers", "old"])
def test_vaes_by_themselves(image, tmp_path, form):
    states = image.vae.state_dict()
    prefix = "first_stage_model."
    original = {
        name.removeprefix(prefix): value
        for name, value in original_image_states(image).items()
        if name.startswith(prefix)
    }
    path = tmp_path / "vae.ckpt"
    if form == "folder":
        image.vae.save_pretrained(path := tmp_path / "vae")
    elif form == "original":  # as vae-ft-mse-840000-ema-pruned.ckpt, with what training leaves
        torch.save({"state_dict": {**original, "loss.logvar": torch.ones(1)}}, path)
    elif form == "prefixed":
        torch.save({prefix + name: value for name, value in original.items()}, path)
    else:
        old = {
            ".to_q.": ".query.",
            ".to_k.": ".key.",
            ".to_v.": ".value.",
            ".to_out.0.": ".proj_attn.",
        }
        for new, name in old.items() if form == "old" else ():
            states = {key.replace(new, name): value for key, value in states.items()}
        save_file(states, path := tmp_path / "vae.safetensors")
    found = load_vae(path, dict(image.vae.config), torch.float32).state_dict()
    assert all(torch.equal(found[name], value) for name, value in image.vae.state_dict().items())


def test_a_base_without_a_vae(image, tmp_path):
    image.save_pretrained(tmp_path / "base")
    shutil.move(tmp_path / "base" / "vae", tmp_path / "vae")
    with pytest.raises(ExportError, match="component 'vae' has no config.json"):
        load_image_model(tmp_path / "base", None, None, torch.float32)
    found = load_image_model(tmp_path / "base", None, None, torch.float32, tmp_path / "vae")
    assert torch.equal(found.vae.decoder.conv_in.weight, image.vae.decoder.conv_in.weight)


def test_a_trained_unet_in_diffusers_names(image, tmp_path):
    """As AnimateDiff's image_finetune writes it."""
    image.save_pretrained(tmp_path / "base")
    trained = tiny_image_model(seed=5).unet.state_dict()
    states = {f"module.{name}": value for name, value in trained.items()}
    torch.save({"epoch": 1, "state_dict": states}, tmp_path / "trained.ckpt")
    found = load_image_model(tmp_path / "base", tmp_path / "trained.ckpt", None, torch.float32)
    assert all(torch.equal(found.unet.state_dict()[name], trained[name]) for name in trained)
    with pytest.raises(ExportError, match="is an image model; expected it with --checkpoint"):
        load_motion_module(tmp_path / "trained.ckpt", torch.float32)


def test_files_given_to_the_wrong_option(image, tmp_path):
    image.save_pretrained(tmp_path / "base")
    layers = random_lora(tiny_adapter(), r"attn\d\.to_q$", 3)
    zoom = original_motion_names(processor_keys(layers))
    torch.save(zoom, tmp_path / "zoom.ckpt")
    module = original_motion_states(tiny_adapter())
    torch.save(module, tmp_path / "mm.ckpt")
    save_file({"emb_params": torch.ones(2, 32)}, tmp_path / "word.safetensors")
    torch.save({"decoder.conv_in.weight": torch.ones(1)}, tmp_path / "vae.ckpt")
    networks = {"unet": image.unet, "text_encoder": image.text_encoder}

    def lora(name):
        return merge_lora(LoraFile(tmp_path / name), networks, "--lora")

    def checkpoint(name):
        return load_image_model(tmp_path / "base", tmp_path / name, None, torch.float32)

    for give, right in (
        (lambda: load_motion_module(tmp_path / "zoom.ckpt", torch.float32), "--motion-lora"),
        (lambda: lora("mm.ckpt"), "--motion-module"),
        (lambda: lora("word.safetensors"), "--embedding"),
        (lambda: checkpoint("vae.ckpt"), "--vae"),
        (lambda: checkpoint("mm.ckpt"), "--motion-module"),
        (lambda: load_vae(tmp_path / "mm.ckpt", {}, torch.float32), "--motion-module"),
    ):
        with pytest.raises(ExportError, match=f"expected it with {right}"):
            give()


def test_a_motion_lora_in_a_folder(tmp_path):
    adapter = tiny_adapter()
    layers = random_lora(adapter, r"attn\d\.to_q$", 3)
    save_file(
        original_motion_names(processor_keys(layers)),
        tmp_path / "diffusion_pytorch_model.safetensors",
    )
    assert merge_lora(LoraFile(tmp_path), {"unet": adapter}, "--motion-lora") == len(layers)


def embedding(tmp_path, form: str, vectors: torch.Tensor):
    path = tmp_path / "my-word.pt"
    if form == "string_to_param":
        torch.save({"string_to_param": {"*": vectors}, "name": "other", "step": 3}, path)
    elif form == "parameters":
        params = torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors)})
        torch.save({"string_to_param": params}, path)
    elif form == "emb_params":
        save_file({"emb_params": vectors}, path := tmp_path / "my-word.safetensors")
    elif form == "bundled":
        states = {
            "bundle_emb.my-word.string_to_param.*": vectors,
            "x.lora_up.weight": vectors.clone(),
        }
        save_file(states, path := tmp_path / "lora.safetensors")
    else:
        torch.save({"my-word": vectors}, path := tmp_path / "learned_embeds.bin")
    return path


@pytest.mark.parametrize(
    "form", ["string_to_param", "parameters", "emb_params", "bundled", "diffusers"]
)
def test_textual_inversion(tmp_path, form):
    """Every form adds a word of three vectors, as diffusers' tokens."""
    tokenizer = tiny_tokenizer()
    encoder = tiny_text_encoder(len(tokenizer))
    first, vectors = len(tokenizer), torch.randn(3, 32)
    note = add_embedding(EmbeddingFile(embedding(tmp_path, form, vectors)), tokenizer, encoder)
    assert "'my-word' (3)" in note
    ids = tokenizer.convert_tokens_to_ids(["my-word", "my-word_1", "my-word_2"])
    assert ids == [first, first + 1, first + 2]
    assert torch.equal(encoder.get_input_embeddings().weight[ids], vectors)


def test_textual_inversions_that_are_refused(tmp_path):
    tokenizer = tiny_tokenizer()
    encoder = tiny_text_encoder(len(tokenizer))
    path = embedding(tmp_path, "emb_params", torch.randn(1, 768))
    for file, message in (
        (EmbeddingFile(path), "have 768 values, the text encoder's 32"),
        (EmbeddingFile(path, "red"), "'red' is a word of the model already"),
        (EmbeddingFile(path, "two words"), "has white space"),
    ):
        with pytest.raises(ExportError, match=message):
            add_embedding(file, tokenizer, encoder)
    assert EmbeddingFile.parse("a/b.pt:word") == EmbeddingFile.parse("a/b.pt:word")
    assert EmbeddingFile.parse("a/b.pt:word").name == "word"
    assert EmbeddingFile.parse("a/b.pt").name is None


def test_tokenizer_files(tmp_path):
    tiny_tokenizer().save_pretrained(tmp_path / "whole")
    for extra in (tmp_path / "whole").iterdir():
        if extra.name != "tokenizer.json":
            extra.unlink()
    text = "a red circle"
    assert load_tokenizer(tmp_path / "whole")(text).input_ids == tiny_tokenizer()(text).input_ids
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "vocab.json").write_text("{}")
    with pytest.raises(ExportError, match="has no merges.txt"):
        load_tokenizer(tmp_path / "half")


def test_recommended_settings_that_the_model_cannot_make():
    with pytest.raises(ExportError, match="at most 32; expected 1 to 32"):
        recommended_settings({}, ["num_frames=64"], max_frames=32)
    with pytest.raises(ExportError, match="height 500: expected a multiple of 64"):
        recommended_settings({}, ["height=500"], multiple=64)
