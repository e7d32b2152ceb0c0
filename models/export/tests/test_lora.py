"""LoRAs in every layout change the weights as diffusers' own loading does."""

import copy

import pytest
import torch
from safetensors.torch import save_file
from test_source import refused
from tiny_files import (
    kohya_keys,
    original_motion_names,
    peft_keys,
    processor_keys,
    random_lora,
    tiny_adapter,
    tiny_image_model,
)
from tiny_pipeline import tiny_pipeline

from freeinit_export.errors import ExportError
from freeinit_export.sources.diffusers_pipeline import load_model
from freeinit_export.sources.lora import LoraFile, merge_lora

ATTENTION = r"attn\d\.to_(q|k|v|out\.0)$"


@pytest.fixture(scope="module")
def image():
    return tiny_image_model()


@pytest.fixture(scope="module")
def layers(image):
    """LoRA of attention and convolutions of the UNet, and of the text encoder."""
    unet = random_lora(image.unet, ATTENTION + r"|proj_in$|resnets\.0\.conv1$", 1)
    return unet, random_lora(image.text_encoder, r"q_proj$|fc1$", 2)


def merged(image, path, scale=1.0):
    networks = {
        "unet": copy.deepcopy(image.unet),
        "text_encoder": copy.deepcopy(image.text_encoder),
    }
    count = merge_lora(LoraFile(path, scale), networks, "--lora")
    return networks, count


def distance(one, other) -> float:
    first, second = one.state_dict(), other.state_dict()
    assert first.keys() == second.keys()
    return max((first[name] - second[name]).abs().max().item() for name in first)


@pytest.mark.parametrize("layout", ["kohya", "kohya-alpha", "peft"])
def test_weights_equal_those_that_diffusers_fuses(image, layers, tmp_path, layout):
    pytest.importorskip("peft")
    alpha = 1.0 if layout == "kohya-alpha" else None
    states = peft_keys(*layers) if layout == "peft" else kohya_keys(*layers, alpha)
    save_file(states, tmp_path / "style.safetensors")
    found, count = merged(image, tmp_path / "style.safetensors", 0.7)
    assert count == sum(map(len, layers))

    fused = copy.deepcopy(image)
    fused.load_lora_weights(tmp_path, weight_name="style.safetensors")
    fused.fuse_lora(lora_scale=0.7)
    fused.unload_lora_weights()
    assert distance(found["unet"], image.unet) > 0.01
    # Two roundings more or less of weights near one.
    assert distance(found["unet"], fused.unet) < 2e-6
    # diffusers 0.42 leaves out kohya's text layers when it meets transformers 5: the formula.
    for name, (down, up) in layers[1].items():
        before = image.text_encoder.get_submodule(name).weight
        factor = 0.7 * (0.5 if alpha else 1.0)  # alpha 1, rank 2
        after = found["text_encoder"].get_submodule(name).weight
        torch.testing.assert_close(after, before + factor * up @ down)


def test_layouts_of_animatediff(image, tmp_path):
    """The version 3 adapter and motion LoRAs: W + scale * up @ down."""
    adapter = tiny_adapter()
    cases = {
        "--lora": (image.unet, lambda lora: lora),
        "--motion-lora": (adapter, original_motion_names),
    }
    for option, (network, renamed) in cases.items():
        layers = random_lora(network, ATTENTION, 3)
        path = tmp_path / f"{option}.ckpt"
        torch.save({"state_dict": renamed(processor_keys(layers, "module."))}, path)
        found = copy.deepcopy(network)
        assert merge_lora(LoraFile(path, 0.5), {"unet": found}, option) == len(layers)
        for name, (down, up) in layers.items():
            before, after = network.get_submodule(name).weight, found.get_submodule(name).weight
            torch.testing.assert_close(after, before + 0.5 * up @ down)


