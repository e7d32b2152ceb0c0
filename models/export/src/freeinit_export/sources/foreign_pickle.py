"""Pickled checkpoints that hold more than tensors, read without running any code of theirs.

Trainers put callbacks, configurations and NumPy numbers beside the weights. `torch.load` asks this
module in place of `pickle`: whatever is not needed to build a tensor becomes a stand-in, which keeps
what is stored under names and does nothing.
"""

from __future__ import annotations

import collections
import pickle
from typing import Any

import torch

_BUILDERS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter")


def _stand_in() -> type:
    """A fresh class: a file may set attributes of whatever it is handed."""

    class StandIn(dict):
        dump_patches = False  # the format before torch 1.6 asks the classes of modules

        def __new__(cls, *arguments: Any, **named: Any):
            return super().__new__(cls)

        def __init__(self, *arguments: Any, **named: Any):
            super().__init__()

        def __setstate__(self, state: Any) -> None:
            if isinstance(state, dict):
                self.update(state)

        def append(self, item: Any) -> None:
            """What stands in lists and sets of foreign classes is not needed."""

        add = extend = append

        __hash__ = object.__hash__  # a key of dictionaries, as any object

        def __eq__(self, other: object) -> bool:
            return self is other

    return StandIn


def _builder(name: str):
    build = getattr(torch._utils, name)
    return lambda *arguments: build(*arguments)  # its own object, as above


class Unpickler(pickle.Unpickler):
    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self._classes: dict[str, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" == "collections.OrderedDict":
            return collections.OrderedDict
        if f"{module}.{name}" == "torch.Size":
            return torch.Size
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        key = f"{module}.{name}"
        if key not in self._classes:
            builds = module == "torch._utils" and name in _BUILDERS
            self._classes[key] = _builder(name) if builds else _stand_in()
        return self._classes[key]


def load(file: Any, **options: Any) -> Any:
    return Unpickler(file, **options).load()
