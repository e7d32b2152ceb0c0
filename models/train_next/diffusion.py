"""The denoiser's trainings: the image model on single frames, then the whole network on clips.

A frame costs a sixteenth of a clip, so the words' looks (colour, shape, background, the lane of each
direction) are learnt on frames, together with the text encoder.  On clips all weights of the UNet are
trained: what ties a frame to its own noise must give way to what all frames say.

Noise is added to data at every timestep and some signal is left at the last, so sampling that begins
with pure noise begins outside of what was trained.  That is the gap that FreeInit is about.

Over a whole clip the rest of signal shows the direction, which then needs no word.  So that the word is not lost, all
but the mean colour is hidden at the highest timesteps of some of the first clips (HIDDEN).  The other examples and
the last steps are the ordinary forward process alone.
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
# More steps take the unsteadiness away that pure noise causes (README.md, "What was tried first").
MOTION = Plan(seed=6, steps=3000, until=2000, batch=4, rate=5e-4, decay=0.998, narrow=True)
HIGH = 0.4  # of the clips take their timestep from 500 on, where motion is decided
NO_CAPTION = 0.1  # share of empty captions, for guidance
HIDDEN, HIDDEN_UNTIL = 0.3, 0.2  # the share of the clips whose signal is hidden, until this share of the steps
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


def _hidden(progress, clean, timesteps, generator):
    """What the noise shall show: the mean colour alone in some of the first clips, whose timesteps become high."""
    share = HIDDEN if progress < HIDDEN_UNTIL else 0.0
    hidden = torch.rand(len(clean), generator=generator) < share
    timesteps = torch.where(hidden, HIDDEN_FROM + timesteps // 10, timesteps)
    return torch.where(hidden.view(-1, 1, 1, 1, 1), clean.mean((2, 3, 4), keepdim=True), clean), timesteps


def _losses(said, target, timesteps):
    """The mean squared error, and what it is of the high and the low timesteps."""
    each = (said.float() - target).square().flatten(1).mean(1)
    high = timesteps >= 500
    parts = {"high": each[high], "low": each[~high]}
    return each.mean(), {k: float(v.detach().mean()) for k, v in parts.items() if len(v)}


def train_frames(out, run):
    tokenizer = text.write_tokenizer(out / "tokenizer")
    net, encoder = networks.image_network(), text.build(tokenizer)
    cache, alphas = latents.load(out), networks.scheduler().alphas_cumprod
    plan = run.scaled(FRAMES)
    trainer = Trainer(out / "frames", {"unet": net, "text": encoder}, plan, run)
    for generator in trainer.steps():
        clip = torch.randint(len(cache), (plan.batch,), generator=generator)
        frame = torch.randint(world.FRAMES, (plan.batch,), generator=generator)
        clean = cache.latents[clip, frame].float() * cache.factor
        ids = text.tokens(tokenizer, _captions(cache, clip.tolist(), generator))
        timesteps = _timesteps(plan.batch, generator, 0.0)
        noisy, target = _noised(clean, clean, alphas, timesteps, generator)
        with trainer.autocast():
            said = net(noisy, timesteps, encoder(ids)[0]).sample
        loss, parts = _losses(said, target, timesteps)
        trainer.update(loss, **parts)
    return trainer.summary()


def load_frames(out):
    """Image network and text encoder of the training on frames, ready for use."""
    weights = torch.load(out / "frames" / "final.pt")
    encoder = text.build(text.write_tokenizer(out / "tokenizer"))
    encoder.load_state_dict(weights["text"])
    net = networks.image_network()
    net.load_state_dict(weights["unet"])
    return net.eval().requires_grad_(False), encoder.eval().requires_grad_(False)


def train_motion(out, run):
    image, encoder = load_frames(out)
    tokenizer = text.write_tokenizer(out / "tokenizer")
    net = networks.clip_network(image.state_dict())
    cache, alphas = latents.load(out), networks.scheduler().alphas_cumprod
    plan = run.scaled(MOTION)
    trainer = Trainer(out / "motion", {"unet": net}, plan, run)
    for generator in trainer.steps():
        clip = torch.randint(len(cache), (plan.batch,), generator=generator)
        clean = cache.latents[clip].float().transpose(1, 2) * cache.factor  # [n, 4, FRAMES, 16, 16]
        with torch.no_grad():
            said_words = text.encode(encoder, tokenizer, _captions(cache, clip.tolist(), generator))
        timesteps = _timesteps(plan.batch, generator, HIGH)
        shown, timesteps = _hidden(trainer.progress, clean, timesteps, generator)
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
