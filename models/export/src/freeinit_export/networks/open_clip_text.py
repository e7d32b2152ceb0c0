"""The text side of OpenCLIP: its transformer, `forward(ids[B,L] int64) -> [B,L,D]`, and its
vocabulary.

Only files of the package `open_clip` are read; it is not imported, since that needs torchvision. The
transformer is the one of CLIP (arXiv 2103.00020), with the names that OpenCLIP's checkpoints use.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from typing import Any

import torch

from freeinit_export.errors import ExportError, one_line

_HEAD_WIDTH = 64


class Attention(torch.nn.Module):
    """Causal self attention."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = torch.nn.Parameter(torch.randn(3 * width, width) * width**-0.5)
        self.in_proj_bias = torch.nn.Parameter(torch.zeros(3 * width))
        self.out_proj = torch.nn.Linear(width, width)

    def forward(self, x):
        projected = torch.nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in projected.chunk(3, dim=-1)
        )
        mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class Block(torch.nn.Module):
    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.ln_1 = torch.nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = torch.nn.LayerNorm(width)
        self.mlp = torch.nn.Sequential()
        self.mlp.add_module("c_fc", torch.nn.Linear(width, hidden))
        self.mlp.add_module("gelu", torch.nn.GELU())
        self.mlp.add_module("c_proj", torch.nn.Linear(hidden, width))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class OpenClipText(torch.nn.Module):
    """States after `skip` layers fewer than the model has, and the final norm."""

    def __init__(self, config: dict[str, Any], skip: int):
        super().__init__()
        width = config["width"]
        heads = config.get("heads", width // _HEAD_WIDTH)
        hidden = int(width * config.get("mlp_ratio", 4.0))
        self.context_length = config["context_length"]
        self.token_embedding = torch.nn.Embedding(config["vocab_size"], width)
        self.positional_embedding = torch.nn.Parameter(
            torch.randn(self.context_length, width) * 0.01
        )
        self.transformer = torch.nn.Module()
        self.transformer.resblocks = torch.nn.ModuleList(
            Block(width, heads, hidden) for _ in range(config["layers"] - skip)
        )
        self.ln_final = torch.nn.LayerNorm(width)

    def forward(self, ids):
        x = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        for block in self.transformer.resblocks:
            x = block(x)
        return self.ln_final(x)


def text_config(arch: str, beside: Path) -> dict[str, Any]:
    """The text section of the model `arch`: a name that open_clip knows, or a file in the format of
    its model_configs, relative to the folder `beside`."""
    path = beside / arch
    if not arch.endswith(".json"):
        path = _package_folder() / "model_configs" / f"{arch}.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        text = {"context_length": 77, "vocab_size": 49408, **config["text_cfg"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"text encoder '{arch}': no such model ({type(error).__name__}: {one_line(error)});"
            " expected a name of open_clip's, or a model config with text_cfg"
        )
    if config.get("quick_gelu") or "hf_model_name" in text or "embed_cls" in text:
        raise ExportError(f"text encoder '{arch}': not supported; expected a plain CLIP such as ViT-H-14")
    return text


def is_unneeded(key: str, config: dict[str, Any], skip: int) -> bool:
    """Whether a key of an OpenCLIP checkpoint belongs to a part that is not exported."""
    last = tuple(
        f"transformer.resblocks.{i}." for i in range(config["layers"] - skip, config["layers"])
    )
    return key.startswith((*last, "visual.")) or key in (
        "text_projection",
        "logit_scale",
        "attn_mask",
    )


class OpenClipVocabulary:
    """The vocabulary that comes with open_clip, as `vocab.json` and `merges.txt`.

    Differs from Hugging Face's in the spelling of the begin and end tokens, in the padding, 0, and in
    that "!", whose id is 0 inside a word, stays text in a prompt.
    """

    _LINES = slice(1, 49152 - 256 - 2 + 1)  # merges that open_clip uses; the rest of its file is not

    def write(self, folder: Path) -> dict[str, Any]:
        """Writes both files into `folder`/tokenizer; returns the section of the manifest, without
        max_length."""
        path = _package_folder() / "bpe_simple_vocab_16e6.txt.gz"
        try:
            merges = gzip.decompress(path.read_bytes()).decode().split("\n")[self._LINES]
        except (OSError, ValueError) as error:
            raise ExportError(f"'{path}': open_clip's vocabulary cannot be read: {one_line(error)}")
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in printable]
        symbols = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]
        tokens = symbols + [symbol + "</w>" for symbol in symbols]
        tokens += [merge.replace(" ", "") for merge in merges]
        tokens += ["<start_of_text>", "<end_of_text>"]
        target = folder / "tokenizer"
        target.mkdir()
        vocabulary = {token: i for i, token in enumerate(tokens)}
        text = json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":"))
        (target / "vocab.json").write_text(text, encoding="utf-8")
        lines = "\n".join(["#version: 0.2", *merges])
        (target / "merges.txt").write_text(lines + "\n", encoding="utf-8")
        end = vocabulary["<end_of_text>"]
        return {
            "vocab_file": "tokenizer/vocab.json",
            "merges_file": "tokenizer/merges.txt",
            "bos_token_id": vocabulary["<start_of_text>"],
            "eos_token_id": end,
            "pad_token_id": 0,
            "unk_token_id": end,
            "match_pad_token": False,
        }


def _package_folder() -> Path:
    found = importlib.util.find_spec("open_clip")
    if found is None or not found.submodule_search_locations:
        raise ExportError(
            "VideoCrafter's vocabulary comes with the Python package open_clip, which is not"
            " installed; install it with 'pip install --no-deps open_clip_torch'"
        )
    return Path(found.submodule_search_locations[0])
