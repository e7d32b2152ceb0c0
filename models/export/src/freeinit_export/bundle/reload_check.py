"""`python -m freeinit_export.bundle.reload_check CHECKS THREADS`: the files of a bundle in a fresh
process.

Reads the JSON list CHECKS of {"role", "file", "expectations", "contract"}, loads each TorchScript
file without the code of the original network, compares it with the recorded outputs, checks its
extra file and measures its memory. Prints a JSON object: "worst", the largest relative difference
by file, and "memory", the section of the manifest; or {"error": ...}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from freeinit_export.errors import ExportError, one_line
from freeinit_export.networks.memory import memory_of
from freeinit_export.networks.torchscript_file import CONTRACT, read_torchscript
from freeinit_export.networks.verify import compare, load_expectations


def check_file(
    role: str, path: Path, expectations: Path, contract: str
) -> tuple[float, dict[str, int]]:
    """The largest relative difference, and the memory of the network."""
    try:
        network, stored = read_torchscript(path)
    except Exception as error:  # the loader raises RuntimeError and its kin
        raise ExportError(f"{path.name}: the saved file cannot be loaded again: {one_line(error)}")
    if stored != contract:
        raise ExportError(f"{path.name}: its extra file '{CONTRACT}' is not what was written")
    with torch.no_grad():
        worst = compare(path.name, network, load_expectations(expectations))
    return worst, memory_of(role, network, json.loads(contract))


def answer(checks: Path) -> dict[str, Any]:
    """What is printed for the list in the file `checks`."""
    worst, memory = {}, {}
    try:
        for check in json.loads(checks.read_text(encoding="utf-8")):
            path = Path(check["file"])
            worst[path.name], memory[check["role"]] = check_file(
                check["role"], path, Path(check["expectations"]), check["contract"]
            )
    except ExportError as error:
        return {"error": str(error)}
    return {"worst": worst, "memory": memory}


def main(arguments: list[str]) -> int:
    torch.set_num_threads(int(arguments[1]))
    said = answer(Path(arguments[0]))
    print(json.dumps(said))
    return int("error" in said)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
