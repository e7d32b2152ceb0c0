"""The latent cache: the training clips, encoded once, in half precision."""

from dataclasses import dataclass

import torch

import autoencoder
import world
from trainer import write

SEED, SHARDS, SHARD_CLIPS = 4, 10, 400


@dataclass
class Cache:
    latents: torch.Tensor  # [n, FRAMES, 4, 16, 16], unscaled float16
    words: list  # n rows of four
    second: list  # n rows: colour and shape of the other shape, or None
    pan: list  # n: the camera's direction, or None
    factor: float  # what brings the latents to unit variance

    def __len__(self):
        return len(self.words)


def _path(out, index):
    return out / "latents" / f"{index:02d}.pt"


@torch.no_grad()
def _encode_shard(out, index, run):
    path, count = _path(out, index), run.count(SHARD_CLIPS)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    model = autoencoder.load(out)
    generator = torch.Generator().manual_seed(SEED * 1_000_000 + index)
    clips = world.draw_clips(world.draw_words(count, generator, "train"), generator)
    parts = []
    for i in range(0, count, 4):
        pixels = world.render_clips(clips.pick(slice(i, i + 4)))
        parts.append(autoencoder.encode(model, pixels.flatten(0, 1)).half().view(-1, world.FRAMES, 4, 16, 16))
    write(path, {"latents": torch.cat(parts), "words": clips.words, "second": clips.second, "pan": clips.pan})
    run.log(f"latents {index + 1} of {run.count(SHARDS, 2)}")


def make(out, run):
    for index in range(run.count(SHARDS, 2)):
        _encode_shard(out, index, run)
    cache = load(out)
    return {"clips": len(cache), "scaling_factor": cache.factor}


def scaling_factor(out):
    return float(1 / torch.load(_path(out, 0))["latents"].float().std())


def load(out):
    shards = [torch.load(path) for path in sorted((out / "latents").glob("*.pt"))]
    joined = {name: torch.cat([s[name] for s in shards]) for name in shards[0]}
    second = [tuple(row) if row[0] >= 0 else None for row in joined["second"].tolist()]
    pan = [p if p >= 0 else None for p in joined["pan"].tolist()]
    return Cache(joined["latents"], joined["words"].tolist(), second, pan, scaling_factor(out))
