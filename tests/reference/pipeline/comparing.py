"""What every comparison with a reference shares: settings, limits, and the comparison itself."""

from __future__ import annotations

import torch

LATENTS, FRAMES = 1e-4, 2e-3
PROMPT = "a red circle moving right"

BASE = {
    "num_frames": 6,
    "height": 32,
    "width": 32,
    "num_inference_steps": 4,
    "guidance_scale": 5.0,
    "eta": 0.0,
    "num_iters": 2,
    "use_fast_sampling": False,
    "method": "butterworth",
    "order": 4,
    "spatial_stop_frequency": 0.25,
    "temporal_stop_frequency": 0.25,
}


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    assert found.shape == expected.shape and found.dtype == expected.dtype
    return ((found - expected).abs().max() / expected.abs().max()).item()


def compare(figures, run, found, found_frames, expected, expected_frames, kind=""):
    """`kind` goes before the names of the figures."""
    figures.add(f"{kind}latents", run, relative(found, expected), LATENTS)
    expected_frames = torch.from_numpy(expected_frames)
    assert found_frames.shape == expected_frames.shape
    # Frames that are all black or white would hide a difference.
    assert ((expected_frames > 0.01) & (expected_frames < 0.99)).float().mean() > 0.5
    figures.add(f"{kind}frames", run, (found_frames - expected_frames).abs().max().item(), FRAMES)
