"""The last two stages: the directions get lanes, and with them their words.

Where shapes cross anywhere, a single frame does not show a direction, and a whole clip shows
it even at the last timestep, which still holds some signal: so a model learns to move well and
never needs the word.  With lanes one frame shows what the word means.  The image model learns
that, what it learnt is added to the clip model, and the clip model learns to follow it.
"""

import random

import torch

import data
import diffusion
import text
from common import Trainer

FRAME_STEPS, FRAME_BATCH = 450, 32
CLIP_STEPS, CLIP_BATCH = 820, 4


@torch.no_grad()
def _part_directions(text_model, tokenizer):
    """Moves the direction words' embeddings apart: until now they shared one vector."""
    table = text_model.get_input_embeddings().weight
    ids = [tokenizer(word).input_ids[1] for word in data.MOTION_NAMES]
    fresh = torch.randn(table.shape[1], len(ids), generator=torch.Generator().manual_seed(60_000))
    table[ids] += 10 * torch.linalg.qr(fresh).Q.T


def train_frames(out, tokenizer, log):
    net, text_model = diffusion.frame_network(), text.build(tokenizer)
    start = torch.load(out / "frames" / "final.pt")
    net.load_state_dict(start["unet"])
    text_model.load_state_dict(start["text"])
    _part_directions(text_model, tokenizer)
    latents, words = diffusion.load_cache(out, diffusion.LANE_SHARDS, True)
    factor, alphas = diffusion.scaling_factor(out, True), diffusion.scheduler().alphas_cumprod
    captions = diffusion.Captions(tokenizer)
    trainer = Trainer(out / "lane_frames", {"unet": net, "text": text_model}, FRAME_STEPS, rate=1.5e-3,
                      log=log, warm_up=30, decay=0.98)
    for step in trainer.steps():
        generator, rng = torch.Generator().manual_seed(70_000 + step), random.Random(70_000 + step)
        clip = torch.randint(len(words), (FRAME_BATCH,), generator=generator)
        frame = torch.randint(data.FRAMES, (FRAME_BATCH,), generator=generator)
        x = latents[clip, frame].float() * factor
        ids = captions([words[i] for i in clip.tolist()], rng)
        timesteps = diffusion.draw_timesteps(FRAME_BATCH, generator, 0.5)
        noisy, target = diffusion.noised(x, alphas, timesteps, generator)
        said = net(noisy, timesteps, text_model(ids)[0]).sample
        trainer.update((said - target).square().mean())


def _add(clips, frames_before, frames_after):
    """The clip model's weights plus what the image model has just learnt."""
    return {key: value + (frames_after[key] - frames_before[key] if key in frames_after else 0)
            for key, value in clips.items()}


def train_clips(out, tokenizer, log):
    net, text_model = diffusion.clip_network(), text.build(tokenizer)
    clips, before, after = (torch.load(out / stage / "final.pt") for stage in ("clips", "frames", "lane_frames"))
    net.load_state_dict(_add(clips["unet"], before["unet"], after["unet"]))
    text_model.load_state_dict(_add(clips["text"], before["text"], after["text"]))
    latents, words = diffusion.load_cache(out, diffusion.LANE_SHARDS, True)
    by_motion = [torch.tensor([i for i, row in enumerate(words) if row[2] == m]) for m in range(CLIP_BATCH)]
    factor, alphas = diffusion.scaling_factor(out, True), diffusion.scheduler().alphas_cumprod
    captions = diffusion.Captions(tokenizer)
    trainer = Trainer(out / "lane_clips", {"unet": net, "text": text_model}, CLIP_STEPS, rate=1.6e-3, log=log,
                      save_every=20, warm_up=20, decay=0.98)
    for step in trainer.steps():
        generator, rng = torch.Generator().manual_seed(80_000 + step), random.Random(80_000 + step)
        clip = torch.stack([pool[torch.randint(len(pool), (), generator=generator)] for pool in by_motion])
        clip = clip[torch.randperm(CLIP_BATCH, generator=generator)]
        x = latents[clip].float().transpose(1, 2) * factor
        ids = captions([words[i] for i in clip.tolist()], rng)
        # Three directions start from one and the same pure noise, where nothing but the word
        # tells them apart; the fourth clip, at any noise, keeps the picture good.
        lowest = torch.tensor([930, 930, 930, 0])
        timesteps = lowest + (torch.rand(CLIP_BATCH, generator=generator) * (1000 - lowest)).long()
        noisy, target = diffusion.noised(x, alphas, timesteps, generator)
        alpha = alphas[timesteps[0]]
        timesteps[:3] = timesteps[0]
        noisy[:3] = torch.randn(x[0].shape, generator=generator)
        target[:3] = alpha.sqrt() * noisy[:3] - (1 - alpha).sqrt() * x[:3]
        said = net(noisy, timesteps, text_model(ids)[0].repeat_interleave(data.FRAMES, 0)).sample
        error = (said - target).square().mean((1, 2, 3, 4))
        trainer.update(error.mean(), pure=float(error[:3].mean().detach()), rest=float(error[3].detach()))