def test_alpha_in_the_header(image, tmp_path):
    """diffusers writes what peft knows into the metadata."""
    layers = random_lora(image.unet, r"attn1\.to_q$", 4, rank=4)
    header = {"lora_adapter_metadata": '{"unet.lora_alpha": 2, "unet.r": 4}'}
    save_file(peft_keys(layers, {}), tmp_path / "a.safetensors", metadata=header)
    found, _ = merged(image, tmp_path / "a.safetensors")
    name, (down, up) = next(iter(layers.items()))
    expected = image.unet.get_submodule(name).weight + 0.5 * up @ down
    torch.testing.assert_close(found["unet"].get_submodule(name).weight, expected)


def test_scales():
    assert LoraFile.parse("a/b.safetensors:0.25") == LoraFile.parse("a/b.safetensors:.25")
    assert LoraFile.parse("b.ckpt").scale == 1.0
    assert str(LoraFile.parse("C:name.ckpt").path) == "C:name.ckpt"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lora_unet_conv_in.lora_down.weight": torch.ones(1, 2)}, "has no up weight"),
        ({"lora_unet_x.oft_diag": torch.ones(1, 2)}, "not part of a LoRA, LoHa"),
    ],
)
def test_incomplete_files_are_refused(image, layers, tmp_path, change, message):
    save_file({**kohya_keys(*layers, None), **change}, tmp_path / "a.safetensors")
    with pytest.raises(ExportError, match=message):
        merged(image, tmp_path / "a.safetensors")


def test_loras_of_other_models_are_refused(image, tmp_path):
    path = tmp_path / "a.safetensors"
    down, up = torch.ones(2, 32), torch.ones(32, 2)
    for name, message in (
        ("mid_block.attentions.0.transformer_blocks.7.attn1.to_q", "1 of its 1 layers are not in"),
        (
            "mid_block.motion_modules.0.transformer_blocks.0.attn1.to_q",
            "give it with --motion-lora",
        ),
        ("mid_block.attentions.0.transformer_blocks.0.attn1.to_q", "does not fit the model's"),
    ):
        save_file(peft_keys({name: (down, up)}, {}), path)
        with pytest.raises(ExportError, match=message):
            merged(image, path)


def with_lora(folder, text: bool):
    """A tiny pipeline that has loaded a LoRA of the UNet, and of the text encoder if `text`."""
    pytest.importorskip("peft")
    pipeline = tiny_pipeline()
    words = random_lora(pipeline.text_encoder, "q_proj$", 2) if text else {}
    states = peft_keys(random_lora(pipeline.unet, r"attn\d\.to_q$", 1), words)
    save_file(states, folder / "lora.safetensors")
    pipeline.load_lora_weights(folder, weight_name="lora.safetensors")
    return pipeline


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_a_pipeline_saved_with_its_lora_in_it(tmp_path, capsys, text, fused):
    """Fused or not, its files have the same names: nothing says which."""
    pipeline = with_lora(tmp_path, text)
    if fused:
        pipeline.fuse_lora()
    pipeline.save_pretrained(tmp_path / "src")
    capsys.readouterr()  # the library's progress
    message = refused(capsys, tmp_path / "src", tmp_path / "out")
    assert "call fuse_lora() and unload_lora_weights() before" in message


def test_a_pipeline_saved_as_the_readme_says(tmp_path):
    """Networks equal those of the pipeline with its LoRA in use, to the last bit."""
    pipeline = with_lora(tmp_path, text=True)
    pipeline.fuse_lora(lora_scale=0.7)
    latents, words = torch.randn(1, 4, 3, 8, 8), torch.randn(1, 16, 32)
    ids = torch.arange(16)[None]
    with torch.no_grad():
        video = pipeline.unet(latents, 7, words.repeat_interleave(3, 0)).sample
        states = pipeline.text_encoder(ids)[0]
        pipeline.unload_lora_weights()
        pipeline.save_pretrained(tmp_path / "src")
        found = load_model(tmp_path / "src", torch.float32).components
        again = found["unet"].original(latents, torch.tensor([7.0]), words, torch.tensor([8.0]))
        assert torch.equal(again, video)
        assert torch.equal(found["text_encoder"].original(ids), states)
