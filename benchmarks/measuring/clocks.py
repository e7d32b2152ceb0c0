"""By which of its two times a result is read."""

from __future__ import annotations

CLOCKS = {"seconds": "wall time", "cpu_seconds": "CPU time"}


def clock_of(conditions: dict) -> str:
    """With one thread the time is CPU time, which is what a call takes on a free core and what a
    busy machine disturbs least. It says nothing of work on another device."""
    on_cpu = conditions.get("device", "cpu") == "cpu"  # older results do not name it
    return "cpu_seconds" if on_cpu and conditions["threads"] == 1 else "seconds"
