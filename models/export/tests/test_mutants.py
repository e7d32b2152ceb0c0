"""Damaged files end in one line or are read; they never end in a traceback.

Every kind of file that the exporter reads is changed at places drawn from a seed:
FREEINIT_MUTANTS says how many times each (default 12, where FREEINIT_QUICK is set 3),
FREEINIT_TEST_SEED where. Of those that are read the first are written, too, as far as the change
concerns them: FREEINIT_MUTANTS_WRITTEN of each kind (default 1).
"""

import json
import os
import random
import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from tiny_files import (
    kohya_keys,
    original_image_states,
    original_motion_states,
    random_lora,
    tiny_adapter,
    tiny_image_model,
)
from test_videocrafter import TREE, write_config
from tiny_pipeline import tiny_pipeline

from freeinit_export.backends import conversion
from freeinit_export.cli import main
from freeinit_export.networks.torchscript_file import read_torchscript

COUNT = int(os.environ.get("FREEINIT_MUTANTS", 3 if os.environ.get("FREEINIT_QUICK") else 12))
WRITTEN = int(os.environ.get("FREEINIT_MUTANTS_WRITTEN", 1))
SEED = int(os.environ.get("FREEINIT_TEST_SEED", 7))
VALUES = (None, True, -1, 0, 7, 1.5, float("nan"), "x", "", [], [0], {}, {"a": 1})


@pytest.fixture(scope="module")
def files(tmp_path_factory, bundle):
    folder = tmp_path_factory.mktemp("files")
    shutil.copytree(bundle, folder / "bundle")
    shutil.copytree(bundle / "tokenizer", folder / "words")
    write_config("rescaled", folder)[0].rename(folder / "model.yaml")
    tiny_pipeline().save_pretrained(folder / "pipeline")
    image = tiny_image_model()
    image.save_pretrained(folder / "base")
    tiny_adapter().save_pretrained(folder / "adapter")
    torch.save({"state_dict": original_motion_states(tiny_adapter())}, folder / "mm.ckpt")
    states = original_image_states(image)
    torch.save({"state_dict": states}, folder / "image.ckpt")
    old = dict(_use_new_zipfile_serialization=False)
    torch.save({"state_dict": states}, folder / "old.ckpt", **old)
    vae = {k: v.clone() for k, v in states.items() if k.startswith("first_stage_model.")}
    save_file(vae, folder / "vae.safetensors")
    lora = kohya_keys(random_lora(image.unet, r"attn1\.to_q$", 1), {}, 1.0)
    save_file(lora, folder / "lora.safetensors")
    torch.save({"string_to_param": {"*": torch.ones(2, 32)}}, folder / "word.pt")
    for part in ("unet", "text_encoder"):
        safe = next((folder / "base" / part).glob("*.safetensors"))
        if part == "text_encoder":  # one pickled folder
            torch.save(load_file(safe), safe.with_name("pytorch_model.bin"))
            safe.unlink()
    return folder


KINDS = [
    "pipeline/model_index.json",
    "pipeline/unet/config.json",
    "pipeline/vae/config.json",
    "pipeline/text_encoder/config.json",
    "pipeline/scheduler/scheduler_config.json",
    "pipeline/tokenizer/tokenizer.json",
    "pipeline/tokenizer/tokenizer_config.json",
    "pipeline/unet/diffusion_pytorch_model.safetensors",
    "base/text_encoder/pytorch_model.bin",
    "adapter/config.json",
    "adapter/diffusion_pytorch_model.safetensors",
    "mm.ckpt",
    "image.ckpt",
    "old.ckpt",
    "vae.safetensors",
    "lora.safetensors",
    "word.pt",
    "words/vocab.json",
    "words/merges.txt",
    "model.yaml",
    "bundle/manifest.json",
    "bundle/unet.pt",
]
# What a change of a configuration concerns; of other files the smallest network stands for all.
NETWORKS = {
    "pipeline/unet/config.json": ("unet",),
    "pipeline/vae/config.json": ("vae_decoder", "vae_encoder"),
    "pipeline/text_encoder/config.json": ("text_encoder",),
    "adapter/config.json": ("unet",),
    "model.yaml": ("unet", "text_encoder", "vae_decoder"),
}


def mutated_json(value, draw: random.Random):
    """One value somewhere inside is exchanged or gone."""
    if not isinstance(value, (dict, list)) or not value or draw.random() < 0.1:
        return draw.choice(VALUES)
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = draw.choice(keys)
    if draw.random() < 0.2:
        del value[key]
    else:
        value[key] = mutated_json(value[key], draw)
    return value


