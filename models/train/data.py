"""The toy world the demo model learns: one lit shape that crosses a soft background.

A clip is 16 frames of 64x64 pixels.  Everything is drawn from signed distance
functions, so edges are antialiased and a clip costs almost nothing: the training
set is never stored as pixels.  Pixels are in 0..1.

The background phrase is present in half of the captions only.  When it is absent the
background is drawn at random (a soft gradient), so nothing in the prompt decides it:
that freedom is what lets FreeInit's effect show.
"""

import math
from dataclasses import dataclass

import torch

SIZE = 64
FRAMES = 16
LANE = 10.0  # pixels from the middle

COLOURS = {
    "red": (0.90, 0.13, 0.13),
    "yellow": (0.98, 0.84, 0.10),
    "green": (0.12, 0.70, 0.22),
    "cyan": (0.10, 0.80, 0.88),
    "blue": (0.16, 0.28, 0.95),
    "pink": (0.98, 0.30, 0.78),
}
SHAPES = ("circle", "square", "triangle")
MOTIONS = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "up": (0.0, -1.0), "down": (0.0, 1.0)}
BACKGROUNDS = {
    "gray": (0.50, 0.50, 0.50),
    "white": (0.92, 0.92, 0.92),
    "brown": (0.38, 0.25, 0.16),
    "black": (0.07, 0.07, 0.08),
}
COLOUR_NAMES, MOTION_NAMES, BACKGROUND_NAMES = list(COLOURS), list(MOTIONS), list(BACKGROUNDS)
FREE = len(BACKGROUNDS)  # the background's index when no phrase names it

COLOUR_RGB = torch.tensor(list(COLOURS.values()))
MOTION_XY = torch.tensor(list(MOTIONS.values()))
BACKGROUND_RGB = torch.tensor(list(BACKGROUNDS.values()))


def held_out(colour, shape, motion, background):
    """True where a combination is kept from training (about one in six; a tensor or an int).

    A Latin-square rule: every word and every pair of words is still seen in training, only
    the combination of the four is new.
    """
    return (colour + 2 * shape + 3 * motion + 5 * background) % 6 == 0


@dataclass
class Clips:
    """The parameters of n clips; every field is a tensor whose first axis is the clip."""

    colour: torch.Tensor
    shape: torch.Tensor
    motion: torch.Tensor
    background: torch.Tensor
    radius: torch.Tensor
    centre: torch.Tensor  # [n, FRAMES, 2], pixels
    tones: torch.Tensor  # [n, 2, 3], the colours at the two ends of the background's gradient
    gradient: torch.Tensor  # [n], the gradient's direction in radians

    def __len__(self):
        return len(self.colour)

    def pick(self, index):
        return Clips(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


def _free_tones(n, away_from, generator):
    """Two muted colours a clip, redrawn until both are far from the shape's colour."""
    tones = torch.empty(n, 2, 3)
    todo = torch.arange(n)
    while len(todo):
        base = torch.rand(len(todo), 1, 3, generator=generator)
        base = base.mean(-1, keepdim=True) + 0.45 * (base - base.mean(-1, keepdim=True))
        light = (torch.rand(len(todo), 1, 1, generator=generator) - 0.5) * 0.7
        shift = (torch.rand(len(todo), 2, 3, generator=generator) - 0.5) * 0.3
        tones[todo] = (base + light + shift).clamp(0.04, 0.96)
        near = (tones[todo] - away_from[todo, None]).norm(dim=-1).amin(1) < 0.5
        todo = todo[near]
    return tones


def draw_clips(n, generator, split="train", combos=None, lanes=True):
    """Draws n clips: split is "train", "held_out" or "all"; combos [n, 4] fixes the words instead.

    lanes=False lets a shape cross anywhere.
    """
    if combos is None:
        rows = torch.empty(0, 4, dtype=torch.long)
        while len(rows) < n:
            draw = torch.stack([
                torch.randint(len(COLOURS), (2 * n,), generator=generator),
                torch.randint(len(SHAPES), (2 * n,), generator=generator),
                torch.randint(len(MOTIONS), (2 * n,), generator=generator),
                torch.where(torch.rand(2 * n, generator=generator) < 0.5, FREE,
                            torch.randint(FREE, (2 * n,), generator=generator)),
            ], 1)
            if split != "all":
                draw = draw[held_out(*draw.unbind(1)) == (split == "held_out")]
            rows = torch.cat([rows, draw])
        combos = rows[:n]
    colour, shape, motion, background = combos.unbind(1)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=generator)

    # One long, straight, even move.  As in traffic every direction has its lane (left above,
    # right below, up on the left, down on the right): so one frame shows what the word means,
    # and a network can learn the word from single frames.  The judge knows no lanes.
    direction = MOTION_XY[motion]
    across = direction.flip(1).abs()
    travel = uniform(26.0, 32.0, n, 1)
    wide = LANE * direction.sum(1, keepdim=True) + uniform(-3.0, 3.0, n, 1)
    if not lanes:
        wide = uniform(-9.0, 9.0, n, 1)
    middle = SIZE / 2 + direction.abs() * uniform(-2.0, 2.0, n, 1) + across * wide
    step = torch.linspace(-0.5, 0.5, FRAMES)
    centre = middle[:, None] + step[None, :, None] * (travel * direction)[:, None]

    free = _free_tones(n, COLOUR_RGB[colour], generator)
    shade = uniform(0.02, 0.09, n, 1, 1) * torch.tensor([-1.0, 1.0])[None, :, None]
    named = (BACKGROUND_RGB[background.clamp(max=FREE - 1)][:, None] + shade).clamp(0, 1)
    tones = torch.where((background == FREE)[:, None, None], free, named)
    return Clips(colour, shape, motion, background, uniform(11.0, 13.5, n), centre, tones,
                 uniform(0.0, 2 * math.pi, n))


