"""The backends that `freeinit-export backend` can add: one module and one row each.

The module `freeinit_export.backends.NAME` (with `_` for `-`) has

* `FILE`: the file in the bundle that the manifest names;
* `TOLERANCE`: the largest relative difference from the TorchScript file;
* `convert(network, example, contract, file, calibration)`: writes `file`, which carries the text
  `contract`; `calibration()` makes videos and returns the inputs that the network had meanwhile;
* `runner(file)`: the written network as a function of the four inputs.
"""

from __future__ import annotations

import importlib

BACKENDS = {  # name: what a user gets
    "openvino": "CPU, fast for small networks",
    "int8": "CPU, faster and smaller, not quite the same video",
    "float16-weights": "CPU, weights of half the size",
}
CALIBRATED = ("int8",)  # those that call `calibration`


def backend_module(name: str):
    """Imported late: --help need not wait for LibTorch."""
    return importlib.import_module(f"freeinit_export.backends.{name.replace('-', '_')}")
