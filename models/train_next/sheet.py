"""Contact sheets: what a figure cannot say."""

from pathlib import Path

import torch
from PIL import Image


def grid(pictures, columns):
    """Rows of `columns` pictures, of pictures [n, 3, h, w]; those that fill no row are left out."""
    columns = min(columns, len(pictures))
    return pictures[: len(pictures) // columns * columns].unflatten(0, (-1, columns))


def save(path, rows):
    """A PNG of pictures [rows, columns, 3, h, w] in 0..1."""
    r, c, _, h, w = rows.shape
    picture = (rows.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 3, 1, 4, 2).reshape(r * h, c * w, 3)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.numpy()).save(path)
