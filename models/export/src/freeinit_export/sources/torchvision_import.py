"""torchvision beside a torch that it was not built for.

A wheel of torchvision for CUDA, which PyPI has, cannot load its compiled operators beside a CPU build
of torch. It means to go on without them, but fails where it adds a shape rule to two of them. Image
encoders and their transforms use neither, so that it is enough to declare them.
"""

from __future__ import annotations

from torch import library

_DECLARED = ("nms", "qnms")  # non-maximum suppression, of detectors
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def import_torchvision() -> None:
    """To be called before anything that imports torchvision, timm among it. ImportError if it cannot be."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise ImportError(str(error)) from error
        for name in _DECLARED:
            library.define(f"torchvision::{name}", _SCHEMA)
        import torchvision  # noqa: F401
