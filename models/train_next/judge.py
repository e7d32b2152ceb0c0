"""The judge: small classifiers trained on rendered clips only, never on anything generated.

One network looks at single frames (colour, shape, background), another at the whole clip (motion).
Each has a class for "none of them": a frame without a shape, a plain background, a clip that stands
still or whose frames are shuffled, so that a bad clip is not right by chance.
"""

import torch
import torch.nn.functional as F
from torch import nn

import world
import words as w
from trainer import Plan, Trainer

PLAN = Plan(seed=3, steps=1000, batch=48, rate=2e-3, decay=0.99)
CLIPS = 10  # of a step, for the motion network
NO_SHAPE, PLAIN, NO_MOTION = len(w.SHAPES), w.UNNAMED, len(w.MOTIONS)


def _conv(a, b, stride, kind=nn.Conv2d):
    return nn.Sequential(kind(a, b, 3, stride, 1), nn.GroupNorm(4, b), nn.ReLU())


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.frame = nn.Sequential(_conv(3, 16, 2), _conv(16, 32, 2), _conv(32, 48, 2), _conv(48, 64, 1))
        self.colour = nn.Linear(128, len(w.COLOURS))
        self.shape = nn.Linear(128, NO_SHAPE + 1)
        self.background = nn.Linear(128, PLAIN + 1)
        self.clip = nn.Sequential(_conv(3, 16, 1, nn.Conv3d), _conv(16, 24, 2, nn.Conv3d),
                                  _conv(24, 32, 2, nn.Conv3d), nn.Flatten(),
                                  nn.Linear(32 * 4 * 4 * 4, NO_MOTION + 1))

    def frames(self, pixels):
        """Logits (colour, shape, background) of pixels [n, 3, SIZE, SIZE] in 0..1."""
        x = self.frame(F.avg_pool2d(pixels, 2) * 2 - 1)
        x = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return self.colour(x), self.shape(x), self.background(x)

    def motion(self, clips):
        """Logits of clips [n, FRAMES, 3, SIZE, SIZE] in 0..1."""
        small = F.avg_pool2d(clips.flatten(0, 1), world.SIZE // 16) * 2 - 1
        return self.clip(small.unflatten(0, clips.shape[:2]).transpose(1, 2))

    @torch.no_grad()
    def verdict(self, clips):
        """Classes [n, 4] (colour, shape, motion, background); those of frames by their mean."""
        n, frames = clips.shape[:2]
        colour, shape, background = (
            logits.softmax(-1).view(n, frames, -1).mean(1).argmax(1)
            for logits in self.frames(clips.flatten(0, 1)))
        motion = self.motion(clips).argmax(1) if frames > 1 else torch.full((n,), NO_MOTION)
        return torch.stack([colour, shape, motion, background], 1)


def _spoil(pixels, generator):
    """Light blur, noise and contrast, so that the judge looks at forms and not at pixels."""
    lead = pixels.shape[:-3]
    x = pixels.flatten(0, -4)
    mix = torch.rand((len(x), 1, 1, 1), generator=generator) * (torch.rand(1, generator=generator) < 0.6)
    x = x * (1 - mix) + mix * F.avg_pool2d(x, 5, 1, 2, count_include_pad=False)
    x = x + 0.05 * torch.rand(1, generator=generator) * torch.randn(x.shape, generator=generator)
    gain = 0.85 + 0.3 * torch.rand((len(x), 1, 1, 1), generator=generator)
    return ((x - 0.5) * gain + 0.5).clamp(0, 1).view(*lead, *x.shape[1:])


def _draw(n, generator):
    """Single shapes that cross anywhere, before a still or a moving camera."""
    return world.draw_clips(world.draw_words(n, generator, "all"), generator, lanes=False, two=0.0)


def _frame_loss(model, n, generator):
    clips = _draw(n, generator)
    empty, plain = torch.arange(n) % 8 == 0, torch.arange(n) % 8 == 1
    clips.centre[empty] = -100.0
    clips.texture.tones[plain, 1] = clips.texture.tones[plain, 0]
    clips.texture.lattice[plain] = 0.5
    frame = torch.randint(world.FRAMES, (n,), generator=generator)
    colour, shape, background = model.frames(_spoil(world.render(clips, frame), generator))
    shape_class = torch.where(empty, NO_SHAPE, clips.words[:, 1])
    kind = torch.where(plain, PLAIN, clips.texture.kind)
    loss = (F.cross_entropy(colour[~empty], clips.words[~empty, 0]) + F.cross_entropy(shape, shape_class)
            + F.cross_entropy(background, kind))
    return loss, {"shape": float((shape.argmax(1) == shape_class).float().mean()),
                  "background": float((background.argmax(1) == kind).float().mean())}


def _motion_loss(model, n, generator):
    clips = _draw(n, generator)
    clips.centre[0] = clips.centre[0, :, :1]  # stands still
    clips.centre[1] = clips.centre[1][:, torch.randperm(world.FRAMES, generator=generator)]
    moving = clips.words[:, 2].clone()
    moving[:2] = NO_MOTION
    motion = model.motion(_spoil(world.render_clips(clips), generator))
    return F.cross_entropy(motion, moving), {"motion": float((motion.argmax(1) == moving).float().mean())}


def train(out, run):
    model = Judge()
    plan = run.scaled(PLAN)
    trainer = Trainer(out / "judge", {"judge": model}, plan, run)
    for generator in trainer.steps():
        looks, seen = _frame_loss(model, plan.batch, generator)
        moves, followed = _motion_loss(model, run.count(CLIPS), generator)
        trainer.update(looks + moves, **seen, **followed)
    return trainer.summary()


def load(out):
    model = Judge()
    model.load_state_dict(torch.load(out / "judge" / "final.pt")["judge"])
    return model.eval().requires_grad_(False)


def score(verdict, words):
    """Shares of right clips (verdict, words: [n, 4]); the background counts where it is asked for."""
    right = verdict == words
    named = words[:, 3] != w.UNNAMED
    right[~named, 3] = True
    share = {name: round(float(right[:, i].float().mean()), 4)
             for i, name in enumerate(("colour", "shape", "motion"))}
    share["background"] = round(float(right[named, 3].float().mean()), 4)
    share["all"] = round(float(right.all(1).float().mean()), 4)
    return share


def accuracy(model, n, generator):
    """How often the judge is right on rendered clips that it has not seen."""
    found, asked = [], []
    for begin in range(0, n, 20):
        clips = _draw(min(20, n - begin), generator)
        found.append(model.verdict(world.render_clips(clips)))
        asked.append(torch.cat([clips.words[:, :3], clips.texture.kind[:, None]], 1))
    return {"clips": n, **score(torch.cat(found), torch.cat(asked))}
