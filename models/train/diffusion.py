"""The denoiser, in two stages: single frames first, then whole clips.

A frame costs a sixteenth of a clip, so the words' looks (colour, shape, background, where
things are) are learnt on frames by the 2-D network.  The clip network starts as exactly
that image model, because its temporal blocks begin with a zero output, and learns to move.

The network predicts v (Salimans and Ho 2022): at high noise, where motion and layout are
decided, that weighs the clean image, while a prediction of the noise says next to nothing
about it.
"""

import random

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel, UNetMotionModel

import data
import text
import vae
from common import Trainer

SHARDS, SHARD_CLIPS = 8, 400
FRAME_STEPS, FRAME_BATCH = 3000, 32
CLIP_STEPS, CLIP_BATCH = 2400, 4
# One clip of each batch is pure noise at a timestep from PURE on, while the words are learnt.
PURE, PURE_STEPS = 900, 1400
SHAPE = dict(in_channels=4, out_channels=4, sample_size=16, block_out_channels=(32, 64),
             layers_per_block=1, norm_num_groups=8, cross_attention_dim=64)


def scheduler():
    """AnimateDiff's noise: linear betas, and a last step that still holds some signal."""
    return DDIMScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="linear",
        clip_sample=False, set_alpha_to_one=True, steps_offset=1, timestep_spacing="leading",
        prediction_type="v_prediction")


def frame_network():
    return UNet2DConditionModel(
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=4, **SHAPE)


def clip_network(frame_net=None):
    net = UNetMotionModel(
        down_block_types=("DownBlockMotion", "CrossAttnDownBlockMotion"),
        up_block_types=("CrossAttnUpBlockMotion", "UpBlockMotion"), num_attention_heads=4,
        motion_num_attention_heads=4, motion_max_seq_length=data.FRAMES, use_motion_mid_block=True, **SHAPE)
    for name, parameter in net.named_parameters():
        if "motion_modules" in name and ".proj_out." in name:
            torch.nn.init.zeros_(parameter)
    if frame_net is not None:
        missing, unexpected = net.load_state_dict(frame_net.state_dict(), strict=False)
        assert not unexpected and all("motion_modules" in name for name in missing)
    return net


# The latent cache --------------------------------------------------------------------

def _shard(out, index):
    return out / "latents" / f"{index:02d}.pt"


@torch.no_grad()
def encode_shard(out, index, log):
    """Encodes one shard of training clips, unscaled, in half precision."""
    path = _shard(out, index)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    model = vae.load(out)
    clips = data.draw_clips(SHARD_CLIPS, torch.Generator().manual_seed(30_000 + index), "train")
    parts = []
    for i in range(0, SHARD_CLIPS, 4):
        pixels = data.render_clips(clips.pick(slice(i, i + 4))).flatten(0, 1)
        parts.append(model.encode(pixels * 2 - 1).latent_dist.mean.half())
    words = torch.stack([clips.colour, clips.shape, clips.motion, clips.background], 1)
    latents = torch.cat(parts).view(SHARD_CLIPS, data.FRAMES, 4, 16, 16)
    temporary = path.with_suffix(".tmp")
    torch.save({"latents": latents, "words": words}, temporary)
    temporary.rename(path)
    log(f"shard {index}")


def scaling_factor(out):
    """What brings the latents to unit variance."""
    return float(1 / torch.load(_shard(out, 0))["latents"].float().std())


def load_cache(out):
    parts = [torch.load(_shard(out, i)) for i in range(SHARDS)]
    return torch.cat([p["latents"] for p in parts]), torch.cat([p["words"] for p in parts]).tolist()


# Training ----------------------------------------------------------------------------

class Captions:
    """Token ids for rows of words; one caption in ten is empty, for guidance."""

    def __init__(self, tokenizer):
        self.tokenizer, self.known = tokenizer, {}

    def __call__(self, rows, rng):
        captions = ["" if rng.random() < 0.1 else data.random_caption(*row, rng) for row in rows]
        for c in captions:
            if c not in self.known:
                self.known[c] = text.tokens(self.tokenizer, [c])
        return torch.cat([self.known[c] for c in captions])


