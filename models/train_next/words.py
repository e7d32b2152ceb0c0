"""The words of the demo model's world: captions, the held-out split, the prompts that judge it.

A clip's words are four numbers (colour, shape, motion, background).  The background is named in
half of the captions; where it is not, and for its colours always, the model has a free choice:
that freedom is what lets FreeInit's effect show.
"""

import torch

COLOURS = {
    "red": (0.88, 0.13, 0.14),
    "yellow": (0.98, 0.80, 0.10),
    "green": (0.13, 0.66, 0.24),
    "cyan": (0.10, 0.76, 0.86),
    "blue": (0.16, 0.30, 0.92),
    "pink": (0.97, 0.36, 0.74),
}
SHAPES = ("circle", "square", "triangle")
MOTIONS = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "up": (0.0, -1.0), "down": (0.0, 1.0)}
BACKGROUNDS = ("stone", "striped", "brick", "cloudy")
PANS = {"left": (-1.0, 0.0), "right": (1.0, 0.0)}

COLOUR_NAMES, MOTION_NAMES, PAN_NAMES = list(COLOURS), list(MOTIONS), list(PANS)
UNNAMED = len(BACKGROUNDS)  # the background's word where the caption says nothing of it
OPPOSITE = (1, 0, 3, 2)  # of each motion

COLOUR_RGB = torch.tensor(list(COLOURS.values()))
MOTION_XY = torch.tensor(list(MOTIONS.values()))
PAN_XY = torch.tensor(list(PANS.values()))


def held_out(colour, shape, motion, background):
    """True where a combination is kept from training (about one in six; tensors or ints).

    A Latin-square rule: every word and every pair of words is seen in training, only the
    combination of the four is new.
    """
    return (colour + 2 * shape + 3 * motion + 5 * background) % 6 == 0


def _ending(background):
    return "" if background == UNNAMED else f" on a {BACKGROUNDS[background]} background"


def caption(colour, shape, motion, background):
    """The plain sentence of four words."""
    return f"a {COLOUR_NAMES[colour]} {SHAPES[shape]} moving {MOTION_NAMES[motion]}{_ending(background)}"


def training_caption(words, second, pan, rng):
    """A sentence for a clip, now and then not the plain one (rng: random.Random).

    second: (colour, shape) of the other shape, which moves the opposite way, or None.
    pan: the index of the camera's direction, or None.
    """
    colour, shape, motion, background = words
    if rng.random() < 0.75:
        start, verb, ending = "a ", "moving", _ending(background)
    else:
        start = rng.choice(["", "a ", "one ", "the ", "a video of a "])
        verb = rng.choice(["moving", "moves", "moving to the", "moves to the", "sliding", "going"])
        name = "" if background == UNNAMED else BACKGROUNDS[background]
        ending = rng.choice([f" on a {name} background", f" on {name}", f", {name} background",
                             f" in front of a {name} background"]) if name else ""
    text = f"{start}{COLOUR_NAMES[colour]} {SHAPES[shape]} {verb} {MOTION_NAMES[motion]}"
    if second is not None:
        other = f"{COLOUR_NAMES[second[0]]} {SHAPES[second[1]]}"
        text += f" and a {other} moving {MOTION_NAMES[OPPOSITE[motion]]}"
    text += ending
    if pan is not None:
        text += f", camera pans {PAN_NAMES[pan]}"
    return text


VOCABULARY = sorted(set(
    "a one the video of and moving moves to sliding going on background in front camera pans".split()
    + list(COLOURS) + list(SHAPES) + list(MOTIONS) + list(BACKGROUNDS)))


def prompts(count, seed, held=True):
    """`count` prompts, half of which name the background, of combinations that training never saw or,
    with held=False, of those that it did."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.cartesian_prod(*(torch.arange(n) for n in (
        len(COLOURS), len(SHAPES), len(MOTIONS), UNNAMED + 1)))
    rows = rows[held_out(*rows.unbind(1)) == held]
    named = rows[:, 3] != UNNAMED

    def take(rows, count):
        rounds = -(-count // len(rows))
        order = torch.cat([torch.randperm(len(rows), generator=generator) for _ in range(rounds)])
        return rows[order[:count]]

    taken = torch.cat([take(rows[~named], count // 2), take(rows[named], count - count // 2)])
    taken = taken[torch.randperm(count, generator=generator)].tolist()
    return [{"words": row, "prompt": caption(*row)} for row in taken]
