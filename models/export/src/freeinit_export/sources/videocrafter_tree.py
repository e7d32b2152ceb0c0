"""Importing networks from the user's own checkout of VideoCrafter.

Its licence forbids shipping any of it, so the exporter runs the code where it lies and takes from it
no more than the classes of the networks. What those files import without using it is replaced by an
empty module, so that it need not be installed.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from freeinit_export.errors import ExportError, one_line

_PACKAGES = ("lvdm", "utils")  # top-level packages of the checkout
_UNUSED = ("cv2",)  # imported for reading images, which no network does
# With it, attention would be bound to CUDA; the export puts LibTorch's own fused attention there.
_UNWANTED = ("xformers",)


def load_classes(tree: Path, targets: list[str]) -> list[Any]:
    """The classes named `package.module.Class` from the checkout `tree`."""
    for package in _PACKAGES:
        if not (tree / package).is_dir():
            raise ExportError(
                f"'{tree}': has no folder '{package}'; expected a checkout of VideoCrafter"
            )
    with _importing_from(tree):
        modules = [_import(tree, target.rpartition(".")[0]) for target in targets]
    classes = []
    for module, target in zip(modules, targets, strict=True):
        name = target.rpartition(".")[2]
        if not hasattr(module, name):
            raise ExportError(f"'{tree}': '{module.__name__}' has no class '{name}'")
        classes.append(getattr(module, name))
    return classes


@contextlib.contextmanager
def _importing_from(tree: Path) -> Iterator[None]:
    replaced = {name: types.ModuleType(name) for name in _UNUSED}
    replaced.update(dict.fromkeys(_UNWANTED))  # None: "not installed"
    before = {name: sys.modules[name] for name in replaced if name in sys.modules}
    _forget_packages()  # of another checkout
    sys.modules.update(replaced)
    sys.path.insert(0, str(tree.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(tree.resolve()))
        for name in replaced:
            sys.modules.pop(name, None)
        sys.modules.update(before)


def _forget_packages() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in _PACKAGES]:
        del sys.modules[name]


def _import(tree: Path, name: str):
    missing: dict[str, types.ModuleType] = {}
    module = None
    try:
        while module is None:
            try:
                module = importlib.import_module(name)
            except ModuleNotFoundError as error:
                absent = error.name or ""
                if absent.partition(".")[0] in (*_PACKAGES, "") or absent in missing:
                    raise ExportError(f"'{tree}': cannot import '{name}': {one_line(error)}")
                # Goes on without it, to name all that are missing at once.
                missing[absent] = sys.modules[absent] = _Anything(absent)
            except Exception as error:  # whatever a module does while it is imported
                if not missing:
                    raise ExportError(f"'{tree}': cannot import '{name}': {one_line(error)}")
                break
    finally:
        for absent in missing:
            sys.modules.pop(absent, None)
    if missing:
        packages = list(dict.fromkeys(absent.partition(".")[0] for absent in missing))
        raise ExportError(
            f"'{tree}': its networks need Python packages that are not installed:"
            f" {', '.join(packages)}; install them with 'pip install {' '.join(packages)}'"
        )
    return module


class _Anything(types.ModuleType):
    """Stands in for a missing package until all missing ones are known."""

    __path__: list[str] = []

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return None
