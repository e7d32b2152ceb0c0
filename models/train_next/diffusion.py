"""The denoiser's trainings: the image model on single frames, then the temporal layers on clips.

A frame costs a sixteenth of a clip, so the words' looks (colour, shape, background, the lane of each
direction) are learnt on frames, together with the text encoder.  On clips only the temporal layers
are trained; everything else stays the image model, as in AnimateDiff.

Noise is added to data at every timestep and some signal is left at the last, so sampling that begins
with pure noise begins outside of what was trained.  That is the gap that FreeInit is about.

What the rest of signal shows needs no words.  So that they are learnt, it is hidden now and then at the
highest timesteps (HIDDEN), all of it or all but the mean colour.  Most examples and the last steps are the
ordinary forward process alone.
"""

import random

import torch

import latents
import networks
import text
import words
import world
from trainer import Plan, Trainer

FRAMES = Plan(seed=5, steps=6000, batch=48, rate=1.5e-3, narrow=True)
DIRECTIONS = Plan(seed=7, steps=900, batch=48, rate=7e-4, warm_up=50, decay=0.995, narrow=True)
MOTION = Plan(seed=6, steps=2000, batch=4, rate=1e-3, floor=0.05, decay=0.998, narrow=True)
HIGH = 0.4  # of the clips take their timestep from 500 on, where motion is decided
NO_CAPTION = 0.1  # share of empty captions, for guidance
# Until this share of the steps, in this share of the examples the signal is hidden: in the stage of frames all of it,
# then all but the mean colour.
HIDDEN = {"frames": ((0.2, 0.25),), "directions": ((0.9, 0.5),), "motion": ((0.2, 0.3),)}
HIDDEN_FROM = 900  # the timesteps where it is


def _captions(cache, index, generator):
    rng = random.Random(int(torch.randint(2**62, (), generator=generator)))
    return ["" if rng.random() < NO_CAPTION else words.training_caption(
        cache.words[i], cache.second[i], cache.pan[i], rng) for i in index]


def _timesteps(n, generator, high):
    """One timestep from each of n equal parts of 0..999; a share `high` of them from 500..999."""
    t = ((torch.randperm(n, generator=generator) + torch.rand(n, generator=generator)) * (1000 / n)).long()
    return torch.where(torch.rand(n, generator=generator) < high, 500 + t // 2, t)


def _noised(clean, shown, alphas, timesteps, generator):
    """The noised latents, which show `shown`, and the v that leads from them to `clean`."""
    noise = torch.randn(clean.shape, generator=generator)
    alpha = alphas[timesteps].view(-1, *[1] * (clean.ndim - 1))
    signal, rest = alpha.sqrt(), (1 - alpha).sqrt()
    noisy = signal * shown + rest * noise
    return noisy, (signal * noisy - clean) / rest


def _hidden(stage, progress, clean, without, timesteps, generator):
    """What the noise shall show: `without` in some of the first examples, whose timesteps become high."""
    share = next((share for end, share in HIDDEN[stage] if progress < end), 0.0)
    hidden = torch.rand(len(clean), generator=generator) < share
    timesteps = torch.where(hidden, HIDDEN_FROM + timesteps // 10, timesteps)
    return torch.where(hidden.view(-1, *[1] * (clean.ndim - 1)), without, clean), timesteps


def _mean_colour(clean):
    return clean.mean(tuple(range(2, clean.ndim)), keepdim=True)


def _losses(said, target, timesteps):
    """The mean squared error, and what it is of the high and the low timesteps."""
    each = (said.float() - target).square().flatten(1).mean(1)
    high = timesteps >= 500
    parts = {"high": each[high], "low": each[~high]}
    return each.mean(), {k: float(v.detach().mean()) for k, v in parts.items() if len(v)}


def _train_on_frames(out, run, stage, plan, net, encoder, hidden):
    """`hidden`: of frames, what the noise shows of those whose signal is hidden."""
    tokenizer = text.write_tokenizer(out / "tokenizer")
    cache, alphas = latents.load(out), networks.scheduler().alphas_cumprod
    plan = run.scaled(plan)
    trainer = Trainer(out / stage, {"unet": net, "text": encoder}, plan, run)
    for generator in trainer.steps():
        clip = torch.randint(len(cache), (plan.batch,), generator=generator)
        frame = torch.randint(world.FRAMES, (plan.batch,), generator=generator)
        clean = cache.latents[clip, frame].float() * cache.factor
        ids = text.tokens(tokenizer, _captions(cache, clip.tolist(), generator))
        timesteps = _timesteps(plan.batch, generator, 0.0)
        shown, timesteps = _hidden(stage, trainer.progress, clean, hidden(clean), timesteps, generator)
        noisy, target = _noised(clean, shown, alphas, timesteps, generator)
        with trainer.autocast():
            said = net(noisy, timesteps, encoder(ids)[0]).sample
        loss, parts = _losses(said, target, timesteps)
        trainer.update(loss, **parts)
    return trainer.summary()


def train_frames(out, run):
    encoder = text.build(text.write_tokenizer(out / "tokenizer"))
    return _train_on_frames(out, run, "frames", FRAMES, networks.image_network(), encoder, torch.zeros_like)


def train_directions(out, run):
    """Goes on from the frames' networks. A frame shows where its shape is, so that the word for its lane is not learnt
    unless that is hidden."""
    net, encoder = (network.train().requires_grad_() for network in load_frames(out, "frames"))
    return _train_on_frames(out, run, "directions", DIRECTIONS, net, encoder, _mean_colour)


def load_frames(out, stage="directions"):
    """Image network and text encoder of the training on frames, ready for use."""
    weights = torch.load(out / stage / "final.pt")
    encoder = text.build(text.write_tokenizer(out / "tokenizer"))
    encoder.load_state_dict(weights["text"])
    net = networks.image_network()
    net.load_state_dict(weights["unet"])
    return net.eval().requires_grad_(False), encoder.eval().requires_grad_(False)


def train_motion(out, run):
    image, encoder = load_frames(out)
    tokenizer = text.write_tokenizer(out / "tokenizer")
    net = networks.clip_network(image.state_dict())
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(networks.is_temporal(name))
    cache, alphas = latents.load(out), networks.scheduler().alphas_cumprod
    plan = run.scaled(MOTION)
    trainer = Trainer(out / "motion", {"unet": net}, plan, run)
    for generator in trainer.steps():
        clip = torch.randint(len(cache), (plan.batch,), generator=generator)
        clean = cache.latents[clip].float().transpose(1, 2) * cache.factor  # [n, 4, FRAMES, 16, 16]
        with torch.no_grad():
            said_words = text.encode(encoder, tokenizer, _captions(cache, clip.tolist(), generator))
        timesteps = _timesteps(plan.batch, generator, HIGH)
        shown, timesteps = _hidden("motion", trainer.progress, clean, _mean_colour(clean), timesteps, generator)
        noisy, target = _noised(clean, shown, alphas, timesteps, generator)
        with trainer.autocast():
            said = net(noisy, timesteps, said_words.repeat_interleave(world.FRAMES, 0)).sample
        loss, parts = _losses(said, target, timesteps)
        trainer.update(loss, **parts)
    return trainer.summary()


def load_motion(out):
    net = networks.clip_network()
    net.load_state_dict(torch.load(out / "motion" / "final.pt")["unet"])
    return net.eval().requires_grad_(False)
