"""`freeinit generate` against the sampler and the UNet of a VideoCrafter tree.

Environment: FREEINIT_COMMAND (the built command; without it everything is skipped),
VIDEOCRAFTER_TREE (a checkout of the original; else the stand-in beside this file, which is our own),
VIDEOCRAFTER_FIGURES (a JSON file for the largest differences).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from freeinit_export import cli
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "numerics"))

from videocrafter_models import MODELS, TEXT, random_weights, write_config
from videocrafter_original import Original

LATENTS = 1e-4  # the limit of the comparison, relative to the largest value
# Of networks in half precision against float32 ones: their outputs are that coarse.
HALF = {"float16": 1e-2, "bfloat16": 1e-1}
TREE = Path(os.environ.get("VIDEOCRAFTER_TREE", HERE / "stand_in")).resolve()
PROMPT = "a red circle moving right"
SEED = 20230211
BASE = {
    "num_frames": 4,
    "num_inference_steps": 5,
    "guidance_scale": 7.5,
    "eta": 1.0,
    "num_iters": 1,
    "fps": 28,
    "method": "butterworth",
}
OPTIONS = {"method": "--filter"}  # the rest is the setting's name
# 5 divides 1000; 7 does not: the original then makes 8 steps.
RUNS = {
    "plain-sampling": {},
    "plain-sampling-8-steps-for-7": {"num_inference_steps": 7},
    "three-passes": {"num_iters": 3},
    "three-passes-8-steps-for-7": {"num_iters": 3, "num_inference_steps": 7},
    "three-passes-gaussian-odd": {"num_iters": 3, "num_frames": 5, "method": "gaussian"},
    "three-passes-no-eta": {"num_iters": 3, "eta": 0.0},
    "two-passes-some-eta": {"num_iters": 2, "eta": 0.4},
    "no-guidance": {"guidance_scale": 1.0},
    "other-fps": {"fps": 8},
}
WORST: dict[str, dict] = {}


@pytest.fixture(scope="session")
def command() -> Path:
    path = os.environ.get("FREEINIT_COMMAND")
    if not path:
        pytest.skip("no command: set FREEINIT_COMMAND")
    return Path(path).resolve()


@pytest.fixture(scope="session", params=list(MODELS))
def model(request, tmp_path_factory):
    """(name, original, bundle, text, empty text): weights go through a checkpoint in the original's
    format, and the exporter reads that."""
    folder = tmp_path_factory.mktemp(request.param)
    config, params = write_config(request.param, folder)
    weights = random_weights(fresh_networks(config))
    torch.save({"state_dict": weights, "global_step": 1}, folder / "model.ckpt")
    bundle = exported(folder, config, "float32")
    texts = [embedding(weights, bundle, prompt) for prompt in (PROMPT, "")]
    return request.param, Original(TREE, params, weights), bundle, *texts


def exported(folder: Path, config: Path, dtype: str) -> Path:
    arguments = ["videocrafter", folder / dtype, "--source", TREE, "--config", config]
    arguments += ["--checkpoint", folder / "model.ckpt", "--dtype", dtype, "--quiet"]
    assert cli.main([str(argument) for argument in arguments]) == 0
    return folder / dtype


def fresh_networks(config: Path) -> dict[str, torch.nn.Module]:
    from freeinit_export.networks.open_clip_text import OpenClipText
    from freeinit_export.sources.videocrafter import _PREFIXES, _build
    from freeinit_export.sources.videocrafter_config import read_config

    networks = _build(TREE, read_config(config), TEXT, 0, 1, fresh=True)
    assert isinstance(networks["text encoder"], OpenClipText)
    return {_PREFIXES[role]: network for role, network in networks.items()}


def run(command: list, folder: Path | None = None) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stderr}"
    return done.stdout


@torch.no_grad()
def embedding(weights: dict[str, torch.Tensor], bundle: Path, prompt: str) -> torch.Tensor:
    """The text as OpenCLIP's penultimate layer has it, by transformers' CLIP."""
    config = CLIPTextConfig(
        vocab_size=TEXT["vocab_size"],
        hidden_size=TEXT["width"],
        intermediate_size=4 * TEXT["width"],
        num_hidden_layers=TEXT["layers"],
        num_attention_heads=TEXT["heads"],
        hidden_act="gelu",
    )
    network = CLIPTextModel(config).eval()
    network.load_state_dict(in_transformers_names(weights, network))
    vocabulary = json.loads((bundle / "tokenizer/vocab.json").read_text(encoding="utf-8"))
    lines = (bundle / "tokenizer/merges.txt").read_text(encoding="utf-8").split("\n")[1:-1]
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[tuple(line.split(" ")) for line in lines])
    words = tokenizer(prompt, add_special_tokens=False).input_ids
    ids = [49406, *words, 49407]
    ids += [0] * (TEXT["context_length"] - len(ids))
    states = network(torch.tensor([ids]), output_hidden_states=True).hidden_states
    return getattr(network, "text_model", network).final_layer_norm(states[-2])


def in_transformers_names(weights: dict[str, torch.Tensor], network) -> dict[str, torch.Tensor]:
    prefix = "cond_stage_model.model."
    own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    renamed = {
        "embeddings.token_embedding.weight": own["token_embedding.weight"],
        "embeddings.position_embedding.weight": own["positional_embedding"],
        "final_layer_norm.weight": own["ln_final.weight"],
        "final_layer_norm.bias": own["ln_final.bias"],
    }
    names = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1"}
    names |= {"mlp.c_proj": "mlp.fc2", "attn.out_proj": "self_attn.out_proj"}
    for i in range(TEXT["layers"]):
        ours, theirs = f"transformer.resblocks.{i}.", f"encoder.layers.{i}."
        for kind in ("weight", "bias"):
            for old, new in names.items():
                renamed[f"{theirs}{new}.{kind}"] = own[f"{ours}{old}.{kind}"]
            parts = own[f"{ours}attn.in_proj_{kind}"].chunk(3)
            for letter, part in zip("qkv", parts, strict=True):
                renamed[f"{theirs}self_attn.{letter}_proj.{kind}"] = part
    nested = any(key.startswith("text_model.") for key in network.state_dict())
    renamed = {("text_model." + k if nested else k): v for k, v in renamed.items()}
    return {**network.state_dict(), **renamed}


def generated(command: Path, bundle: Path, folder: Path, settings: dict) -> tuple[torch.Tensor, dict]:
    arguments = ["generate", PROMPT, "--bundle", bundle, "-o", "video.gif", "--seed", SEED, "--json"]
    arguments += ["--save-latents", "latents.safetensors", "--overwrite"]
    for name, value in settings.items():
        arguments += [OPTIONS.get(name, "--" + name.replace("_", "-")), value]
    report = json.loads(run([command, *arguments], folder))
    (latents,) = load_file(folder / "latents.safetensors").values()
    return latents, report


def original_latents(model, settings: dict) -> torch.Tensor:
    _, original, _, text, empty_text = model
    shape = (1, 4, settings["num_frames"], 8, 16)
    return original.generate(text, empty_text, shape, SEED, settings)


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    assert found.shape == expected.shape and expected.isfinite().all()
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.product
@pytest.mark.parametrize("run_name", RUNS)
def test_latents(model, command, tmp_path, run_name):
    settings = {**BASE, **RUNS[run_name]}
    expected = original_latents(model, settings)
    found, report = generated(command, model[2], tmp_path, settings)
    name = f"{model[0]}/{run_name}"
    difference = relative(found, expected)
    print(f"{name}: {difference:.2e} (limit {LATENTS:g})")
    record(name, difference)
    assert difference <= LATENTS
    steps = 8 if settings["num_inference_steps"] == 7 else 5
    assert report["unet_calls"] == steps * settings["num_iters"]


def record(name: str, difference: float) -> None:
    WORST[name] = {"latents": float(f"{difference:.2e}"), "limit": LATENTS}
    path = os.environ.get("VIDEOCRAFTER_FIGURES")
    if path:
        Path(path).write_text(json.dumps(WORST, indent=2) + "\n")


def test_only_a_prompt_is_needed(model, command, tmp_path):
    """The manifest's own settings are the original script's; the recommended size is the config's."""
    name, _, bundle, *_ = model
    manifest = json.loads((bundle / "manifest.json").read_text())
    settings = manifest["recommended"]
    assert (settings["num_inference_steps"], settings["guidance_scale"], settings["eta"]) == (50, 12.0, 1.0)
    assert (settings["fps"], settings.get("output_fps")) == ((28.0, 10.0) if name == "rescaled" else (10.0, None))
    assert ("dynamic_rescale" in manifest["scheduler"]) == (name == "rescaled")
    found, report = generated(command, bundle, tmp_path, {"num_frames": 2, "num_inference_steps": 1, "num_iters": 1})
    assert found.shape == (1, 4, 2, 8, 16) and report["width"] == 128


