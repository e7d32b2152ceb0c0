"""Writing a traced network as a file: with its contract, without ballast."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

CONTRACT = "freeinit.json"


def write_torchscript(path: Path, traced: torch.jit.ScriptModule, contract: str) -> None:
    """Saves `traced` with `contract` as the extra file `freeinit.json`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(traced, path, _extra_files={CONTRACT: contract})
