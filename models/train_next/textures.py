"""Backgrounds: stone, stripes, bricks and clouds as functions of the place.

A texture is evaluated at coordinates, so a camera pan moves it by fractions of a pixel and its
edges stay as smooth as they are.  Everything random is in `Texture`.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

GRID = 24  # points of a noise lattice along one side
MARGIN = 24.0  # pixels beyond the picture that a pan may show
# Clay, sand, slate, sea. No word names them: the model has to decide, in the frequency that every filter keeps.
COLOURS = torch.tensor([[0.66, 0.40, 0.30], [0.80, 0.70, 0.52], [0.30, 0.37, 0.50], [0.30, 0.55, 0.53]])
MORTAR = 0.82
APART = 0.3  # of a tone from the shapes' colours; .42 took clay from red and sea from cyan shapes


@dataclass
class Texture:
    """The backgrounds of n clips; the first axis of every field is the clip."""

    kind: torch.Tensor  # [n], index in words.BACKGROUNDS
    tones: torch.Tensor  # [n, 2, 3], the two colours
    scale: torch.Tensor  # [n], size of the pattern, about 1
    angle: torch.Tensor  # [n], of stripes, radians
    phase: torch.Tensor  # [n, 2], pixels
    lattice: torch.Tensor  # [n, 3, GRID, GRID], 0..1

    def pick(self, index):
        return Texture(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


def _tones(n, generator):
    """Two tones a clip: one of COLOURS, darker and paler."""
    colour = COLOURS[torch.randint(len(COLOURS), (n,), generator=generator)]
    light = torch.rand(n, 1, generator=generator)
    first = torch.where(torch.rand(n, 1, generator=generator) < 0.5, -1.0, 1.0)
    apart = first * (0.08 + 0.08 * light)
    return torch.stack([colour - apart, colour + apart], 1)


def draw(kind, away_from, generator):
    """Textures of these kinds [n] whose two tones differ from the colours away_from [n, k, 3]."""
    n = len(kind)
    tones = torch.empty(n, 2, 3)
    todo = torch.arange(n)
    while len(todo):
        tones[todo] = _tones(len(todo), generator)
        distance = (tones[todo][:, :, None] - away_from[todo][:, None]).norm(dim=-1)
        todo = todo[distance.amin((1, 2)) < APART]
    return Texture(kind, tones, 0.85 + 0.3 * torch.rand(n, generator=generator),
                   math.pi * torch.rand(n, generator=generator), 64 * torch.rand(n, 2, generator=generator),
                   torch.rand(n, 3, GRID, GRID, generator=generator))


def _noise(lattice, x, y, cell):
    """Smooth noise in 0..1 at x, y [n, h, w]: a lattice [n, GRID, GRID] with cells of `cell` pixels."""
    def place(p):
        p = (p + MARGIN) / cell
        whole = p.floor()
        part = p - whole
        return (whole + part * part * (3 - 2 * part)) * (2 / (GRID - 1)) - 1

    points = torch.stack([place(x), place(y)], -1)
    return F.grid_sample(lattice[:, None], points, align_corners=True, padding_mode="reflection")[:, 0]


def _clouds_of_noise(t, x, y, cell):
    """Three octaves in about 0..1."""
    octaves = [_noise(t.lattice[:, i], x, y, cell / 2 ** i) for i in range(3)]
    return (octaves[0] + 0.5 * octaves[1] + 0.25 * octaves[2]) / 1.75


def _stone(t, x, y):
    return ((_clouds_of_noise(t, x, y, 84.0) - 0.5) * 2.2 + 0.5).clamp(0, 1)


def _stripes(t, x, y):
    period = 80.0 * t.scale[:, None, None]
    angle = t.angle[:, None, None]
    along = (x + t.phase[:, :1, None]) * angle.cos() + (y + t.phase[:, 1:, None]) * angle.sin()
    wave = (2 * math.pi * along / period).sin()
    return (wave * period / 9.0 + 0.5).clamp(0, 1)


def _bricks(t, x, y):
    """Every brick has its own mixture of the tones; and 1 in the mortar."""
    width = 100.0 * t.scale[:, None, None]
    height = 0.6 * width
    v = (y + MARGIN + t.phase[:, 1:, None]) / height
    row = v.floor()
    u = (x + MARGIN + t.phase[:, :1, None]) / width + 0.5 * (row % 2)
    column = u.floor()
    edge = torch.minimum((0.5 - (u - column - 0.5).abs()) * width, (0.5 - (v - row - 0.5).abs()) * height)
    cell = (row.long() % GRID) * GRID + column.long() % GRID
    shade = t.lattice[:, 0].flatten(1).gather(1, cell.flatten(1)).view(x.shape)
    return shade, ((4.2 - edge) / 1.6).clamp(0, 1)


def _clouds(t, x, y):
    noise = _clouds_of_noise(t, x * 0.62, y, 72.0)
    cover = ((noise - 0.38) / 0.26).clamp(0, 1)
    return cover * cover * (3 - 2 * cover)


def render(texture, x, y):
    """Pixels [n, 3, h, w] in 0..1 at the coordinates x, y [n, h, w]."""
    image = torch.empty(len(x), 3, *x.shape[1:])
    for kind, pattern in enumerate((_stone, _stripes, _bricks, _clouds)):
        index = (texture.kind == kind).nonzero()[:, 0]
        if not len(index):
            continue
        t = texture.pick(index)
        mix = pattern(t, x[index], y[index])
        mix, mortar = mix if isinstance(mix, tuple) else (mix, None)
        ground, other = t.tones[:, 0, :, None, None], t.tones[:, 1, :, None, None]
        image[index] = ground + (other - ground) * mix[:, None]
        if mortar is not None:
            image[index] += (MORTAR - image[index]) * mortar[:, None]
    return image.clamp(0, 1)
