"""The autoencoder: 128x128 pixels to 16x16x4 latents.

It has no attention, so most of the training runs on 64x64 windows at a quarter of the cost; the last
part runs on whole frames, because group norm sees other statistics there.

At the end every channel of the latents gets mean 0 and variance 1.  Sampling begins with noise of mean 0:
where the mean of the latents was elsewhere, every video from such noise would have one odd colour.
"""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import world
from trainer import Plan, Trainer, write

WINDOW = 64
WINDOWS = Plan(seed=1, steps=4500, batch=16, rate=1.5e-3, narrow=True)
WHOLE = Plan(seed=2, steps=1000, batch=8, rate=4e-4, narrow=True, decay=0.998)


def build():
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, sample_size=world.SIZE,
        block_out_channels=(32, 48, 56, 48), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        mid_block_add_attention=False, scaling_factor=1.0)


def _frames(n, generator):
    """Frames and where their shapes are. In one of six the background's tones come closer, down to one: noise of mean 0
    tends to pale backgrounds, which would else have an odd colour."""
    clips = world.draw_clips(world.draw_words(n, generator, "all"), generator, lanes=False)
    contrast = torch.where(torch.arange(n) % 6 == 0, torch.rand(n, generator=generator), 1.0)
    colour = clips.texture.tones.mean(1, keepdim=True)
    clips.texture.tones = colour + (clips.texture.tones - colour) * contrast[:, None, None]
    frame = torch.randint(world.FRAMES, (n,), generator=generator)
    return world.render(clips, frame), clips.centre[torch.arange(n), 0, frame]


def _windows(n, generator):
    """Windows near the shape, where the detail is, and in the last quarter anywhere."""
    pixels, centre = _frames(n, generator)
    corner = centre - WINDOW / 2 + torch.randint(-24, 25, (n, 2), generator=generator)
    corner[: n // 4] = (world.SIZE - WINDOW) * torch.rand(n // 4, 2, generator=generator)
    corner = corner.round().clamp(0, world.SIZE - WINDOW).long().tolist()
    return torch.stack([p[:, y:y + WINDOW, x:x + WINDOW] for p, (x, y) in zip(pixels, corner)])


def _edges(x):
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def _train(folder, model, plan, run, draw):
    trainer = Trainer(folder, {"vae": model}, plan, run)
    for generator in trainer.steps():
        pixels = draw(plan.batch, generator) * 2 - 1
        with trainer.autocast():
            moments = model.encode(pixels).latent_dist
            noise = torch.randn(moments.mean.shape, generator=generator)
            result = model.decode(moments.mean + moments.std * noise).sample
        error = result.float() - pixels
        edges = sum((a - b).abs().mean() for a, b in zip(_edges(result.float()), _edges(pixels)))
        mean, log_variance = moments.mean.float(), moments.logvar.float()
        kl = 0.5 * (mean ** 2 + log_variance.exp() - 1 - log_variance).mean()
        mse = error.square().mean()
        trainer.update(error.abs().mean() + mse + 0.5 * edges + 1e-4 * kl,
                       psnr=float(10 * torch.log10(4 / mse.detach())))
    return trainer


@torch.no_grad()
def _standardise(model, frames, generator):
    """Folds mean and deviation of each channel, over `frames` frames, into the convolutions beside the latents."""
    latents = torch.cat([encode(model, _frames(16, generator)[0]) for _ in range(frames // 16)])
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    into, out_of, n = model.quant_conv, model.post_quant_conv, len(mean)
    into.bias[:n] = (into.bias[:n] - mean) / deviation
    into.weight[:n] /= deviation[:, None, None, None]
    into.bias[n:] -= 2 * deviation.log()
    out_of.bias += out_of.weight[:, :, 0, 0] @ mean
    out_of.weight *= deviation[None, :, None, None]


def train(out, run):
    """Both parts; returns what the trainings took."""
    model = build()
    first = _train(out / "autoencoder-windows", model, run.scaled(WINDOWS), run, _windows)
    model.load_state_dict(torch.load(out / "autoencoder-windows" / "final.pt")["vae"])
    last = _train(out / "autoencoder", model, run.scaled(WHOLE), run, lambda n, g: _frames(n, g)[0])
    model.load_state_dict(torch.load(out / "autoencoder" / "final.pt")["vae"])
    _standardise(model.eval(), run.count(4096, 32), torch.Generator().manual_seed(79))
    write(_finished(out), {"vae": model.state_dict()})
    return [first.summary(), last.summary()]


def _finished(out):
    return out / "autoencoder" / "standardised.pt"


def load(out):
    model = build()
    model.load_state_dict(torch.load(_finished(out))["vae"])
    return model.eval().requires_grad_(False)


def encode(model, pixels):
    """Latents (unscaled) of pixels [n, 3, h, w] in 0..1."""
    return model.encode(pixels * 2 - 1).latent_dist.mean


def decode(model, latents):
    """Pixels in 0..1 of latents (unscaled) [n, 4, h, w]."""
    return (model.decode(latents).sample / 2 + 0.5).clamp(0, 1)


def psnr(a, b):
    return float(10 * torch.log10(1 / F.mse_loss(a, b)))
