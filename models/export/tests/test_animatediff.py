"""Published files give the networks that diffusers makes of them."""

import json

import pytest
import torch
from diffusers import AnimateDiffPipeline, MotionAdapter
from safetensors.torch import save_file
from tiny_files import (
    BLOCKS,
    kohya_keys,
    original_image_states,
    original_motion_names,
    original_motion_states,
    processor_keys,
    random_lora,
    save_lightning,
    tiny_adapter,
    tiny_image_model,
)

from freeinit_export.cli import main
from freeinit_export.errors import ExportError
from freeinit_export.sources import motion_module, stable_diffusion
from freeinit_export.sources.checkpoint_file import read_tensors
from freeinit_export.sources.lora import LoraFile, merge_lora
from freeinit_export.sources.motion_module import load_motion_module, motion_unet
from freeinit_export.sources.stable_diffusion import load_image_model


@pytest.fixture(scope="module")
def image():
    return tiny_image_model()


@pytest.fixture(scope="module")
def base(image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    image.save_pretrained(folder)
    return folder


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("version, positions, mid", [(1, 24, False), (2, 32, True), (3, 32, False)])
def test_motion_modules(image, tmp_path, version, positions, mid):
    """A file in the original layout, and the folder of the same adapter."""
    adapter = tiny_adapter(positions, mid)
    file = save_lightning(original_motion_states(adapter), tmp_path / "mm.ckpt")
    adapter.save_pretrained(tmp_path / "folder")
    expected = AnimateDiffPipeline.from_pipe(image, motion_adapter=adapter).unet
    for path in (file, tmp_path / "folder"):
        loaded = load_motion_module(path, torch.float32)
        assert same(loaded, adapter)
        unet = motion_unet(image.unet, loaded, path)
        assert same(unet, expected) and unet.config.motion_max_seq_length == positions
        assert unet.config.use_motion_mid_block is mid
        assert not any(tensor.is_meta for tensor in (*unet.parameters(), *unet.buffers()))


def test_memory_is_shared(image, tmp_path):
    adapter = tiny_adapter()
    unet = motion_unet(image.unet, adapter, tmp_path)
    assert unet.conv_in.weight.data_ptr() == image.unet.conv_in.weight.data_ptr()
    name = "down_blocks.0.motion_modules.0.norm.weight"
    assert unet.get_parameter(name).data_ptr() == adapter.get_parameter(name).data_ptr()


@pytest.mark.parametrize("suffix", ["safetensors", "ckpt"])
def test_single_files(image, base, tmp_path, monkeypatch, suffix):
    """As --checkpoint over another folder, and as --base alone."""
    path = tmp_path / f"model.{suffix}"
    states = original_image_states(image)
    save_file(states, path) if suffix == "safetensors" else torch.save({"state_dict": states}, path)
    other = tmp_path / "other"
    tiny_image_model(seed=50).save_pretrained(other)
    configs = stable_diffusion._saved_configs(base)
    monkeypatch.setattr(stable_diffusion, "_known_configs", lambda: configs)
    for loaded in (
        load_image_model(other, path, None, torch.float32),
        load_image_model(path, None, base / "tokenizer", torch.float32),
    ):
        assert same(loaded.unet, image.unet)
        assert same(loaded.vae, image.vae)
        assert same(loaded.text_encoder, image.text_encoder)
    with pytest.raises(ExportError, match="a single file has no tokenizer"):
        load_image_model(path, None, None, torch.float32)


def test_a_file_with_a_unet_alone_keeps_the_rest(image, base, tmp_path, monkeypatch):
    states = original_image_states(tiny_image_model(seed=50))
    part = {name: value for name, value in states.items() if "diffusion_model" in name}
    save_file(part, tmp_path / "unet.safetensors")
    loaded = load_image_model(base, tmp_path / "unet.safetensors", None, torch.float32)
    assert not same(loaded.unet, image.unet)
    assert same(loaded.vae, image.vae) and same(loaded.text_encoder, image.text_encoder)
    configs = stable_diffusion._saved_configs(base)
    monkeypatch.setattr(stable_diffusion, "_known_configs", lambda: configs)
    with pytest.raises(ExportError, match="holds no text_encoder and no vae"):
        load_image_model(tmp_path / "unet.safetensors", None, base, torch.float32)


def test_the_known_sizes_are_those_of_stable_diffusion_15():
    with torch.device("meta"):
        unet = stable_diffusion.UNet2DConditionModel(**stable_diffusion.SD15_UNET)
        vae = stable_diffusion.AutoencoderKL(**stable_diffusion.SD15_VAE)
        config = stable_diffusion.CLIPTextConfig(**stable_diffusion.SD15_TEXT)
        text = stable_diffusion.CLIPTextModel(config)
    sizes = [sum(p.numel() for p in network.parameters()) for network in (unet, vae, text)]
    assert sizes == [859_520_964, 83_653_863, 123_060_480]  # as published


@torch.no_grad()
def test_the_whole_command(image, base, tmp_path, capsys):
    """Original motion module, kohya LoRA and motion LoRA, against diffusers and the formula."""
    adapter = tiny_adapter(24, mid=False)
    module = save_lightning(original_motion_states(adapter), tmp_path / "mm.ckpt")
    style = random_lora(image.unet, r"attn\d\.to_q$", 1)
    save_file(kohya_keys(style, {}, 1.0), tmp_path / "style.safetensors")
    zoom = random_lora(adapter, r"attn\d\.to_v$", 2)
    states = original_motion_names(processor_keys(zoom))
    torch.save({"state_dict": states}, tmp_path / "zoom.ckpt")
    out = tmp_path / "bundle"
    arguments = ["--base", base, "--motion-module", module, out]
    arguments += ["--lora", f"{tmp_path}/style.safetensors:0.6"]
    arguments += ["--motion-lora", f"{tmp_path}/zoom.ckpt:0.8"]
    assert main(["animatediff", *map(str, arguments)]) == 0, capsys.readouterr().err
    assert "style.safetensors: " in capsys.readouterr().out

    unet = AnimateDiffPipeline.from_pipe(tiny_image_model(), motion_adapter=adapter).unet
    for layers, factor in ((style, 0.6 * 1.0 / 2), (zoom, 0.8)):
        for name, (down, up) in layers.items():
            unet.get_submodule(name).weight += factor * up @ down
    generator = torch.Generator().manual_seed(5)
    latents = torch.randn((1, 4, 5, 7, 9), generator=generator)
    text = torch.randn((1, 16, 32), generator=generator)
    network = torch.jit.load(out / "unet.pt")
    found = network(latents, torch.full((1,), 300.0), text, torch.ones(1))
    expected = unet(latents, 300, text.repeat_interleave(5, dim=0)).sample
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)

    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["family"] == "animatediff" and manifest["unet"]["max_frames"] == 24
    assert manifest["scheduler"]["_class_name"] == "DDIMScheduler"
    assert manifest["scheduler"]["beta_schedule"] == "linear"
    assert manifest["scheduler"]["set_alpha_to_one"] is True
    assert manifest["recommended"]["filter"]["method"] == "gaussian"  # version 1
    assert manifest["created_by"]["loras"] == "style.safetensors:0.6, zoom.ckpt:0.8"


