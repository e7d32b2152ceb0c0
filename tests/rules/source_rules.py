"""Rules of the source tree, checked on the text of the files. Python's standard library only.

    python3 tests/rules/source_rules.py [ROOT]

* Includes only go down the LEVELS; a layer does not include its neighbours.
* No LibTorch below tensors and noise; TorchScript (<torch/...>, jit headers) only in impl/networks; public
  headers know no more of it than <ATen/core/Tensor.h> and <ATen/core/Generator.h>.
* No fmt or spdlog in the library.
* Sources are ASCII; files, scripts too, have at most 350 lines, functions at most 60.
* cmake/FreeinitHeaders.cmake lists every header, and nothing else.
* freeinit/freeinit.hpp includes every public header, freeinit/fwd.hpp declares every public type.
"""

import pathlib
import re
import sys

LEVELS = {
    "kernels": 0, "core": 1, "options": 2, "text": 2, "io": 2, "bundle": 3, "tensors": 3, "noise": 3, "sampling": 4,
    "passes": 5, "analysis": 5, "models": 5, "networks": 5, "pipeline": 6, "cli": 7, "c": 7,
}
WITHOUT_TORCH = {"kernels", "core", "options", "text", "io", "bundle"}
PUBLIC_TORCH = {"ATen/core/Tensor.h", "ATen/core/Generator.h"}
MOST_LINES = 350
MOST_FUNCTION_LINES = 60
UMBRELLA = {"freeinit", "fwd"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
TORCHSCRIPT = re.compile(r"^torch/|/jit/")
TORCHSCRIPT_BODIES = {("include", "freeinit", "impl", layer) for layer in ["models", "networks"]}
FORMATTING = re.compile(r"^(fmt|spdlog)/")
FUNCTION = re.compile(r"\)[^()]*\{$")
NO_FUNCTION = re.compile(r"^\s*(if|for|while|switch|do|else|try|catch|\}|//|#)|= \[|\]\(")
TYPE = re.compile(r"^(?:class|struct|enum class) (?:FREEINIT_API )?(\w+)(?: final)?(?: :[^{;]*)?\s*\{", re.M)
DECLARED = re.compile(r"^(?:class|struct|enum class) (\w+)[^{\n]*;", re.M)
DETAIL = re.compile(r"^namespace detail \{.*?^\}", re.M | re.S)
SUFFIXES = {".hpp", ".cpp", ".h", ".c"}
SCRIPTS = {".py", ".sh", ".cmake"}


def layer_of(relative):
    """The layer of a source file, from its path: include/freeinit/[impl/]LAYER/..., src/LAYER..."""
    parts = relative.parts
    if parts[0] == "kernels":
        return "kernels"
    if parts[:2] == ("include", "freeinit") and len(parts) > 3:
        return parts[3] if parts[2] == "impl" else parts[2]
    if parts[:2] == ("src", "backends"):
        return "networks"
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
    if TORCHSCRIPT.search(header) and relative.parts[:3] + (layer,) not in TORCHSCRIPT_BODIES:
        return f"includes {header}: TorchScript stays in impl/networks"
    if is_public(relative) and TORCH.match(header) and header not in PUBLIC_TORCH:
        return f"includes {header}: public headers take {' and '.join(sorted(PUBLIC_TORCH))} alone"
    if FORMATTING.match(header) and layer != "cli":
        return f"includes {header}: fmt and spdlog stay out of the library"
    return None


def goes_on(line):
    """Whether the statement of this line goes on in the next one."""
    text = line.strip()
    return bool(text) and not text.startswith(("#", "//")) and text.split("  //")[0][-1] not in ";{}:"


def functions(lines):
    """(first line, number of lines) of every function, by the indentation that clang-format gives them."""
    blocks = []  # (indentation, first line, whether it is a function)
    for number, line in enumerate(lines, 1):
        text = line.strip()
        indentation = len(line) - len(line.lstrip())
        if text.startswith("}") and blocks and blocks[-1][0] == indentation:
            _, first, is_function = blocks.pop()
            if is_function:
                yield first, number - first + 1
        if text.endswith("{"):
            first = number
            while first > 1 and goes_on(lines[first - 2]):
                first -= 1
            head = " ".join(part.strip() for part in lines[first - 1:number])
            blocks.append((len(lines[first - 1]) - len(lines[first - 1].lstrip()), first,
                           bool(FUNCTION.search(head)) and not NO_FUNCTION.search(head)))


def file_problems(root, relative):
    raw = (root / relative).read_bytes()
    layer = layer_of(relative)
    lines = raw.decode("utf-8", errors="replace").splitlines()
    if len(lines) > MOST_LINES:
        yield f"{relative}: {len(lines)} lines; at most {MOST_LINES}"
    if relative.suffix not in SUFFIXES:
        return
    for number, count in functions(lines):
        if count > MOST_FUNCTION_LINES:
            yield f"{relative}:{number}: a function of {count} lines; at most {MOST_FUNCTION_LINES}"
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


def umbrella_problems(root):
    """What freeinit/freeinit.hpp and freeinit/fwd.hpp miss, or name in vain."""
    folder = root / "include" / "freeinit"
    public = {name for name in listed_headers(root) if not name.startswith("impl/")} - {f"{u}.hpp" for u in UMBRELLA}
    umbrella, forward = ((folder / f"{name}.hpp").read_text() for name in sorted(UMBRELLA))
    included = set(re.findall(r"^#include <freeinit/([^>]+)>", umbrella, re.M)) - {"fwd.hpp"}
    defined = set()
    for name in sorted(public & {path.relative_to(folder).as_posix() for path in folder.rglob("*.hpp")}):
        defined |= set(TYPE.findall(DETAIL.sub("", (folder / name).read_text())))
    declared = set(DECLARED.findall(forward))
    for name in sorted(public - included):
        yield f"include/freeinit/freeinit.hpp: does not include {name}"
    for name in sorted(included - public):
        yield f"include/freeinit/freeinit.hpp: includes {name}, which is no public header"
    for name in sorted(defined - declared):
        yield f"include/freeinit/fwd.hpp: does not declare {name}"
    for name in sorted(declared - defined):
        yield f"include/freeinit/fwd.hpp: declares {name}, which no public header defines"


def sources(root):
    for folder in ["include", "src", "kernels", "tests", "examples", "benchmarks", "cmake", "scripts", "models", "docs"]:
        for path in sorted((root / folder).rglob("*")):
            if (path.suffix in SUFFIXES | SCRIPTS or path.name == "CMakeLists.txt") and path.is_file():
                yield path.relative_to(root)


def problems(root):
    for relative in sources(root):
        yield from file_problems(root, relative)
    yield from header_list_problems(root)
    yield from umbrella_problems(root)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(problems(root))
    print("\n".join(found) if found else "source rules: all kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
