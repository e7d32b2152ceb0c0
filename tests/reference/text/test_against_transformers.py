"""`freeinit tokenize` against transformers.CLIPTokenizer on 10,000 fresh random strings.

    FREEINIT_COMMAND=build/release/bin/freeinit pytest tests/reference/text

Needs transformers, open_clip_torch (its vocabulary file) and the built command. FREEINIT_TEST_SEED
repeats a run.
"""

import hashlib
import json
import os
import random
import subprocess

import pytest

from clip_vocabulary import write_vocabulary
from random_strings import random_strings

transformers = pytest.importorskip("transformers")
COMMAND = os.environ.get("FREEINIT_COMMAND")
SEED = int(os.environ.get("FREEINIT_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
COUNT = 10_000


def record(path):
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def write_bundle(folder, pad_token_id):
    """A bundle of which only the tokenizer is real: `tokenize` reads nothing else."""
    write_vocabulary(folder / "tokenizer")
    for name in ["unet.pt", "text_encoder.pt", "vae_decoder.pt"]:
        (folder / name).write_bytes(b"")
    names = ["unet.pt", "text_encoder.pt", "vae_decoder.pt", "tokenizer/vocab.json", "tokenizer/merges.txt"]
    manifest = {
        "schema": 1, "name": "tokenizer only", "family": "animatediff", "description": "", "license": "",
        "created_by": {}, "files": {name: record(folder / name) for name in names},
        "unet": {"file": "unet.pt", "format": "torchscript", "dtype": "float32", "in_channels": 4,
                 "context_dim": 8, "latent_multiple_of": 1, "max_frames": None, "max_text_length": None,
                 "uses_fps": False, "verified_shapes": [], "verified_max_relative_error": 0.0},
        "text_encoder": {"file": "text_encoder.pt", "dtype": "float32", "max_length": 77, "width": 8},
        "vae": {"decoder_file": "vae_decoder.pt", "encoder_file": "", "dtype": "float32",
                "latent_channels": 4, "spatial_scale": 8, "scaling_factor": 0.18215},
        "tokenizer": {"vocab_file": "tokenizer/vocab.json", "merges_file": "tokenizer/merges.txt",
                      "max_length": 77, "bos_token_id": 49406, "eos_token_id": 49407,
                      "pad_token_id": pad_token_id, "unk_token_id": 49407},
        "scheduler": {}, "recommended": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.skipif(not COMMAND, reason="FREEINIT_COMMAND does not name the command")
@pytest.mark.parametrize("pad_token, pad_token_id", [("<|endoftext|>", 49407), ("!", 0)])
def test_ids_equal_transformers(tmp_path, pad_token, pad_token_id):
    write_bundle(tmp_path, pad_token_id)
    texts = random_strings(COUNT, SEED)
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps(text) + "\n" for text in texts))
    run = subprocess.run([COMMAND, "tokenize", "--bundle", tmp_path, "--input", prompts],
                         capture_output=True, text=True, check=True)
    ours = [json.loads(line) for line in run.stdout.splitlines()]
    tokenizer = transformers.CLIPTokenizer.from_pretrained(tmp_path / "tokenizer", pad_token=pad_token)
    theirs = tokenizer(texts, padding="max_length", truncation=True, max_length=77)["input_ids"]
    assert len(ours) == COUNT
    different = [ascii(text) for text, a, b in zip(texts, ours, theirs) if a != b]
    assert not different, f"seed {SEED}: {len(different)} differ, first {different[0][:400]}"
