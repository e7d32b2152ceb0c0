"""The judge: small classifiers trained on real clips only, never on anything generated.

One network looks at single frames (colour, shape, background), another at the whole clip
(motion).  Each has a class for "none of them": a frame without a shape, or a clip that
stands still or whose frames are shuffled, so that a bad clip is not right by chance.
"""

import torch
import torch.nn.functional as F
from torch import nn

import data
from common import Trainer

STEPS = 700
NO_SHAPE, NO_MOTION = len(data.SHAPES), len(data.MOTIONS)


def _conv(a, b, stride, kind=nn.Conv2d):
    norm = nn.GroupNorm(4, b)
    return nn.Sequential(kind(a, b, 3, stride, 1), norm, nn.ReLU())


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.frame = nn.Sequential(_conv(3, 16, 2), _conv(16, 32, 2), _conv(32, 48, 2), _conv(48, 64, 1))
        self.colour = nn.Linear(128, len(data.COLOURS))
        self.shape = nn.Linear(128, NO_SHAPE + 1)
        self.background = nn.Linear(128, data.FREE + 1)
        self.clip = nn.Sequential(_conv(3, 16, 1, nn.Conv3d), _conv(16, 24, 2, nn.Conv3d),
                                  _conv(24, 32, 2, nn.Conv3d), nn.Flatten(),
                                  nn.Linear(32 * 4 * 4 * 4, NO_MOTION + 1))

    def frames(self, pixels):
        """Logits (colour, shape, background) of pixels [n, 3, 64, 64] in 0..1."""
        x = self.frame(pixels * 2 - 1)
        x = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return self.colour(x), self.shape(x), self.background(x)

    def motion(self, clips):
        """Logits of clips [n, FRAMES, 3, 64, 64] in 0..1."""
        small = F.avg_pool2d(clips.flatten(0, 1), 4) * 2 - 1
        return self.clip(small.unflatten(0, clips.shape[:2]).transpose(1, 2))

    @torch.no_grad()
    def verdict(self, clips):
        """The four classes of every clip; a frame's classes are averaged over the clip."""
        n = clips.shape[0]
        colour, shape, background = (
            logits.softmax(-1).view(n, data.FRAMES, -1).mean(1).argmax(1)
            for logits in self.frames(clips.flatten(0, 1)))
        return {"colour": colour, "shape": shape, "background": background,
                "motion": self.motion(clips).argmax(1)}


def _spoil(pixels, generator):
    """Light blur, noise and contrast, so that the judge looks at forms and not at pixels."""
    lead = pixels.shape[:-3]
    x = pixels.flatten(0, -4)
    mix = torch.rand((len(x), 1, 1, 1), generator=generator) * (torch.rand(1, generator=generator) < 0.6)
    x = x * (1 - mix) + mix * F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    x = x + 0.05 * torch.rand(1, generator=generator) * torch.randn(x.shape, generator=generator)
    gain = 0.85 + 0.3 * torch.rand((len(x), 1, 1, 1), generator=generator)
    return ((x - 0.5) * gain + 0.5).clamp(0, 1).view(*lead, *x.shape[1:])


def train(out, log):
    model = Judge()
    trainer = Trainer(out / "judge", {"judge": model}, STEPS, rate=2e-3, log=log, decay=0.99)
    for step in trainer.steps():
        generator = torch.Generator().manual_seed(20_000 + step)
        clips = data.draw_clips(64, generator, "all", lanes=False)
        frame = torch.randint(data.FRAMES, (64,), generator=generator)
        empty = torch.arange(64) < 6
        shown = data.Clips(**vars(clips))
        shown.centre = torch.where(empty[:, None, None], -100.0, clips.centre)
        colour, shape, background = model.frames(_spoil(data.render(shown, frame), generator))
        shape_class = torch.where(empty, NO_SHAPE, clips.shape)
        loss = (F.cross_entropy(colour[~empty], clips.colour[~empty]) + F.cross_entropy(shape, shape_class)
                + F.cross_entropy(background, clips.background))

        clips = data.draw_clips(14, generator, "all", lanes=False)
        clips.centre[0] = clips.centre[0, :1]  # stands still
        clips.centre[1] = clips.centre[1, torch.randperm(data.FRAMES, generator=generator)]
        moving = clips.motion.clone()
        moving[:2] = NO_MOTION
        motion = model.motion(_spoil(data.render_clips(clips), generator))
        loss = loss + F.cross_entropy(motion, moving)
        trainer.update(loss, shape=float((shape.argmax(1) == shape_class).float().mean()),
                       motion=float((motion.argmax(1) == moving).float().mean()))
    torch.save(trainer.averaged("judge").state_dict(), out / "judge.pt")


def load(out):
    model = Judge()
    model.load_state_dict(torch.load(out / "judge.pt"))
    return model.eval().requires_grad_(False)


def score(judge, clips, combos):
    """Shares of right clips for each word; the background counts where the prompt names it."""
    verdict = judge.verdict(clips)
    names = ("colour", "shape", "motion", "background")
    right = {n: verdict[n] == combos[:, i] for i, n in enumerate(names)}
    named = combos[:, 3] != data.FREE
    result = {n: round(float(right[n].float().mean()), 4) for n in names[:3]}
    result["background"] = round(float(right["background"][named].float().mean()), 4)
    result["all"] = round(float((right["colour"] & right["shape"] & right["motion"]
                                 & (right["background"] | ~named)).float().mean()), 4)
    return result
