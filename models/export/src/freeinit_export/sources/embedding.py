"""Textual inversion: words whose vectors were learnt, added to tokenizer and text encoder.

A word of N vectors becomes the tokens WORD, WORD_1, ..., WORD_(N-1), as diffusers names them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from freeinit_export.errors import ExportError
from freeinit_export.sources.checkpoint_file import read_states
from freeinit_export.sources.file_contents import contents

_BUNDLED = re.compile(r"bundle_emb\.(.+)\.string_to_param\.\*")  # beside a LoRA in one file
_OTHER_ENCODERS = ("clip_g", "clip_l")


@dataclass(frozen=True)
class EmbeddingFile:
    """What a user asked for: FILE:NAME."""

    path: Path
    name: str | None = None

    @staticmethod
    def parse(text: str) -> EmbeddingFile:
        """`FILE` or `FILE:NAME`."""
        file, colon, name = text.rpartition(":")
        if colon and file and name and "/" not in name and not Path(text).exists():
            return EmbeddingFile(Path(file), name)
        return EmbeddingFile(Path(text))


def add_embedding(file: EmbeddingFile, tokenizer: Any, encoder: Any) -> str:
    """Adds the words of `file` to both, in place; returns a note."""
    what = f"--embedding '{file.path}'"
    words = _words(what, file)
    for word, vectors in words.items():
        _check_word(what, word, tokenizer)
        tokens = [word, *(f"{word}_{i}" for i in range(1, len(vectors)))]
        _add_vectors(what, tokens, vectors, tokenizer, encoder)
    texts = (f"'{word}' ({len(vectors)})" for word, vectors in words.items())
    return f"{file.path.name}: adds to prompts, with so many vectors, {', '.join(texts)}"


def embedding_names(names: Any) -> list[str]:
    """The embeddings that stand beside a LoRA in one file."""
    found = (_BUNDLED.fullmatch(str(name)) for name in names)
    return sorted({match[1] for match in found if match})


def _words(what: str, file: EmbeddingFile) -> dict[str, torch.Tensor]:
    """Vectors [N, D] by word, from the forms of diffusers and of other programs."""
    states = read_states(file.path)
    if any(name in states for name in _OTHER_ENCODERS):
        raise ExportError(
            f"{what}: is a textual inversion of Stable Diffusion XL; expected one of Stable"
            " Diffusion 1.5"
        )
    found = _vectors(file, states)
    if not found:
        kind, option = contents(states)
        hint = f", to be given with {option}" if option else ""
        raise ExportError(f"{what}: is {kind}{hint}; expected a textual inversion (embedding)")
    if file.name is not None:
        if len(found) > 1 and file.name not in found:
            raise ExportError(
                f"{what}: holds the words {', '.join(found)}; expected one of them as FILE:NAME"
            )
        found = {file.name: found.get(file.name, next(iter(found.values())))}
    words = {word: value[None] if value.dim() == 1 else value for word, value in found.items()}
    for word, value in words.items():
        if value.dim() != 2 or not len(value) or not value.is_floating_point():
            raise ExportError(
                f"{what}: '{word}' has values of shape {tuple(value.shape)}; expected vectors"
            )
    return words


def _vectors(file: EmbeddingFile, states: dict[Any, Any]) -> dict[str, torch.Tensor]:
    stem = file.path.stem  # prompts call an embedding by its file, whatever name is inside
    param = states.get("string_to_param")
    if isinstance(param, dict):
        param = param.get("_parameters", param)  # a ParameterDict of torch
    if isinstance(param, dict):
        values = [value for value in param.values() if isinstance(value, torch.Tensor)]
        return {stem: torch.cat([v if v.dim() == 2 else v[None] for v in values])} if values else {}
    if isinstance(states.get("emb_params"), torch.Tensor):
        return {stem: states["emb_params"]}
    bundled = {name: _BUNDLED.fullmatch(str(name)) for name in states}
    if any(bundled.values()):
        return {match[1]: states[name] for name, match in bundled.items() if match}
    plain = all(isinstance(value, torch.Tensor) and value.dim() <= 2 for value in states.values())
    named = all(isinstance(name, str) and "." not in name for name in states)
    if not (plain and named and len(states) <= 4):
        return {}
    return {stem if name == "*" else name: value for name, value in states.items()}


def _check_word(what: str, word: str, tokenizer: Any) -> None:
    if not word.strip() or any(character.isspace() for character in word):
        raise ExportError(f"{what}: the word '{word}' has white space; expected FILE:NAME")
    known = {token.lower().removesuffix("</w>") for token in tokenizer.get_vocab()}
    if word.lower() in known:
        raise ExportError(
            f"{what}: '{word}' is a word of the model already; expected another one as FILE:NAME"
        )


def _add_vectors(
    what: str, tokens: list[str], vectors: torch.Tensor, tokenizer: Any, encoder: Any
) -> None:
    width = encoder.config.hidden_size
    if vectors.shape[1] != width:
        raise ExportError(
            f"{what}: its vectors have {vectors.shape[1]} values, the text encoder's {width};"
            " expected a textual inversion of this model"
        )
    if not torch.isfinite(vectors).all():
        raise ExportError(f"{what}: holds NaN or infinity; expected finite values")
    first = encoder.get_input_embeddings().num_embeddings
    if len(tokenizer) > first:
        raise ExportError(
            f"{what}: the tokenizer has {len(tokenizer)} tokens, the text encoder {first}; expected"
            " as many"
        )
    tokenizer.add_tokens(tokens)
    ids = tokenizer.convert_tokens_to_ids(tokens)
    with torch.no_grad():
        encoder.resize_token_embeddings(max(first, max(ids) + 1), mean_resizing=False)
        weight = encoder.get_input_embeddings().weight
        weight[ids] = vectors.to(weight.dtype)
