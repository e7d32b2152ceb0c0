"""Networks and tokenizers in folders that diffusers and transformers write.

The libraries fill what a file lacks with random numbers, or leave it without memory, and only warn.
Here every weight of the network must be in the files, and no weight may be left over.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import CLIPTokenizer, PreTrainedModel

from freeinit_export.errors import ExportError, one_line
from freeinit_export.sources.checkpoint_file import (
    check_is_checkpoint,
    is_plain,
    read_tensors,
)

# `model.fp16-00001-of-00002.safetensors`: variant "fp16"; "" in a name without one.
_WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|pytorch_model|model)(?:\.(?P<variant>[\w-]+?))?"
    r"(?:-\d{5}-of-\d{5})?\.(?:safetensors|bin)"
)
# Left over in published text encoders: positions, which are counted, and other parts of CLIP.
_HARMLESS = ("position_ids", "text_projection.", "vision_model.", "visual_projection.", "logit_scale")
# Whether such a LoRA was fused as well, its files do not say: the names are the same.
LORA_INSIDE = (
    "it was saved with a LoRA in it: call fuse_lora() and unload_lora_weights() before"
    " save_pretrained()"
)


def read_json(path: Path, what: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(f"'{path}': cannot be read ({error.strerror}); expected {what}")
    except (ValueError, RecursionError) as error:
        raise ExportError(f"'{path}': is not JSON ({one_line(error, 100)}); expected {what}")
    if not isinstance(value, dict):
        raise ExportError(f"'{path}': holds a {type(value).__name__}; expected {what}")
    return value


def load_network(
    what: str, folder: Path, kind: Any, dtype: torch.dtype, variant: str | None = None
) -> Any:
    """The network of class `kind` in `folder`. `variant`: weights of that name, where there are
    such; without it plain ones, or those of the only variant there is. `what` names it in messages.
    """
    read_json(folder / "config.json", f"the configuration of a {kind.__name__}")
    found = variants(folder)
    chosen = _chosen(what, found, variant)
    # As the libraries choose; what lies beside may be the pointers of an unfinished download.
    files = [path for path in found[chosen] if path.suffix == ".safetensors"] or found[chosen]
    for path in files:
        check_is_checkpoint(path)
    try:
        with _plain_folder(folder, files, kind) as readable:
            network, report = kind.from_pretrained(
                readable,
                dtype=dtype,
                local_files_only=True,
                variant=(chosen or None) if readable is folder else None,
                output_loading_info=True,
                **({"ignore_mismatched_sizes": True} if issubclass(kind, PreTrainedModel) else {}),
            )
    except ExportError:
        raise
    except Exception as error:  # whatever a damaged file or configuration makes of it
        raise ExportError(
            f"{what}: '{folder}' cannot be loaded: {type(error).__name__}: {one_line(error)};"
            f" expected a {kind.__name__}"
        )
    _check_complete(what, folder, report)
    return network


@contextlib.contextmanager
def _plain_folder(folder: Path, files: list[Path], kind: Any) -> Iterator[Path]:
    """`folder`, or where the libraries would refuse its weights a copy that they read: a trainer's
    classes may stand beside the tensors, or the extension may be wrong."""
    if all(is_plain(path) for path in files):
        yield folder
        return
    name = "model" if issubclass(kind, PreTrainedModel) else "diffusion_pytorch_model"
    with tempfile.TemporaryDirectory() as copy:
        tensors = {}
        for path in files:
            for key, value in read_tensors(path).items():
                tensors[key] = value.detach().clone()  # in such a file none shares memory
        save_file(tensors, Path(copy) / f"{name}.safetensors", metadata={"format": "pt"})
        del tensors
        shutil.copy(folder / "config.json", copy)
        yield Path(copy)


def variants(folder: Path) -> dict[str, list[Path]]:
    """The weight files of `folder` by variant, "" for plain ones."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if name := _WEIGHTS.fullmatch(path.name):
            found.setdefault(name["variant"] or "", []).append(path)
    return found


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """CLIP's tokenizer: `tokenizer.json`, or `vocab.json` and `merges.txt`."""
    whole = (folder / "tokenizer.json").is_file()
    missing = [name for name in ("vocab.json", "merges.txt") if not (folder / name).is_file()]
    if not whole and missing:
        raise ExportError(
            f"tokenizer '{folder}': has no {' and no '.join(missing)}; expected tokenizer.json, or"
            " vocab.json and merges.txt, of CLIP's tokenizer"
        )
    for name in ("tokenizer.json", "vocab.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            read_json(folder / name, "a file of CLIP's tokenizer")
    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises plain Exceptions
        raise ExportError(
            f"tokenizer '{folder}': cannot be loaded: {one_line(error)}; expected CLIP's tokenizer"
        )


def _chosen(what: str, found: dict[str, list[Path]], variant: str | None) -> str:
    if variant in found:
        return variant
    if "" in found:
        return ""
    names = sorted(found)
    if len(names) == 1 and variant is None:
        return names[0]
    if not names:
        raise ExportError(f"{what}: has no weight files; expected .safetensors or .bin files")
    raise ExportError(
        f"{what}: has weights of the variants {', '.join(names)} alone; expected --variant with one"
        " of them"
    )


def _check_complete(what: str, folder: Path, report: dict[str, Any]) -> None:
    unknown = sorted(k for k in report["unexpected_keys"] if not any(h in k for h in _HARMLESS))
    # transformers names a mismatch by itself only in a table; diffusers raises.
    lists = {
        "lacks": sorted(report["missing_keys"]),
        "has the unknown": unknown,
        "has another shape of": sorted(k[0] for k in report.get("mismatched_keys", ())),
    }
    parts = [f"{text} '{k[0]}' ({len(k)} such)" for text, k in lists.items() if k]
    if any(".base_layer." in name or ".lora_" in name for name in unknown):
        parts.append(LORA_INSIDE)
    if parts:
        raise ExportError(
            f"{what}: '{folder}' does not fit its config.json: {'; '.join(parts)}; expected all"
            " weights of the configuration and no others"
        )
