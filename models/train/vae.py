"""The autoencoder: 64x64 pixels to 16x16x4 latents.

It has no attention, so most of the training runs on 32x32 windows around the shape at a
quarter of the cost; the last part runs on whole frames, because group norm sees other
statistics there.
"""


import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import data
from common import Trainer

WINDOW_STEPS, WHOLE_STEPS = 2400, 250


def build():
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, sample_size=data.SIZE,
        block_out_channels=(16, 32, 32), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        mid_block_add_attention=False, scaling_factor=1.0)


def _batch(generator, whole):
    n = 8 if whole else 24
    clips = data.draw_clips(n, generator, "all", lanes=False)
    frame = torch.randint(data.FRAMES, (n,), generator=generator)
    if whole:
        return data.render(clips, frame)
    centre = clips.centre[torch.arange(n), frame]
    origin = centre - 16 + torch.randint(-12, 13, (n, 2), generator=generator)
    return data.render(clips, frame, origin.round().clamp(0, data.SIZE - 32), 32)


def _edges(x):
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def train(out, log):
    model = build()
    total = WINDOW_STEPS + WHOLE_STEPS
    trainer = Trainer(out / "vae", {"vae": model}, total, rate=2e-3, log=log)
    for step in trainer.steps():
        generator = torch.Generator().manual_seed(10_000 + step)
        pixels = _batch(generator, step >= WINDOW_STEPS) * 2 - 1
        moments = model.encode(pixels).latent_dist
        result = model.decode(moments.sample(generator)).sample
        error = result - pixels
        edges = sum((a - b).abs().mean() for a, b in zip(_edges(result), _edges(pixels)))
        kl = 0.5 * (moments.mean ** 2 + moments.var - 1 - moments.logvar).mean()
        loss = error.abs().mean() + error.square().mean() + 0.5 * edges + 1e-4 * kl
        mse = error.detach().square().mean()
        trainer.update(loss, psnr=float(10 * torch.log10(4 / mse)))
    return trainer.averaged("vae")


def load(out):
    model = build()
    model.load_state_dict(torch.load(out / "vae" / "final.pt")["vae"])
    return model.eval().requires_grad_(False)


@torch.no_grad()
def psnr(model, n=64):
    """PSNR in dB of whole frames never trained on."""
    generator = torch.Generator().manual_seed(77)
    clips = data.draw_clips(n, generator, "held_out")
    pixels = data.render(clips, torch.randint(data.FRAMES, (n,), generator=generator))
    result = model.decode(model.encode(pixels * 2 - 1).latent_dist.mean).sample.clamp(-1, 1)
    return float(10 * torch.log10(1 / F.mse_loss(result / 2 + 0.5, pixels)))