@pytest.mark.product
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision(model, command, tmp_path, dtype):
    """A whole bundle in half precision is sound, runs, and keeps its latents in float32."""
    name, _, float32, *_ = model
    bundle = exported(float32.parent, float32.parent / f"{name}.yaml", dtype)
    run([command, "inspect", bundle, "--check"])
    settings = {**BASE, "num_iters": 2}
    expected = original_latents(model, settings)
    found, _ = generated(command, bundle, tmp_path, settings)
    difference = relative(found, expected)
    print(f"{name}, {dtype}: {difference:.2e} (limit {HALF[dtype]:g})")
    assert LATENTS < difference <= HALF[dtype]
    assert relative(found.to(getattr(torch, dtype)).float(), found) > LATENTS


def test_layers_in_bfloat16(model, command, tmp_path):
    """The backend, on a bundle in float32: relative positions stay in it beside such layers."""
    settings = {**BASE, "num_iters": 2}
    try:
        found, _ = generated(command, model[2], tmp_path, {**settings, "backend": "bfloat16"})
    except AssertionError as error:
        if "this processor has no AVX512-BF16" not in str(error):
            raise
        pytest.skip("this processor has no AVX512-BF16")
    assert LATENTS < relative(found, original_latents(model, settings)) <= HALF["bfloat16"]


