"""Radial bands of a spatio-temporal spectrum, written with numpy on the centred spectrum."""

import numpy as np

EDGES = [0.0625, 0.125, 0.25, 0.5, 1.0]


def distances(shape):
    axes = [2 * np.fft.fftshift(np.fft.fftfreq(size)) for size in shape]
    t, h, w = np.meshgrid(*axes, indexing="ij")
    return np.sqrt(t**2 + h**2 + w**2)


def bands(shape, edges=EDGES):
    """Masks [T,H,W] of the bands that hold a frequency: 0, (0, e1], ... , above the last edge."""
    d = distances(shape)
    limits = [0.0, *edges, np.inf]
    masks = [d == 0] + [
        (d > low) & (d <= high * (1 + 1e-12)) for low, high in zip(limits[:-1], limits[1:])
    ]
    return [mask for mask in masks if mask.any()]


def spectrum(video):
    axes = (-3, -2, -1)
    return np.fft.fftshift(np.fft.fftn(video.astype(np.float64), axes=axes, norm="ortho"), axes)


def power(video, edges=EDGES):
    squared = np.abs(spectrum(video)) ** 2
    return [squared[..., mask].mean() for mask in bands(video.shape[-3:], edges)]


def share(signal, noised, edges=EDGES):
    """Squared correlation of each band, less what is found by chance."""
    x, z = spectrum(signal), spectrum(noised)
    result = []
    for mask in bands(signal.shape[-3:], edges):
        a, b = x[..., mask].ravel(), z[..., mask].ravel()
        r2 = np.vdot(a, b).real ** 2 / (np.vdot(a, a).real * np.vdot(b, b).real)
        n = a.size
        result.append(1 - (1 - r2) * n / (n - 1) if n > 1 else 0.0)
    return result


def frame_correlation(video, stop=None):
    """Mean cosine of neighbouring frames of `video` [C,F,h,w]; over low frequencies with `stop`."""
    frames = np.moveaxis(video.astype(np.float64), 1, 0)
    if stop is not None:
        h, w = (2 * np.fft.fftfreq(size) for size in frames.shape[-2:])
        mask = np.sqrt(h[:, None] ** 2 + w[None, :] ** 2) <= stop * (1 + 1e-12)
        frames = np.fft.ifft2(np.fft.fft2(frames) * mask).real
    rows = frames.reshape(len(frames), -1)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows[1:] * rows[:-1]).sum(1).mean()