def mutate(path, draw: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for suffix, read, form in ((".json", json.loads, json.dumps), (".yaml", yaml.safe_load, yaml.safe_dump)):
        if path.suffix == suffix and draw.random() < 0.8:
            path.write_text(form(mutated_json(read(data.decode()), draw)))
            return
    kind = draw.randrange(4)
    # Headers stand at the beginning and, in archives, at the end.
    near = min(len(data), 3000)
    place = draw.choice((draw.randrange(near), len(data) - 1 - draw.randrange(near)))
    if kind == 0:
        del data[place:]
    elif kind == 1:
        data[place:place] = bytes(draw.randrange(256) for _ in range(draw.randrange(1, 9)))
    else:
        for _ in range(1 if kind == 2 else 30):
            data[min(place, len(data) - 1)] = draw.randrange(256)
            place += draw.randrange(1, 5)
    path.write_bytes(data)


def command(folder):
    animatediff = ["animatediff", "--base", f"{folder}/base", "--motion-module"]
    return {
        "pipeline": ["diffusers", f"{folder}/pipeline"],
        "base": [*animatediff, f"{folder}/mm.ckpt"],
        "adapter": [*animatediff, f"{folder}/adapter"],
        "mm.ckpt": [*animatediff, f"{folder}/mm.ckpt"],
        "image.ckpt": [*animatediff, f"{folder}/mm.ckpt", "--checkpoint", f"{folder}/image.ckpt"],
        "old.ckpt": [*animatediff, f"{folder}/mm.ckpt", "--checkpoint", f"{folder}/old.ckpt"],
        "vae.safetensors": [
            *animatediff,
            f"{folder}/mm.ckpt",
            "--vae",
            f"{folder}/vae.safetensors",
        ],
        "lora.safetensors": [
            *animatediff,
            f"{folder}/mm.ckpt",
            "--lora",
            f"{folder}/lora.safetensors",
        ],
        "word.pt": [*animatediff, f"{folder}/mm.ckpt", "--embedding", f"{folder}/word.pt"],
        "words": [*animatediff, f"{folder}/mm.ckpt", "--tokenizer", f"{folder}/words"],
        "model.yaml": ["videocrafter", "--source", str(TREE), "--config", f"{folder}/model.yaml"],
        "bundle": ["backend", "float16-weights", f"{folder}/bundle"],
    }


class Copy:
    """A backend that changes nothing, in no time."""

    FILE = "copy.pt"
    TOLERANCE = 1e-5

    @staticmethod
    def convert(network, example, contract, file, calibration):
        file.write_bytes(b"")

    @staticmethod
    def runner(file):
        return lambda *inputs: Copy.network(*inputs)


@pytest.fixture
def quick(monkeypatch, only_networks, bundle):
    """Writing as far as `quick` says: `networks` of the first `left` models, of others none. No
    fresh process; backends convert nothing."""

    def roles():
        quick.left -= 1
        return quick.networks if quick.left >= 0 else ()

    quick = type("Quick", (), {"networks": (), "left": 0})()
    Copy.network = read_torchscript(bundle / "unet.pt")[0]
    only_networks(roles)
    monkeypatch.setattr(conversion, "backend_module", lambda name: Copy)
    return quick


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files(files, tmp_path, quick, capsys, kind):
    arguments = [*command(files)[kind.split("/")[0]], "--quiet"]
    if not kind.startswith("bundle"):
        arguments += [str(tmp_path / "out"), "--overwrite"]
    path, refused = files / kind, 0
    whole = path.read_bytes()
    assert main(arguments) == 0, capsys.readouterr().err
    quick.networks, quick.left = NETWORKS.get(kind, ("text_encoder",)), WRITTEN
    try:
        for number in range(COUNT):
            draw = random.Random(f"{kind} {SEED} {number}")
            path.write_bytes(whole)
            mutate(path, draw)
            capsys.readouterr()
            code = main(arguments)  # raises what would be a traceback
            message = capsys.readouterr().err
            if code:
                lines = [line for line in message.splitlines() if line.startswith("error: ")]
                assert code == 1 and len(lines) == 1 and message.endswith(lines[0] + "\n"), number
                assert "as their authors publish" not in message, message
                refused += 1
    finally:
        path.write_bytes(whole)
    assert refused > 0
