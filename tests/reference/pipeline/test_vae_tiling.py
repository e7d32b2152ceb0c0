"""`--vae-tiling` gives the frames of diffusers' tiled decode.

The tiny VAE has four pixels a latent, so tiles of 16 pixels with an overlap of a quarter are those
of `tile_latent_min_size` 4 and `tile_sample_min_size` 16. How far from the whole frames tiles are at
most, docs/command.md says of the demo model.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from command import only_tensor
from comparing import BASE, PROMPT
from reference import MODELS

ROOT = Path(__file__).resolve().parents[3]
# | tile, overlap | step across a border, mean | difference from the whole, mean |
ROW = re.compile(r"^\| (\d+), (0(?:\.\d+)?) \| (0\.\d+) \| (0\.\d+) \|$", re.MULTILINE)
MARGIN = 0.1  # of a figure of the page
ROUNDING = 0.0005  # of its last digit
LIMIT = 1e-5  # of frames in 0..1; convolutions of equal tiles, and blends that round differently
SIZES = [(16, 0.25, 40, 56), (16, 0.5, 32, 32), (32, 0.25, 72, 40)]


def tiled_frames(vae, latents: torch.Tensor, tile: int, overlap: float) -> torch.Tensor:
    """Frames [F,H,W,3] in 0..1 of latents [1,C,F,h,w], one at a time."""
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size = tile, tile // scale
    vae.tile_overlap_factor = overlap
    z = latents[0].permute(1, 0, 2, 3) / vae.config.scaling_factor
    try:
        with torch.no_grad():
            pixels = torch.cat([vae.decode(z[i : i + 1]).sample for i in range(len(z))])
    finally:
        vae.disable_tiling()
    return (pixels / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)


def seam(tiled: torch.Tensor, whole: torch.Tensor, step: int) -> float:
    """The largest mean step across a border between tiles that the whole frames do not have."""
    worst = 0.0
    for axis in (1, 2):
        extra = (tiled - whole).diff(dim=axis).abs()
        for border in range(step, tiled.shape[axis], step):
            worst = max(worst, extra.select(axis, border - 1).mean().item())
    return worst


@pytest.mark.parametrize("tile, overlap, height, width", SIZES)
def test_frames_are_those_of_diffusers(exported, freeinit, tmp_path, tile, overlap, height, width):
    pipeline, bundle = exported(next(iter(MODELS)))
    settings = {**BASE, "height": height, "width": width, "num_iters": 1, "num_inference_steps": 2}
    tiling = {"vae_tiling": True, "vae_tile_size": tile, "vae_tile_overlap": overlap}
    tiled = freeinit.generate(bundle, tmp_path, PROMPT, 3, {**settings, **tiling})
    expected = tiled_frames(pipeline.vae, tiled.latents, tile, overlap)
    difference = (tiled.frames - expected).abs().max().item()
    whole = freeinit.generate(bundle, tmp_path, PROMPT, 3, settings)
    seams = (tiled.frames - whole.frames).abs()
    print(f"to diffusers {difference:.2g}; to the whole: {seams.max():.2g}, mean {seams.mean():.2g}")
    assert torch.equal(tiled.latents, whole.latents)
    assert difference <= LIMIT
    assert seams.max() > 10 * LIMIT  # the comparison can fail
    abrupt = freeinit.generate(
        bundle, tmp_path, PROMPT, 3, {**settings, **tiling, "vae_tile_overlap": 0}
    )
    blended, cut = (
        seam(tiled.frames, whole.frames, int(tile * (1 - overlap))),
        seam(abrupt.frames, whole.frames, tile),
    )
    print(f"steps across borders: {blended:.3g}, without overlap {cut:.3g}")
    assert blended < cut


def test_seams_are_those_of_the_page(freeinit, tmp_path):
    """Frames of twice the recommended size. The latents are sampled once; a kept run that goes on
    decodes them in other tiles."""
    rows = ROW.findall((ROOT / "docs" / "command.md").read_text())
    assert len(rows) == 5
    bundle = ROOT / "models" / "shapes"
    size = json.loads((bundle / "manifest.json").read_text())["recommended"]
    run = ["generate", PROMPT, "--bundle", bundle, "--seed", 3, "--num-iters", 1]
    run += ["--height", 2 * size["height"], "--width", 2 * size["width"], "--checkpoint", "kept"]
    freeinit.run([*run, "-o", "whole.gif", "--save-frames", "whole.safetensors"], tmp_path)
    whole = only_tensor(tmp_path / "whole.safetensors")
    found = []
    for tile, overlap, *_ in rows:
        tiles = ["--vae-tiling", "--vae-tile-size", tile, "--vae-tile-overlap", overlap]
        outputs = ["-o", "tiled.gif", "--save-frames", "tiled.safetensors", "--overwrite"]
        freeinit.run(["generate", "--resume", "kept", *tiles, *outputs], tmp_path)
        tiled = only_tensor(tmp_path / "tiled.safetensors")
        step = int(int(tile) * (1 - float(overlap)))
        found.append((seam(tiled, whole, step), (tiled - whole).abs().mean().item()))
        print(f"{tile}, {overlap}: step {found[-1][0]:.3f}, difference {found[-1][1]:.3f}")
    for (tile, overlap, *figures), measured in zip(rows, found, strict=True):
        for figure, value in zip(map(float, figures), measured, strict=True):
            assert value <= figure * (1 + MARGIN) + ROUNDING, f"tiles of {tile}, {overlap}"
    assert min(difference for _, difference in found) > LIMIT  # the comparison can fail