# Texts that open_clip's mending (ftfy) leaves as they are.
TEXTS = [
    "",
    PROMPT,
    "Wow! An ASTRONAUT rides a horse!! (4k, highly detailed:1.2)",
    "  it's what they'll say: we've,\tyou're, I'd, don't  ",
    "caf\u00e9 cafe\u0301 na\u00efve \u0391\u0392\u03a9 \u732b\u304c\u8d70\u308b \U0001f600 \u00bd",
    "begin <start_of_text> and <end_of_text> of text",
    "1234567890 3.14e-10 #hash @at under_score a-b/c\\d",
    "word " * 100,
]


def test_token_ids_are_open_clips(model, command, tmp_path):
    """Padding with 0, begin, end and truncation included."""
    pytest.importorskip("ftfy")
    spec = importlib.util.find_spec("open_clip")
    if spec is None:
        pytest.skip("open_clip is not installed")
    file = Path(spec.submodule_search_locations[0]) / "tokenizer.py"  # the package needs torchvision
    spec = importlib.util.spec_from_file_location("open_clip_tokenizer", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "texts").write_text("".join(json.dumps(text) + "\n" for text in TEXTS))
    lines = run([command, "tokenize", "--bundle", model[2], "--input", "texts"], tmp_path).splitlines()
    expected = module.SimpleTokenizer()(TEXTS).tolist()
    for text, line, ids in zip(TEXTS, lines, expected, strict=True):
        assert json.loads(line) == ids, text


def test_the_comparison_can_fail(model):
    """What is compared moves the result by far more than the limit."""
    base = {**BASE, "num_iters": 2, "num_frames": 3}
    reference = original_latents(model, base)
    changes = [{"eta": 0.9}, {"num_inference_steps": 7}, {"num_iters": 1}, {"method": "gaussian"}]
    changes += [{"fps": 8}] if model[0] == "rescaled" else []
    for change in changes:
        moved = relative(original_latents(model, {**base, **change}), reference)
        print(change, f"moves the latents by {moved:.3g} of their largest value")
        assert moved > 10 * LATENTS, change
