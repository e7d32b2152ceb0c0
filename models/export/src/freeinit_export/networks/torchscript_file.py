"""Writing a traced network as a file: with its contract, without ballast.

Kernels and matrices that float16 holds exactly, as those of a checkpoint published in float16, are
stored in it: half the file for the same values. Whoever reads the file widens them again.

A TorchScript file is a ZIP archive. Its `.debug_pkl` records map every operation back to the Python
line it came from: in a small network they are a sixth of the file, they name folders of the machine
that exported it, and nothing but the text of an error message reads them. They are left out.
"""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from pathlib import Path

import torch

from freeinit_export.errors import ExportError, one_line

CONTRACT = "freeinit.json"
KEEPS_WEIGHTS = "widens_weights"  # the attribute of a network that widens what it uses by itself
_LARGE = 1024  # values of a weight that is worth it
_ALIGNMENT = 64  # of tensor data inside the archive, as torch writes it
_LOCAL_HEADER = 30  # bytes of a ZIP record before its name
_PADDING_ID = 0x4246  # the extra field that torch pads with


def write_torchscript(path: Path, traced: torch.jit.ScriptModule, contract: str) -> None:
    """Saves `traced` with `contract` as the extra file `freeinit.json`. Narrows its weights."""
    whole = path.with_suffix(".whole")
    for parameter in traced.parameters():
        if _is_exact_in_float16(parameter):
            parameter.data = parameter.half()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            torch.jit.save(traced, whole, _extra_files={CONTRACT: contract})
            strip_debug_records(whole, path)
        except (RuntimeError, OSError) as error:
            raise ExportError(f"{path.name}: cannot be written: {one_line(error)}")
    whole.unlink()


def read_torchscript(path: Path) -> tuple[torch.jit.ScriptModule, str]:
    """The network on the CPU with its weights widened, and its contract. Raises whatever the
    loader does."""
    extra = {CONTRACT: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        network = torch.jit.load(path, map_location="cpu", _extra_files=extra)
    contract = extra[CONTRACT]
    contract = contract.decode() if isinstance(contract, bytes) else contract
    if json.loads(contract or "{}").get("dtype") == "float32" and not hasattr(network, KEEPS_WEIGHTS):
        for parameter in network.parameters():
            parameter.data = parameter.float()
    return network, contract


def _is_exact_in_float16(parameter: torch.Tensor) -> bool:
    """Biases and scales are nothing beside kernels and matrices."""
    return (
        parameter.dtype == torch.float32
        and parameter.dim() > 1
        and parameter.numel() >= _LARGE
        and torch.equal(parameter, parameter.half().float())
    )


def strip_debug_records(source: Path, target: Path) -> None:
    """Copies a TorchScript archive without its `.debug_pkl` records."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", allowZip64=True) as new:
        for record in old.infolist():
            if record.filename.endswith(".debug_pkl"):
                continue
            # One archive name for every file: torch takes it from the file it writes to.
            name = f"{target.stem}/{record.filename.split('/', 1)[1]}"
            fresh = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            fresh.compress_type = record.compress_type
            fresh.file_size = record.file_size
            if record.compress_type == zipfile.ZIP_STORED:
                fresh.extra = _padding(
                    target_offset=new.fp.tell(), name=name, size=record.file_size
                )
            with old.open(record) as data, new.open(fresh, "w") as out:
                while block := data.read(1 << 20):
                    out.write(block)


def _padding(target_offset: int, name: str, size: int) -> bytes:
    """An extra field after which the data of a stored record starts at a multiple of the
    alignment."""
    # zipfile adds a field of 20 bytes to large records, by this rule.
    zip64 = 20 if size * 1.05 > zipfile.ZIP64_LIMIT else 0
    start = target_offset + _LOCAL_HEADER + len(name.encode()) + zip64 + 4
    return struct.pack("<HH", _PADDING_ID, -start % _ALIGNMENT) + bytes(-start % _ALIGNMENT)
