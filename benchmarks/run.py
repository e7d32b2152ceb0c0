"""The experiments of this project, by name.

    python benchmarks/run.py --list
    python benchmarks/run.py NAME [options of the experiment; --help shows them]

Results go to benchmarks/results; `run.py report` makes the pages of them.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = {path.stem: f"experiments.{path.stem}" for path in sorted((HERE / "experiments").glob("*.py"))}
MODULES["report"] = "report.pages"


def first_line(module: str) -> str:
    """Of the module's text, without importing what it needs."""
    file = HERE / (module.replace(".", "/") + ".py")
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))).splitlines()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="the names, with a line each")
    parser.add_argument("name", nargs="?", choices=list(MODULES), metavar="NAME", help=", ".join(MODULES))
    options = parser.parse_args(sys.argv[1:2])
    if options.name is None:
        width = max(map(len, MODULES)) + 2
        for name, module in MODULES.items():
            print(f"{name:{width}}{first_line(module)}")
        return
    sys.argv = [f"run.py {options.name}", *sys.argv[2:]]
    importlib.import_module(MODULES[options.name]).main()


if __name__ == "__main__":
    main()