def test_motion_modules_that_do_not_fit(image, tmp_path):
    wide = save_lightning(
        original_motion_states(tiny_adapter(widths=(32, 96))), tmp_path / "a.ckpt"
    )
    with pytest.raises(ExportError, match=r"made for blocks of width \(32, 96\)"):
        motion_unet(image.unet, load_motion_module(wide, torch.float32), wide)
    short = tiny_adapter(widths=(32, 64, 64))
    short = save_lightning(original_motion_states(short), tmp_path / "b.ckpt")
    with pytest.raises(ExportError, match=r"made for blocks of width \(32, 64, 64\)"):
        motion_unet(image.unet, load_motion_module(short, torch.float32), short)
    states = original_motion_states(tiny_adapter())
    cut = {name: value for name, value in states.items() if "ff_norm" not in name}
    torch.save(cut, tmp_path / "c.ckpt")
    with pytest.raises(ExportError, match="lacks '.*norm3"):
        load_motion_module(tmp_path / "c.ckpt", torch.float32)
    torch.save({"conv.weight": torch.ones(1)}, tmp_path / "d.ckpt")
    with pytest.raises(ExportError, match="has no motion modules in all blocks"):
        load_motion_module(tmp_path / "d.ckpt", torch.float32)


def test_a_motion_lora_of_another_version(image, tmp_path):
    """Version 2 has a module in the mid block, version 3 has none."""
    layers = random_lora(tiny_adapter(), r"attn1\.to_q$", 3)
    torch.save(processor_keys(layers), tmp_path / "pan.ckpt")
    unet = motion_unet(image.unet, tiny_adapter(mid=False), tmp_path)
    with pytest.raises(ExportError, match="of the same version as the motion module"):
        merge_lora(LoraFile(tmp_path / "pan.ckpt"), {"unet": unet}, "--motion-lora")


def test_other_image_models_are_refused(image, base, tmp_path):
    for prefix, name in (("conditioner.embedders", "XL"), ("cond_stage_model.model", "2")):
        save_file({f"{prefix}.x": torch.ones(1)}, tmp_path / "a.safetensors")
        with pytest.raises(ExportError, match=f"is a Stable Diffusion {name} model"):
            load_image_model(base, tmp_path / "a.safetensors", None, torch.float32)
    states = original_image_states(image)
    del states["model.diffusion_model.out.2.bias"]
    save_file(states, tmp_path / "b.safetensors")
    with pytest.raises(ExportError, match="its unet is not that of Stable Diffusion 1.5"):
        load_image_model(base, tmp_path / "b.safetensors", None, torch.float32)
    copy = tmp_path / "sd2"
    tiny_image_model().save_pretrained(copy)
    config = json.loads((copy / "unet/config.json").read_text())
    config["attention_head_dim"] = [4, 8]
    (copy / "unet/config.json").write_text(json.dumps(config))
    with pytest.raises(ExportError, match="other heads in every block"):
        load_image_model(copy, None, None, torch.float32)
    (copy / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    with pytest.raises(ExportError, match="'StableDiffusionXLPipeline' is not supported"):
        load_image_model(copy, None, None, torch.float32)


def test_files_of_strangers(tmp_path, capsys):
    """No code of a pickled file runs."""

    class Command:
        def __reduce__(self):
            return (print, ("code ran",))

    torch.save({"state_dict": {"x": torch.ones(1)}, "callback": Command()}, tmp_path / "a.ckpt")
    assert list(read_tensors(tmp_path / "a.ckpt")) == ["x"]
    assert capsys.readouterr().out == ""
    (tmp_path / "b.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(ExportError, match="not a readable checkpoint"):
        read_tensors(tmp_path / "b.safetensors")
    with pytest.raises(ExportError, match="no such file"):
        read_tensors(tmp_path / "c.ckpt")


def test_adapters_keep_their_positions_at_other_precisions(tmp_path):
    adapter = tiny_adapter(24)
    file = save_lightning(original_motion_states(adapter), tmp_path / "mm.ckpt")
    half = load_motion_module(file, torch.bfloat16)
    assert isinstance(half, MotionAdapter) and half.dtype == torch.bfloat16
    assert motion_module.MotionAdapter is MotionAdapter and half.config.block_out_channels == BLOCKS
