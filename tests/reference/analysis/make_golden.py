"""Makes tests/golden/analysis: python tests/reference/analysis/make_golden.py

Needs torch, diffusers, safetensors, numpy, freeinit_export, and for the preprocessing timm, torchvision
and Pillow (0.42, 1.0.31, 0.28 and 13.0 made the files).
"""

import json
import pathlib

import numpy as np
import spectrum
import torch
import vbench_formulas as vbench
from freeinit_export.sources.torchvision_import import import_torchvision
from PIL import Image
from safetensors.torch import save_file

import_torchvision()
import timm  # noqa: E402
import torchvision  # noqa: E402
from diffusers import DDIMScheduler  # noqa: E402

OUT = pathlib.Path(__file__).parents[2] / "golden" / "analysis"


def moving_frames(num_frames, height, width):
    """A bright blob over a gradient with a little noise: content at every scale."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:height, 0:width]
    frames = []
    for t in range(num_frames):
        blob = np.exp(-((x / width - 0.2 - 0.05 * t) ** 2 + (y / height - 0.5) ** 2) * 30)
        planes = [40 + 180 * blob, 60 + 100 * y / height, 200 - 120 * x / width]
        frames.append(np.stack(planes, -1) + rng.normal(0, 6, (height, width, 3)))
    return np.clip(np.round(frames), 0, 255).astype(np.uint8)


def make_scores():
    generator = torch.Generator().manual_seed(1)
    walk = torch.randn(7, 40, generator=generator).cumsum(0)
    turning = torch.randn(6, 12, generator=generator)  # some cosines are negative
    frames = moving_frames(6, 18, 22)
    unit = frames / 255.0
    figures = {
        "walk": vbench.consistency(walk),
        "turning": vbench.consistency(turning),
        "frames": {
            **vbench.consistency(torch.from_numpy(unit).flatten(1)),
            "temporal_flickering": vbench.temporal_flickering(frames),
            "motion_energy": vbench.motion_energy(unit),
            "temporal_deviation": vbench.temporal_deviation(unit),
        },
    }
    tensors = {"walk": walk, "turning": turning, "frames": torch.from_numpy(frames)}
    return figures, tensors


def make_spectra():
    generator = torch.Generator().manual_seed(2)
    figures, tensors = {}, {}
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="linear")
    for name, shape in {"even": (1, 4, 8, 6, 10), "odd": (2, 3, 5, 7, 4)}.items():
        smooth = torch.randn(shape, generator=generator).cumsum(2).cumsum(3) / 4
        noise = torch.randn(shape, generator=generator)
        noised = scheduler.add_noise(smooth, noise, torch.tensor([700])).double().numpy()
        signal = smooth.numpy()
        figures[name] = {
            "bins": [int(mask.sum()) for mask in spectrum.bands(shape[-3:])],
            "power": spectrum.power(signal),
            "share": spectrum.share(signal, noised),
            "frame_correlation": float(np.mean([spectrum.frame_correlation(v) for v in noised])),
            "low_frame_correlation": float(
                np.mean([spectrum.frame_correlation(v, 0.25) for v in noised])
            ),
            "alpha_cumprod": float(scheduler.alphas_cumprod[700]),
        }
        tensors[f"{name}.signal"] = smooth
        tensors[f"{name}.noised"] = torch.from_numpy(noised).float()
    return figures, tensors


def timm_transform(size, crop_pct, interpolation):
    return timm.data.create_transform(
        input_size=(3, size, size), crop_pct=crop_pct, interpolation=interpolation, is_training=False
    )


def vbench_transform(size):
    """VBench's dino_transform: no antialiasing, no cut."""
    transforms = torchvision.transforms
    mean, std = timm.data.IMAGENET_DEFAULT_MEAN, timm.data.IMAGENET_DEFAULT_STD
    return transforms.Compose(
        [
            transforms.Resize(size=size, antialias=False),
            transforms.Lambda(lambda x: x.float().div(255.0)),
            transforms.Normalize(mean=mean, std=std),
        ]
    )


def make_preprocessing():
    """Pictures through timm's transforms, and through VBench's."""
    figures, tensors = {}, {}
    cases = {
        "down": ((61, 83), 24, 0.9, "bicubic"),
        "down_bilinear": ((83, 61), 21, 0.875, "bilinear"),
        "up": ((19, 31), 32, 0.9, "bicubic"),
    }
    for name, (size, crop, crop_pct, interpolation) in cases.items():
        frames = moving_frames(2, *size)
        transform = timm_transform(crop, crop_pct, interpolation)
        expected = torch.stack([transform(Image.fromarray(frame)) for frame in frames])
        tensors[f"{name}.frames"] = torch.from_numpy(frames)
        tensors[f"{name}.expected"] = expected.contiguous()
        figures[name] = {
            "resize": int(crop / crop_pct),
            "crop": crop,
            "interpolation": interpolation,
            "antialias": True,
        }
    frames = torch.from_numpy(moving_frames(2, 45, 63))
    tensors["vbench.frames"] = frames
    tensors["vbench.expected"] = vbench_transform(28)(frames.permute(0, 3, 1, 2)).contiguous()
    figures["vbench"] = {"resize": 28, "crop": 0, "interpolation": "bilinear", "antialias": False}
    return figures, tensors


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, make in {
        "scores": make_scores,
        "spectra": make_spectra,
        "preprocessing": make_preprocessing,
    }.items():
        figures, tensors = make()
        (OUT / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
        save_file(tensors, OUT / f"{name}.safetensors")


if __name__ == "__main__":
    main()
