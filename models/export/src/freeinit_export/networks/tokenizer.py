"""The CLIP tokenizer as plain files: `vocab.json`, `merges.txt`, and `added_tokens.json` where words
were added (textual inversion).

transformers 5 may keep a tokenizer in `tokenizer.json` alone, so both files are always derived from
the tokenizer as loaded, then read back by a fresh CLIPTokenizer and compared.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import CLIPTokenizer

from freeinit_export.errors import ExportError
from freeinit_export.networks.open_clip_text import OpenClipVocabulary

_TEXTS = (
    "",
    "a red circle moving right",
    "A Photo of an ASTRONAUT riding a horse on Mars, 4k, (highly detailed:1.2)!!",
    "it's what they'll say: we've, you're, I'd, I'm, don't",
    "  white \t\n space\u00a0and\u3000more  ",
    "caf\u00e9 cafe\u0301 na\u00efve \u00c5ngstr\u00f6m \u0130stanbul stra\u00dfe"
    " \u0391\u0392\u03a3",
    "\u732b\u304c\u8d70\u308b \ud55c\uad6d\uc5b4 \u0440\u0443\u0441\u0441\u043a\u0438\u0439"
    " \u0639\u0631\u0628\u064a \u0939\u093f\u0928\u094d\u0926\u0940",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f1e9\U0001f1ea",
    "1234567890 \u00bd \u2167 3.14e-10 #hash @at under_score a-b/c\\d",
    "<|startoftext|>inside<|endoftext|> outside",
    "word " * 200,
)


def write_tokenizer(tokenizer: Any, folder: Path) -> dict[str, Any]:
    """Writes both files into `folder`/tokenizer; returns the section of the manifest, without
    max_length."""
    if isinstance(tokenizer, OpenClipVocabulary):
        return tokenizer.write(folder)
    vocabulary, merges, added = _vocabulary(tokenizer)
    target = folder / "tokenizer"
    target.mkdir()
    text = json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":"))
    (target / "vocab.json").write_text(text, encoding="utf-8")
    if added:
        text = json.dumps(added, ensure_ascii=False, separators=(",", ":"))
        (target / "added_tokens.json").write_text(text, encoding="utf-8")
    lines = ["#version: 0.2", *merges]
    (target / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _check_round_trip(tokenizer, target, added)
    section = {"vocab_file": "tokenizer/vocab.json", "merges_file": "tokenizer/merges.txt"}
    for key in ("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id"):
        section[key] = _special_id(tokenizer, key)
    words = tokenizer.init_kwargs.get("words")  # what our own trainer declares
    return {**section, "words": list(words)} if words else section


def _vocabulary(tokenizer: Any) -> tuple[dict[str, int], list[str], dict[str, int]]:
    """Tokens with their ids, merges, and the added tokens with their ids."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    state = json.loads(backend.to_str()) if backend is not None else {}
    model = state.get("model", {})
    if model.get("type") != "BPE" or model.get("end_of_word_suffix") != "</w>":
        raise ExportError(
            f"tokenizer: '{type(tokenizer).__name__}' is not a CLIP tokenizer; expected byte-level"
            " BPE with '</w>' at word ends"
        )
    vocabulary = dict(model["vocab"])
    special = set(tokenizer.all_special_tokens)
    added = {}
    for token in state.get("added_tokens", []):
        if token["content"] in special:
            vocabulary.setdefault(token["content"], token["id"])
            continue
        odd = [k for k in ("special", "single_word", "lstrip", "rstrip") if token.get(k)]
        if odd or not token.get("normalized"):
            raise ExportError(
                f"tokenizer: the added token '{token['content']}' is matched in another way"
                f" ({' '.join(odd) or 'not normalized'}); expected one as textual inversion adds it"
            )
        added[token["content"]] = token["id"]
    ordered = dict(sorted(vocabulary.items(), key=lambda item: item[1]))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return ordered, merges, added


def _special_id(tokenizer: Any, key: str) -> int:
    value = getattr(tokenizer, key)
    if value is None:
        raise ExportError(f"tokenizer: '{key}' is not set; expected a token of the vocabulary")
    return int(value)


def read_tokenizer(vocab_file: Path, merges_file: Path, special: dict[str, str]) -> CLIPTokenizer:
    """A fresh one from the files of a bundle; `special` spells its special tokens, `bos_token` and
    so on."""
    lines = merges_file.read_text(encoding="utf-8").split("\n")[1:]
    fresh = CLIPTokenizer(
        vocab=json.loads(vocab_file.read_text(encoding="utf-8")),
        merges=[tuple(line.split(" ")) for line in lines if line],
        **special,
    )
    added_file = vocab_file.with_name("added_tokens.json")
    if added_file.exists():
        added = json.loads(added_file.read_text(encoding="utf-8"))
        fresh.add_tokens(sorted(added, key=added.get))
    return fresh


def _check_round_trip(tokenizer: Any, target: Path, added: dict[str, int]) -> None:
    special = {
        key: str(getattr(tokenizer, key))
        for key in ("unk_token", "bos_token", "eos_token", "pad_token")
    }
    fresh = read_tokenizer(target / "vocab.json", target / "merges.txt", special)
    for text in (*_TEXTS, *(f"A {word} in,{word.upper()}s" for word in added)):
        expected, found = tokenizer(text).input_ids, fresh(text).input_ids
        if expected != found:
            raise ExportError(
                f"tokenizer: vocab.json and merges.txt encode {text[:40]!r} as {found[:12]};"
                f" expected {expected[:12]}, as the original does"
            )
