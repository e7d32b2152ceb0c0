"""The version of include/freeinit/core/config.hpp stands in every other place too.

    python3 tests/packaging/version_test.py [ROOT]

Python's standard library only. The exporter has a version of its own, which bundles name.
"""

import pathlib
import re
import sys

# Where versions stand, and how: all three numbers, or those that a consumer asks for.
WHOLE = {"CITATION.cff": r"^version: ([\d.]+)", "docs/command.md": r'"version": "([\d.]+)"'}
ASKED_FOR = r"find_package\(freeinit ([\d.]+)"
ASKING = ["*.md", "docs/**/*.md", "examples/**/CMakeLists.txt", "tests/packaging/**/CMakeLists.txt"]


def version_of(config):
    return [re.search(rf"FREEINIT_VERSION_{part} (\d+)", config).group(1)
            for part in ("MAJOR", "MINOR", "PATCH")]


def places(root, version):
    """(file, versions found in it, version expected there)"""
    for name, pattern in WHOLE.items():
        found = re.findall(pattern, (root / name).read_text(), re.MULTILINE)
        yield name, found or ["none"], ".".join(version)
    for path in sorted(path for pattern in ASKING for path in root.glob(pattern)):
        yield path.relative_to(root), re.findall(ASKED_FOR, path.read_text()), ".".join(version[:2])


def problems(root):
    config = (root / "include/freeinit/core/config.hpp").read_text()
    version = version_of(config)
    namespace = "v" + "_".join(version[:2])
    for line in (f'VERSION "{".".join(version)}"', f"ABI {namespace}", f"ABI {namespace}_header_only"):
        if f"#define FREEINIT_{line}" not in config.splitlines():
            yield f"config.hpp: expected '#define FREEINIT_{line}'"
    for name, found, expected in places(root, version):
        if any(other != expected for other in found):
            yield f"{name}: says {', '.join(found)}; expected {expected}, as in config.hpp"


if __name__ == "__main__":
    tree = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
    found = list(problems(tree))
    print("\n".join(found) or "the version is the same in every place")
    sys.exit(bool(found))
