"""How sure a ratio of two medians is, by the rounds they are of."""

from __future__ import annotations

import random
from statistics import median

RESAMPLES, SEED = 4000, 2312
TAIL = 0.025


def ratio_interval(ours: dict, theirs: dict, clock: str) -> tuple[float, float]:
    """95 % bootstrap interval of the ratio of medians. What is drawn are rounds, with both peers' times:
    a machine that is slow for a while is so for both. Results that lack the rounds' CPU time are read by
    their wall time, which on one thread with a core of its own is about the same."""
    key = f"all_{clock}" if f"all_{clock}" in ours else "all_seconds"
    pairs = list(zip(ours[key], theirs[key], strict=True))
    draw = random.Random(SEED)
    ratios = []
    for _ in range(RESAMPLES):
        own, other = zip(*draw.choices(pairs, k=len(pairs)), strict=True)
        ratios.append(median(own) / median(other))
    ratios.sort()
    return ratios[int(TAIL * RESAMPLES)], ratios[int((1 - TAIL) * RESAMPLES)]
