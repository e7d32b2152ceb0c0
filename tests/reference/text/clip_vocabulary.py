"""The vocabulary of OpenAI's CLIP in Hugging Face's two files, from the one file of open_clip.

`bpe_simple_vocab_16e6.txt.gz` (MIT licence, OpenAI CLIP; in the package `open_clip_torch`) lists the
merges; the vocabulary follows from them: 256 byte symbols, the same at a word's end, one token for each
merge, two special tokens. Hence tests/golden/text keeps merges.txt alone.

    python tests/reference/text/clip_vocabulary.py FOLDER      writes vocab.json and merges.txt
"""

import gzip
import importlib.util
import json
import pathlib
import sys

NUM_MERGES = 49152 - 256 - 2


def byte_symbols():
    """GPT-2's printable character of each byte, printable bytes first: the order of the vocabulary."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(0x100 + i) for i in range(len(others))]


def open_clip_merges():
    package = pathlib.Path(importlib.util.find_spec("open_clip").origin).parent
    lines = gzip.decompress((package / "bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode().split("\n")
    return lines[1 : NUM_MERGES + 1]


def vocabulary(merges):
    symbols = byte_symbols()
    tokens = symbols + [symbol + "</w>" for symbol in symbols]
    tokens += [merge.replace(" ", "") for merge in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}


def write_vocabulary(folder, merges=None):
    """`merges`: lines "left right"; those of open_clip by default."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    merges = merges if merges is not None else open_clip_merges()
    text = json.dumps(vocabulary(merges), ensure_ascii=False)
    (folder / "vocab.json").write_text(text, encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_vocabulary(sys.argv[1])
