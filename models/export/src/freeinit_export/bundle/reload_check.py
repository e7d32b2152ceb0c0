"""`python -m freeinit_export.bundle.reload_check CHECKS THREADS`: the files of a bundle in a fresh
process.

Reads the JSON list CHECKS of {"file", "expectations", "contract"}, loads each TorchScript file
without the code of the original network, compares it with the recorded outputs, and checks its
extra file. Prints a JSON object: the largest relative difference by file, or {"error": ...}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from freeinit_export.errors import ExportError, one_line
from freeinit_export.networks.torchscript_file import CONTRACT, read_torchscript
from freeinit_export.networks.verify import compare, load_expectations


def check_file(path: Path, expectations: Path, contract: str) -> float:
    try:
        network, stored = read_torchscript(path)
    except Exception as error:  # the loader raises RuntimeError and its kin
        raise ExportError(f"{path.name}: the saved file cannot be loaded again: {one_line(error)}")
    if stored != contract:
        raise ExportError(f"{path.name}: its extra file '{CONTRACT}' is not what was written")
    with torch.no_grad():
        return compare(path.name, network, load_expectations(expectations))


def main(arguments: list[str]) -> int:
    torch.set_num_threads(int(arguments[1]))
    worst = {}
    try:
        for check in json.loads(Path(arguments[0]).read_text(encoding="utf-8")):
            path = Path(check["file"])
            worst[path.name] = check_file(path, Path(check["expectations"]), check["contract"])
    except ExportError as error:
        print(json.dumps({"error": str(error)}))
        return 1
    print(json.dumps(worst))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
