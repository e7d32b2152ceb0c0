"""Rules of the source tree, checked on the text of the files. Python's standard library only.

    python3 tests/rules/source_rules.py [ROOT]

* Includes only go down: kernels, which stand alone; core < text, io < numerics < models, analysis < pipeline < cli.
* No LibTorch in kernels, core, text and io; TorchScript (<torch/...>, jit headers) only in impl/models; public
  headers know no more of it than <ATen/core/Tensor.h> and <ATen/core/Generator.h>.
* No fmt or spdlog in the library.
* Sources are ASCII; files stay below 450 lines.
* cmake/FreeinitHeaders.cmake lists every header, and nothing else.
"""

import pathlib
import re
import sys

LEVELS = {"kernels": 1, "core": 1, "text": 2, "io": 2, "numerics": 3, "models": 4, "analysis": 4, "pipeline": 5, "cli": 6}
WITHOUT_TORCH = {"kernels", "core", "text", "io"}
PUBLIC_TORCH = {"ATen/core/Tensor.h", "ATen/core/Generator.h"}
MOST_LINES = 450
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
TORCHSCRIPT = re.compile(r"^torch/|/jit/")
FORMATTING = re.compile(r"^(fmt|spdlog)/")
SUFFIXES = {".hpp", ".cpp"}


def layer_of(relative):
    """The layer of a source file, from its path: include/freeinit/[impl/]LAYER/..., src/LAYER..."""
    parts = relative.parts
    if parts[:2] == ("include", "freeinit"):
        return parts[3] if parts[2] == "impl" else parts[2]
    if parts[0] == "kernels":
        return "kernels"
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else relative.stem
    return None


def is_public(relative):
    return relative.parts[:2] == ("include", "freeinit") and relative.parts[2] != "impl"


def included_layer(header):
    match = re.match(r"freeinit/(?:impl/)?(\w+)/", header)
    return match and match.group(1)


def include_problem(relative, layer, header):
    """What is wrong with this file including that header, or None."""
    target = included_layer(header)
    if target and target != layer and LEVELS.get(target, 99) >= LEVELS.get(layer, 0):
        return f"layer {layer} includes {header}: includes only go down"
    if TORCH.match(header) and layer in WITHOUT_TORCH:
        return f"layer {layer} includes {header}: it has no LibTorch"
    models_body = relative.parts[:4] == ("include", "freeinit", "impl", "models")
    if TORCHSCRIPT.search(header) and not models_body:
        return f"includes {header}: TorchScript stays in impl/models"
    if is_public(relative) and TORCH.match(header) and header not in PUBLIC_TORCH:
        return f"includes {header}: public headers take {' and '.join(sorted(PUBLIC_TORCH))} alone"
    if FORMATTING.match(header) and layer != "cli":
        return f"includes {header}: fmt and spdlog stay out of the library"
    return None


def file_problems(root, relative):
    raw = (root / relative).read_bytes()
    layer = layer_of(relative)
    lines = raw.decode("utf-8", errors="replace").splitlines()
    if len(lines) > MOST_LINES:
        yield f"{relative}: {len(lines)} lines; at most {MOST_LINES}"
    for number, line in enumerate(lines, 1):
        if not line.isascii():
            yield f"{relative}:{number}: not ASCII"
        match = INCLUDE.match(line)
        problem = match and layer and include_problem(relative, layer, match.group(1))
        if problem:
            yield f"{relative}:{number}: {problem}"


def listed_headers(root):
    """The headers that cmake/FreeinitHeaders.cmake lists, as paths below include/freeinit."""
    text = re.sub(r"#.*", "", (root / "cmake/FreeinitHeaders.cmake").read_text())
    listed = set()
    for variable, prefix, suffix in [("DECLARATIONS", "", ".hpp"), ("BODIES", "impl/", "_inl.hpp")]:
        names = re.search(rf"set\(FREEINIT_{variable}\s+([^)]*)\)", text).group(1).split()
        listed |= {prefix + name + suffix for name in names}
    return listed


def header_list_problems(root):
    folder = root / "include" / "freeinit"
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.hpp")}
    listed = listed_headers(root)
    for name in sorted(there - listed):
        yield f"include/freeinit/{name}: not in cmake/FreeinitHeaders.cmake"
    for name in sorted(listed - there):
        yield f"cmake/FreeinitHeaders.cmake: lists {name}, which is not there"


def sources(root):
    for folder in ["include", "kernels", "src", "tests", "examples", "benchmarks"]:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path.relative_to(root)


def problems(root):
    for relative in sources(root):
        yield from file_problems(root, relative)
    yield from header_list_problems(root)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(problems(root))
    print("\n".join(found) if found else "source rules: all kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
