"""Which peer the others are compared with."""

from __future__ import annotations

from collections.abc import Iterable

REFERENCE = "diffusers"


def reference_of(peers: Iterable[str]) -> str:
    """diffusers, or the first peer of a run without it."""
    names = list(peers)
    return REFERENCE if REFERENCE in names else names[0]