def noised(latents, alphas, timesteps, generator):
    """The noised latents and the v that the network shall say."""
    noise = torch.randn(latents.shape, generator=generator)
    alpha = alphas[timesteps].view(-1, *[1] * (latents.ndim - 1))
    return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise, alpha.sqrt() * noise - (1 - alpha).sqrt() * latents


def draw_timesteps(n, generator, high_share):
    """One timestep from each of n equal parts of 0..999; high_share of the clips from 500..999."""
    t = ((torch.randperm(n, generator=generator) + torch.rand(n, generator=generator)) * (1000 / n)).long()
    high = torch.rand(n, generator=generator) < high_share
    return torch.where(high, 500 + t // 2, t)


def train_frames(out, tokenizer, log):
    net, text_model = frame_network(), text.build(tokenizer)
    latents, words = load_cache(out)
    factor, alphas, captions = scaling_factor(out), scheduler().alphas_cumprod, Captions(tokenizer)
    trainer = Trainer(out / "frames", {"unet": net, "text": text_model}, FRAME_STEPS, rate=2e-3, log=log)
    for step in trainer.steps():
        generator, rng = torch.Generator().manual_seed(40_000 + step), random.Random(40_000 + step)
        clip = torch.randint(len(words), (FRAME_BATCH,), generator=generator)
        frame = torch.randint(data.FRAMES, (FRAME_BATCH,), generator=generator)
        x = latents[clip, frame].float() * factor
        ids = captions([words[i] for i in clip.tolist()], rng)
        timesteps = draw_timesteps(FRAME_BATCH, generator, 0.0)
        noisy, target = noised(x, alphas, timesteps, generator)
        said = net(noisy, timesteps, text_model(ids)[0]).sample
        trainer.update((said - target).square().mean())


def train_clips(out, tokenizer, log):
    frame_net, text_model = frame_network(), text.build(tokenizer)
    start = torch.load(out / "frames" / "final.pt")
    frame_net.load_state_dict(start["unet"])
    text_model.load_state_dict(start["text"])
    net = clip_network(frame_net)
    latents, words = load_cache(out)
    factor, alphas, captions = scaling_factor(out), scheduler().alphas_cumprod, Captions(tokenizer)
    slow = [p for n, p in net.named_parameters() if "motion_modules" not in n] + list(text_model.parameters())
    trainer = Trainer(out / "clips", {"unet": net, "text": text_model}, CLIP_STEPS, rate=1.5e-3, log=log,
                      slow=slow, slow_factor=0.5, floor=0.1, save_every=20)
    for step in trainer.steps():
        generator, rng = torch.Generator().manual_seed(50_000 + step), random.Random(50_000 + step)
        clip = torch.randint(len(words), (CLIP_BATCH,), generator=generator)
        x = latents[clip].float().transpose(1, 2) * factor  # [n, 4, FRAMES, 16, 16]
        ids = captions([words[i] for i in clip.tolist()], rng)
        timesteps = draw_timesteps(CLIP_BATCH, generator, 0.4)
        # At the last timesteps a whole clip still shows through the noise, so a network would
        # read its motion there and never need the word, yet sampling begins with pure noise.
        pure = step < PURE_STEPS
        if pure:
            timesteps[0] = PURE + torch.randint(1000 - PURE, (), generator=generator)
        noisy, target = noised(x, alphas, timesteps, generator)
        if pure:
            alpha = alphas[timesteps[0]]
            noisy[0] = torch.randn(x[0].shape, generator=generator)
            target[0] = alpha.sqrt() * noisy[0] - (1 - alpha).sqrt() * x[0]
        said = net(noisy, timesteps, text_model(ids)[0].repeat_interleave(data.FRAMES, 0)).sample
        trainer.update((said - target).square().mean())
