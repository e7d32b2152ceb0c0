"""The toy world that the demo model learns: lit shapes that cross a still, textured background.

A clip is 16 frames of 128x128 pixels in 0..1.  It is drawn from a few numbers and costs almost
nothing, so the training set is never stored as pixels.
"""

from dataclasses import dataclass, fields

import torch

import shapes
import textures
import words as w

SIZE = 128
FRAMES = 16
LANE = 18.0  # pixels from the middle
TWO, PANNED = 0.12, 0.12  # shares of clips with a second shape, with a moving camera


@dataclass
class Clips:
    """The parameters of n clips; the first axis of every field is the clip."""

    words: torch.Tensor  # [n, 4]: colour, shape, motion, background
    second: torch.Tensor  # [n, 2]: colour and shape of the other shape, -1 where there is none
    pan: torch.Tensor  # [n]: the camera's direction, -1 where it stands still
    radius: torch.Tensor  # [n]
    centre: torch.Tensor  # [n, 2, FRAMES, 2], pixels, of both shapes
    camera: torch.Tensor  # [n, FRAMES, 2], pixels, where the background's origin is
    texture: textures.Texture

    def __len__(self):
        return len(self.words)

    def pick(self, index):
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return Clips(**{name: part.pick(index) if name == "texture" else part[index]
                        for name, part in parts.items()})


def draw_words(n, generator, split="train"):
    """Words [n, 4]; split is "train", "held_out" or "all"."""
    rows = torch.empty(0, 4, dtype=torch.long)
    while len(rows) < n:
        draw = torch.stack([torch.randint(count, (2 * n,), generator=generator) for count in (
            len(w.COLOURS), len(w.SHAPES), len(w.MOTIONS), w.UNNAMED)], 1)
        draw[torch.rand(2 * n, generator=generator) < 0.5, 3] = w.UNNAMED
        if split != "all":
            draw = draw[w.held_out(*draw.unbind(1)) == (split == "held_out")]
        rows = torch.cat([rows, draw])
    return rows[:n]


def draw_clips(words, generator, lanes=True, two=TWO, panned=PANNED):
    """Clips of these words [n, 4].  lanes=False lets a shape cross anywhere."""
    n = len(words)
    colour, _, motion, background = words.unbind(1)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=generator)

    pair = uniform(0, 1, n) < two
    others = (colour + 1 + torch.randint(len(w.COLOURS) - 1, (n,), generator=generator)) % len(w.COLOURS)
    second = torch.stack([others, torch.randint(len(w.SHAPES), (n,), generator=generator)], 1)
    second[~pair] = -1
    pan = torch.randint(len(w.PANS), (n,), generator=generator)
    pan[uniform(0, 1, n) >= panned] = -1

    free = torch.randint(w.UNNAMED, (n,), generator=generator)
    kind = torch.where(background == w.UNNAMED, free, background)
    used = w.COLOUR_RGB[torch.stack([colour, torch.where(pair, second[:, 0], colour)], 1)]
    return Clips(words, second, pan, torch.where(pair, uniform(14.0, 17.0, n), uniform(19.0, 24.0, n)),
                 _paths(motion, pair, lanes, uniform), _camera(pan, uniform),
                 textures.draw(kind, used, generator))


def _paths(motion, pair, lanes, uniform):
    """The centres [n, 2, FRAMES, 2] of the shape and of the other one, which goes the opposite way.

    One long, straight, even move.  As in traffic every direction has its lane (left above, right
    below, up on the left, down on the right): one frame shows what the word means, so a network can
    learn the word from single frames.  The judge knows no lanes.
    """
    n = len(motion)
    step = torch.linspace(-0.5, 0.5, FRAMES)
    both = []
    for direction in (w.MOTION_XY[motion], -w.MOTION_XY[motion]):
        travel = uniform(48.0, 60.0, n, 1)
        lane = torch.where(pair[:, None], LANE + 8.0, LANE) * direction.sum(1, keepdim=True)
        wide = lane + uniform(-4.0, 4.0, n, 1) if lanes else uniform(-18.0, 18.0, n, 1)
        across = direction.flip(1).abs()
        middle = SIZE / 2 + direction.abs() * uniform(-3.0, 3.0, n, 1) + across * wide
        both.append(middle[:, None] + step[None, :, None] * (travel * direction)[:, None])
    return torch.stack(both, 1)


def _camera(pan, uniform):
    """Where the picture's corner is on the background, [n, FRAMES, 2]."""
    far = uniform(14.0, 24.0, len(pan), 1, 1)
    way = torch.where((pan < 0)[:, None], 0.0, w.PAN_XY[pan.clamp(min=0)])
    return way[:, None] * torch.linspace(-0.5, 0.5, FRAMES)[None, :, None] * far


def _places(n, corner):
    """The pixels' places [n, SIZE, SIZE] each, for pictures whose corner is at corner [n, 2]."""
    axis = torch.arange(SIZE) + 0.5
    x = axis[None, None, :] + corner[:, 0, None, None]
    y = axis[None, :, None] + corner[:, 1, None, None]
    return x.expand(n, SIZE, SIZE), y.expand(n, SIZE, SIZE)


def _shapes(image, clips, frame):
    """Draws the shapes of one frame [n] of every clip upon the background."""
    rows = torch.arange(len(clips))
    px, py = _places(len(clips), torch.zeros(len(clips), 2))
    pair = (clips.second[:, 0] >= 0).nonzero()[:, 0]
    if len(pair):
        image[pair] = shapes.draw(image[pair], clips.second[pair, 1], w.COLOUR_RGB[clips.second[pair, 0]],
                                  clips.radius[pair], clips.centre[pair, 1, frame[pair]], px[pair], py[pair])
    return shapes.draw(image, clips.words[:, 1], w.COLOUR_RGB[clips.words[:, 0]], clips.radius,
                       clips.centre[rows, 0, frame], px, py)


def render(clips, frame):
    """Pixels [n, 3, SIZE, SIZE] of one frame [n] of every clip."""
    rows = torch.arange(len(clips))
    image = textures.render(clips.texture, *_places(len(clips), clips.camera[rows, frame]))
    return _shapes(image, clips, frame)


def render_clips(clips):
    """All frames of every clip: [n, FRAMES, 3, SIZE, SIZE].  A still background is drawn once."""
    n = len(clips)
    still = textures.render(clips.texture, *_places(n, clips.camera[:, 0]))
    result = still[:, None].repeat(1, FRAMES, 1, 1, 1)
    moving = (clips.pan >= 0).nonzero()[:, 0]
    for frame in range(FRAMES):
        if len(moving):
            result[moving, frame] = textures.render(
                clips.texture.pick(moving), *_places(len(moving), clips.camera[moving, frame]))
        result[:, frame] = _shapes(result[:, frame], clips, torch.full((n,), frame))
    return result
