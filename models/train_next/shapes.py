"""Lit shapes with soft shadows, drawn from signed distance functions (so edges are smooth)."""

import torch


def distance(shape, x, y, radius):
    """Signed distance in pixels to the outline of circle (0), square (1) or triangle (2), negative inside.

    All arguments broadcast; x and y are relative to the shape's centre.
    """
    circle = (x * x + y * y).sqrt() - radius
    corner = 0.16 * radius
    side = 0.9 * radius - corner
    qx, qy = x.abs() - side, y.abs() - side
    square = ((qx.clamp(min=0) ** 2 + qy.clamp(min=0) ** 2).sqrt()
              + torch.maximum(qx, qy).clamp(max=0) - corner)
    # An equilateral triangle, point up, moved down so that its box is centred.
    big = 1.3 * radius
    yt = y - 0.25 * big
    triangle = torch.maximum(x.abs() * 0.8660254 - yt * 0.5, yt) - big * 0.5
    return torch.where(shape == 0, circle, torch.where(shape == 1, square, triangle))


def _smooth(x):
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


def draw(image, shape, rgb, radius, centre, px, py):
    """`image` [n, 3, h, w] with one shape more on every picture.

    shape [n], rgb [n, 3], radius [n], centre [n, 2]; px and py [n, h, w] are the pixels' places.
    """
    x, y = px - centre[:, 0, None, None], py - centre[:, 1, None, None]
    r, shape = radius[:, None, None], shape[:, None, None]
    shadow = _smooth((6.0 - distance(shape, x - 4.0, y - 6.0, r)) / 13.0)
    inside = distance(shape, x, y, r)
    # Light from above left: a slope over the whole shape, a darker rim, a soft highlight.
    slope = 1.0 - 0.2 * (x + y) / (1.4142 * r)
    rim = 0.78 + 0.22 * _smooth(-inside / (0.3 * r))
    glow = 0.5 * torch.exp(-((x + 0.33 * r) ** 2 + (y + 0.33 * r) ** 2) / (0.16 * r * r))
    colour = rgb[:, :, None, None] * (slope * rim)[:, None]
    colour = (colour + (1 - colour) * glow[:, None]).clamp(0, 1)
    cover = (0.5 - inside).clamp(0, 1)[:, None]
    return image * (1 - 0.5 * shadow)[:, None] * (1 - cover) + colour * cover
