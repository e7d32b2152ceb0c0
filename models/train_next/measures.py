"""What is measured of clips [n, F, 3, h, w] in 0..1, one number a clip."""

import torch

import words as w

STRIP = 32  # rows or columns across from the shape's lane, where nothing of it is ever drawn


def _background(clips, motion, measure):
    """A measure [n] of the strip of each clip that a shape moving so (indices [n]) never reaches.

    Right runs low in the picture and left high, up on the left and down on the right: the strip on
    the other side shows background alone.
    """
    strips = {"left": clips[..., -STRIP:, :], "right": clips[..., :STRIP, :],
              "up": clips[..., -STRIP:], "down": clips[..., :STRIP]}
    each = torch.stack([measure(strips[name]) for name in w.MOTION_NAMES], 1)
    return each.gather(1, motion[:, None])[:, 0]


def background_deviation(clips, motion):
    """Standard deviation over time of the pixels that a shape moving so (indices [n]) never reaches."""
    return _background(clips, motion, lambda strip: strip.std(1).mean((1, 2, 3)))


def background_contrast(clips, motion):
    """Standard deviation over the places of a frame's pixels there, a mean of frames and colours."""
    return _background(clips, motion, lambda strip: strip.std((3, 4)).mean((1, 2)))


def in_lane(clips, words):
    """Share of the frames in which what has the colour asked for (words [n, 4]) is on its direction's side of the
    picture; half of them by chance."""
    near = (clips - w.COLOUR_RGB[words[:, 0]][:, None, :, None, None]).square().mean(2) < 0.03  # [n, F, h, w]
    height, width = clips.shape[-2:]
    down = (near.float().sum(-1) * (torch.arange(height) - (height - 1) / 2)).sum(-1)
    across = (near.float().sum(-2) * (torch.arange(width) - (width - 1) / 2)).sum(-1)
    sides = {"left": -down, "right": down, "up": -across, "down": across}
    each = torch.stack([sides[name] > 0 for name in w.MOTION_NAMES], 1)  # [n, 4, F]
    return each[torch.arange(len(words)), words[:, 2]].float().mean(1)


def motion_energy(clips):
    """Mean squared change from frame to frame."""
    return (clips[:, 1:] - clips[:, :-1]).square().mean((1, 2, 3, 4))


def flicker(clips):
    """VBench's temporal flickering: 1 for a still picture."""
    return 1 - (clips[:, 1:] - clips[:, :-1]).abs().mean((1, 2, 3, 4))


def consistency(features):
    """The paper's temporal consistency, times 100: mean cosine of the first frame's features [n, F, D]
    with those of each later frame."""
    unit = torch.nn.functional.normalize(features, dim=-1)
    return 100 * (unit[:, 1:] * unit[:, :1]).sum(-1).mean(1)
