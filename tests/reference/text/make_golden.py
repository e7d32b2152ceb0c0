"""Writes tests/golden/text: CLIP's merges and the ids of Hugging Face's CLIPTokenizer (transformers).

    python tests/reference/text/make_golden.py [strings] [code_points] [mended] [embeddings]  all by default (minutes)

The C++ tests make the same strings again (tests/text/random_text.hpp mirrors `random_text` below) and
compare a hash of the ids of each; 300 strings stand there in full.
"""

import html
import html.entities
import json
import pathlib
import shutil
import sys
import tempfile
import unicodedata

import ftfy
import transformers
from clip_vocabulary import write_vocabulary
from random_strings import ALPHABETS, MENDED, SPACES, WORDS
from transformers import CLIPTokenizer

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden" / "text"
MASK64 = (1 << 64) - 1
SEED = 20231214
COUNT = 10_000
BLOCK = 256  # code points a hash


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK64
        return (z ^ (z >> 31)) % bound


def random_character(rng):
    first, last = ALPHABETS[rng.below(len(ALPHABETS))]
    c = first + rng.below(last - first + 1)
    return chr(0xFFFD if 0xD800 <= c <= 0xDFFF else c)


def random_text(rng):
    """Words, characters of any alphabet and combining marks in a row of up to 40 parts; 1 in 50: 500."""
    parts = 500 if rng.below(50) == 0 else rng.below(40)
    text = ""
    for _ in range(parts):
        kind = rng.below(4)
        if kind < 2:
            text += WORDS[rng.below(len(WORDS))] + SPACES[rng.below(len(SPACES))]
        elif kind == 2:
            text += random_character(rng)
        else:
            text += random_character(rng) + chr(0x300 + rng.below(0x70))
    return text


def hash_ids(state, ids):
    """FNV-1a over whole ids, a mark after each list."""
    for value in [*ids, 1 << 32]:
        state = (state ^ value) * 0x100000001B3 & MASK64
    return state


def short(state):
    return f"{state >> 40:06x}"


def code_point_texts(block):
    for c in range(block * BLOCK, (block + 1) * BLOCK):
        if not 0xD800 <= c <= 0xDFFF:
            yield f"{chr(c)} a{chr(c)}b e\u0301{chr(c)}\u0323"


def write(name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (GOLDEN / name).write_text(text + "\n")
    print(name, len(text))


def write_strings(ids_of):
    rng = SplitMix64(SEED)
    texts = [random_text(rng) for _ in range(COUNT)]
    ids = ids_of(texts)
    write("random.json", {
        "transformers": transformers.__version__, "seed": SEED, "alphabets": ALPHABETS, "words": WORDS,
        "spaces": SPACES, "hashes": "".join(short(hash_ids(0xCBF29CE484222325, row)) for row in ids),
    })
    chosen = [i for i in range(COUNT) if len(texts[i]) <= 80][:300]
    write("examples.json", {"texts": [texts[i] for i in chosen], "ids": [ids[i] for i in chosen]})


def write_code_points(ids_of):
    hashes = ""
    for block in range(0x110000 // BLOCK):
        rows = ids_of(list(code_point_texts(block))) if not 0xD8 <= block < 0xE0 else []
        state = 0xCBF29CE484222325
        for row in rows:
            state = hash_ids(state, row)
        hashes += short(state)
    write("code_points.json", {"block": BLOCK, "hashes": hashes})


def write_mended(ids_of):
    """Texts as open_clip mends them (`basic_clean`), and their ids."""
    names = [f"{before}&{name};{after}" for name in sorted(html.entities.name2codepoint) + ["apos"]
             for before, after in (("", ""), ("a", " b"))]  # fmt: skip
    numbers = [f"&#{n};|&#x{n:X};|&#{n} " for n in [*range(0x20, 0x100), 0x2019, 0x1F600, 0xD800, 0x110000]]
    forms = [chr(c) for c in [*range(0x132, 0x134), 0x149, *range(0x1C4, 0x1CD), *range(0x1F1, 0x1F4),
                              0x2BC, *range(0x2018, 0x2020), 0x206A, 0x3000, *range(0xFB00, 0xFB07), 0xFEFF,
                              *range(0xFF01, 0xFFF0), 0xFFFC, *range(0x80, 0xA0), *range(1, 0x20), 0x7F]]  # fmt: skip
    texts = MENDED + names + numbers + [f"a{c}b {c}" for c in forms]
    # Text that ftfy takes for decoded with a wrong encoding is not mended.
    texts = [text for text in texts if ftfy.fix_text(text) == ftfy.fix_text(text, fix_encoding=False)]
    mended = [html.unescape(html.unescape(ftfy.fix_text(text))).strip() for text in texts]
    write("mended.json", {"ftfy": ftfy.__version__, "texts": texts, "ids": ids_of(mended)})


def write_embeddings(tokenizer):
    """Words of textual inversions: ids as diffusers' pipelines make them of a prompt. With transformers 5
    they look a word up by its normal form, in lower case and composed, and miss others: the vectors after
    the first of those are named here."""
    from diffusers.loaders import TextualInversionLoaderMixin

    vectors = {"EasyNegative": 4, "bad-hands-5": 2, "<my-style>": 1, "\u00fcbung": 3}
    for word, count in vectors.items():
        tokenizer.add_tokens([word, *(f"{word}_{i}" for i in range(1, count))])

    def convert(text):
        text = TextualInversionLoaderMixin().maybe_convert_prompt(text, tokenizer)
        for word in ("EasyNegative", "\u00fcbung"):
            composed = unicodedata.normalize("NFC", text)
            if word in composed and f"{word}_1" not in composed:
                text = composed.replace(word, " ".join([word, *(f"{word}_{i}" for i in range(1, vectors[word]))]))
        return text

    texts = [
        "EasyNegative", "a cat, EasyNegative, blurry", "(EasyNegative:1.2), bad-hands-5",
        "in <my-style> and<my-style>style", "bad-hands-5bad-hands-5 bad-hands-55", "bad-hands-5_1 alone",
        "\u00fcbung macht den meister", "u\u0308bung without a word", "<|endoftext|>EasyNegative<|startoftext|>",
        "no word of them", "EasyNegativ bad-hands- <my-style", "  EasyNegative   bad-hands-5  ",
    ]
    rows = tokenizer([convert(text) for text in texts], add_special_tokens=False)["input_ids"]
    write("embeddings.json", {"added_tokens": tokenizer.get_added_vocab(), "texts": texts, "ids": rows})


def main(parts):
    GOLDEN.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp()
    write_vocabulary(folder)
    shutil.copy(pathlib.Path(folder) / "merges.txt", GOLDEN / "merges.txt")
    tokenizer = CLIPTokenizer.from_pretrained(folder)

    def ids_of(texts):
        return tokenizer(texts, add_special_tokens=False)["input_ids"]

    if "strings" in parts:
        write_strings(ids_of)
    if "code_points" in parts:
        write_code_points(ids_of)
    if "mended" in parts:
        write_mended(ids_of)
    if "embeddings" in parts:
        write_embeddings(tokenizer)


if __name__ == "__main__":
    main(sys.argv[1:] or ["strings", "code_points", "mended", "embeddings"])
