"""The text side: a CLIP tokenizer with a vocabulary of its own and a small CLIP text model.

The vocabulary has CLIP's real form: the 256 byte symbols, the same with `</w>`, one entry
for each merge, and the two special tokens.  Every word of our captions is one token; any
other word falls apart into byte tokens, which stay close to zero because training sees
them rarely.
"""

import json
import shutil
from collections import Counter

from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import words

LENGTH = 32
START, END = "<|startoftext|>", "<|endoftext|>"


def byte_symbols():
    """CLIP's printable symbol for each of the 256 bytes, in the order of its vocabulary."""
    parts = ("!~", "¡¬", "®ÿ")
    shown = [code for first, last in parts for code in range(ord(first), ord(last) + 1)]
    hidden = [b for b in range(256) if b not in shown]
    return [chr(b) for b in shown] + [chr(256 + i) for i in range(len(hidden))]


def merges():
    """Byte pair encoding learnt on our words alone, until every word is one symbol."""
    split = [[*word[:-1], word[-1] + "</w>"] for word in words.VOCABULARY]
    rules = []
    while True:
        pairs = Counter(pair for word in split for pair in zip(word, word[1:]))
        if not pairs:
            return rules
        left, right = max(pairs, key=lambda pair: (pairs[pair], pair))
        rules.append((left, right))
        for word in split:
            for i in range(len(word) - 2, -1, -1):
                if word[i:i + 2] == [left, right]:
                    word[i:i + 2] = [left + right]


def write_tokenizer(folder):
    """Writes vocab.json and merges.txt and returns the tokenizer."""
    shutil.rmtree(folder, ignore_errors=True)  # an old tokenizer.json would be read instead
    folder.mkdir(parents=True)
    symbols = byte_symbols()
    entries = symbols + [s + "</w>" for s in symbols] + [a + b for a, b in merges()] + [START, END]
    vocabulary = {entry: i for i, entry in enumerate(dict.fromkeys(entries))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2"] + [f"{a} {b}" for a, b in merges()]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokenizer = CLIPTokenizer.from_pretrained(
        folder, unk_token=END, bos_token=START, eos_token=END, pad_token=END, model_max_length=LENGTH)
    tokenizer.init_kwargs["words"] = words.VOCABULARY  # the exporter hands them on to the bundle
    tokenizer.save_pretrained(folder)
    # Written again because the libraries save a merged file of their own besides.
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tokenizer


def encode(model, tokenizer, captions):
    """What the networks see of captions: [n, LENGTH, width]."""
    return model(tokens(tokenizer, captions))[0]


def tokens(tokenizer, captions):
    return tokenizer(captions, padding="max_length", truncation=True, max_length=LENGTH,
                     return_tensors="pt").input_ids


def build(tokenizer):
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=LENGTH, hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id)
    return CLIPTextModel(config)
