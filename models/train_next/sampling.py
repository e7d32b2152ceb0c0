"""DDIM sampling with guidance and FreeInit's passes, for the figures of the stages.

The program does the same and much more; here it is a page, so that a stage can look at itself."""

import torch

import autoencoder
import networks
import text

STEPS, GUIDANCE = 20, 4.0


@torch.no_grad()
def sample(net, encoder, tokenizer, prompts, noise, steps=STEPS, guidance=GUIDANCE):
    """Scaled latents, made of noise [n, 4, 16, 16] (image network) or [n, 4, F, 16, 16] (clip network)."""
    scheduler = networks.scheduler()
    scheduler.set_timesteps(steps)
    frames = noise.shape[2] if noise.ndim == 5 else 1
    said = text.encode(encoder, tokenizer, [""] * len(prompts) + prompts).repeat_interleave(frames, 0)
    x = noise
    for t in scheduler.timesteps:
        without, asked = net(torch.cat([x, x]), t, said).sample.chunk(2)
        x = scheduler.step(without + guidance * (asked - without), t, x).prev_sample
    return x


@torch.no_grad()
def pixels(coder, latents, factor):
    """Pixels [n, F, 3, h, w] in 0..1 of scaled latents, clips or single frames."""
    if latents.ndim == 4:
        latents = latents[:, :, None]
    flat = latents.transpose(1, 2).flatten(0, 1) / factor
    parts = [autoencoder.decode(coder, part) for part in flat.split(16)]
    return torch.cat(parts).unflatten(0, (len(latents), -1))


@torch.no_grad()
def diffused(coder, clips, factor, noise):
    """Noise diffused from rendered clips [n, F, 3, h, w] to the last timestep."""
    flat = autoencoder.encode(coder, clips.flatten(0, 1)) * factor
    clean = flat.unflatten(0, clips.shape[:2]).transpose(1, 2)
    last = torch.full((len(clips),), networks.scheduler().config.num_train_timesteps - 1)
    return networks.scheduler().add_noise(clean, noise, last)


def _low_pass(frames, size, stop=0.25, order=4):
    """The paper's Butterworth filter over [F, H, W], zero frequency first."""
    t, y, x = torch.meshgrid(*(torch.fft.fftfreq(n) * 2 for n in (frames, size, size)), indexing="ij")
    return 1 / (1 + ((t * t + y * y + x * x) / stop**2) ** order)


def low_band(noise, fresh):
    """The low frequencies of noise [n, 4, F, h, w] and the high ones of fresh noise, by the program's default filter."""
    low = _low_pass(*noise.shape[2:4])
    kept, drawn = (torch.fft.fftn(x, dim=(2, 3, 4)) for x in (noise, fresh))
    return torch.fft.ifftn(kept * low + drawn * (1 - low), dim=(2, 3, 4)).real


def free_init(net, encoder, tokenizer, prompts, noise, passes, generator, steps=STEPS, guidance=GUIDANCE):
    """The latents after every pass; the first is plain sampling."""
    schedule = networks.scheduler()
    last = torch.full((len(prompts),), schedule.config.num_train_timesteps - 1)
    x, results = noise, []
    for _ in range(passes):
        results.append(sample(net, encoder, tokenizer, prompts, x, steps, guidance))
        x = low_band(schedule.add_noise(results[-1], noise, last), torch.randn(noise.shape, generator=generator))
    return results
