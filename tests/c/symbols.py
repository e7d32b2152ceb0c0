"""The shared library exports what the record of its interface lists, and nothing else.

    python3 symbols.py NM LIBRARY RECORD.txt
"""

import pathlib
import subprocess
import sys


def exported(nm, library):
    run = subprocess.run([nm, "-D", "--defined-only", library], capture_output=True, text=True, check=True)
    fields = [line.split() for line in run.stdout.splitlines()]
    return {name.replace("@@", "@") for _, kind, name in fields if kind != "A"}  # A: the version itself


def main():
    nm, library, record = sys.argv[1:4]
    there, recorded = exported(nm, library), set(pathlib.Path(record).read_text().split())
    for name in sorted(recorded - there):
        print(f"{name}: recorded, and no longer exported: programs that call it do not start")
    for name in sorted(there - recorded):
        print(f"{name}: exported, and not in {record}")
    return 1 if there != recorded else 0


if __name__ == "__main__":
    sys.exit(main())