def _distance(shape, x, y, r):
    """Signed distance to the shape's outline, in pixels, negative inside."""
    circle = (x * x + y * y).sqrt() - r
    side = 0.9 * r
    qx, qy = x.abs() - side, y.abs() - side
    square = (qx.clamp(min=0) ** 2 + qy.clamp(min=0) ** 2).sqrt() + torch.maximum(qx, qy).clamp(max=0) - 1.0
    # An equilateral triangle, point up, moved down so that its box is centred.
    big = 1.3 * r
    yt = y - 0.25 * big
    triangle = torch.maximum(x.abs() * 0.8660254 - yt * 0.5, yt) - big * 0.5
    return torch.where(shape == 0, circle, torch.where(shape == 1, square, triangle))


def render(clips, frame, origin=None, size=SIZE):
    """Pixels [n, 3, size, size] of one frame of every clip.

    frame [n] is the frame's index; origin [n, 2] the corner of the window that is drawn.
    """
    n = len(clips)
    axis = torch.arange(size) + 0.5
    origin = torch.zeros(n, 2) if origin is None else origin
    px = (axis[None, None, :] + origin[:, 0, None, None]).expand(n, size, size)
    py = (axis[None, :, None] + origin[:, 1, None, None]).expand(n, size, size)
    centre = clips.centre[torch.arange(n), frame]
    x, y = px - centre[:, 0, None, None], py - centre[:, 1, None, None]
    r, shape = clips.radius[:, None, None], clips.shape[:, None, None]

    angle = clips.gradient[:, None, None]
    along = ((px - SIZE / 2) * angle.cos() + (py - SIZE / 2) * angle.sin()) / SIZE * 0.8 + 0.5
    along = along.clamp(0, 1)[:, None]
    image = clips.tones[:, 0, :, None, None] * (1 - along) + clips.tones[:, 1, :, None, None] * along

    # A faint soft shadow below and to the right, then the shape, lit from above left.
    shadow = ((4.0 - _distance(shape, x - 1.5, y - 2.5, r)) / 8.0).clamp(0, 1)
    image = image * (1 - 0.28 * shadow * shadow * (3 - 2 * shadow))[:, None]
    light = 1.0 - 0.16 * (x + y) / (1.4142 * r)
    glow = 0.25 * torch.exp(-((x + 0.35 * r) ** 2 + (y + 0.35 * r) ** 2) / (0.3 * r * r))
    colour = COLOUR_RGB[clips.colour][:, :, None, None] * light[:, None]
    colour = (colour + (1 - colour) * glow[:, None]).clamp(0, 1)
    cover = (0.5 - _distance(shape, x, y, r)).clamp(0, 1)[:, None]
    return image * (1 - cover) + colour * cover


def render_clips(clips):
    """All frames of every clip: [n, FRAMES, 3, SIZE, SIZE]."""
    index = torch.arange(len(clips)).repeat_interleave(FRAMES)
    frame = torch.arange(FRAMES).repeat(len(clips))
    return render(clips.pick(index), frame).view(len(clips), FRAMES, 3, SIZE, SIZE)


def caption(colour, shape, motion, background):
    """The plain sentence for the four words' indices."""
    text = f"a {COLOUR_NAMES[colour]} {SHAPES[shape]} moving {MOTION_NAMES[motion]}"
    return text if background == FREE else f"{text} on a {BACKGROUND_NAMES[background]} background"


def random_caption(colour, shape, motion, background, rng):
    """Mostly the plain sentence, now and then another way to say the same (rng: random.Random)."""
    if rng.random() < 0.75:
        return caption(colour, shape, motion, background)
    start = rng.choice(["", "a ", "one ", "the ", "a video of a ", "a big "])
    verb = rng.choice(["moving", "moves", "moving to the", "moves to the", "sliding", "going"])
    text = f"{start}{COLOUR_NAMES[colour]} {SHAPES[shape]} {verb} {MOTION_NAMES[motion]}"
    if background != FREE:
        name = BACKGROUND_NAMES[background]
        text += rng.choice([f" on a {name} background", f" on {name}", f", {name} background",
                            f" in front of a {name} background"])
    return text


WORDS = sorted(set(
    "a one the video of big moving moves to sliding going on background in front".split()
    + list(COLOURS) + list(SHAPES) + list(MOTIONS) + list(BACKGROUNDS)))


def held_out_prompts(n=200, seed=2312):
    """n (combination, prompt, seed) of combinations that training never saw."""
    generator = torch.Generator().manual_seed(seed)
    combos = [c for c in torch.cartesian_prod(torch.arange(len(COLOURS)), torch.arange(len(SHAPES)),
                                              torch.arange(len(MOTIONS)), torch.arange(FREE)).tolist()
              if held_out(*c)]
    free = [c for c in torch.cartesian_prod(torch.arange(len(COLOURS)), torch.arange(len(SHAPES)),
                                            torch.arange(len(MOTIONS)), torch.tensor([FREE])).tolist()
            if held_out(*c)]
    def take(rows, count):
        order = [i for _ in range(-(-count // len(rows)))
                 for i in torch.randperm(len(rows), generator=generator).tolist()]
        return [rows[i] for i in order[:count]]
    rows = take(free, n // 2) + take(combos, n - n // 2)
    rows = [rows[i] for i in torch.randperm(n, generator=generator).tolist()]
    return [{"combo": row, "prompt": caption(*row), "seed": 1000 + i} for i, row in enumerate(rows)]
