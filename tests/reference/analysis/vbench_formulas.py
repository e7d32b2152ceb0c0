"""The metrics of the FreeInit paper and of VBench, written from their definitions with numpy and torch.

Vchitect/VBench: vbench/subject_consistency.py (cosine to the frame before and to the first frame, each
cut off at 0, halved) and vbench/temporal_flickering.py ((255 - mean absolute difference) / 255 on
bytes). FreeInit: mean cosine of the first frame's features to all later frames (the authors,
TianxingWu/FreeInit#16).
"""

import numpy as np
import torch


def temporal_consistency(features):
    unit = torch.nn.functional.normalize(features, dim=-1)
    return (unit[1:] @ unit[0]).mean().item()


def adjacent_consistency(features):
    return torch.nn.functional.cosine_similarity(features[1:], features[:-1]).mean().item()


def subject_consistency(features):
    unit = torch.nn.functional.normalize(features, dim=-1, p=2)
    total = 0.0
    for i in range(1, len(unit)):
        similarity = torch.nn.functional.cosine_similarity
        before = max(0.0, similarity(unit[i - 1 : i], unit[i : i + 1]).item())
        first = max(0.0, similarity(unit[0:1], unit[i : i + 1]).item())
        total += (before + first) / 2
    return total / (len(unit) - 1)


def temporal_flickering(frames):
    """`frames` [F,H,W,3] uint8."""
    wide = frames.astype(np.float32)
    differences = [np.mean(np.abs(a - b)) for a, b in zip(wide[:-1], wide[1:])]
    return (255.0 - np.mean(differences).item()) / 255.0


def motion_energy(video):
    return np.mean(np.diff(video, axis=0) ** 2).item()


def temporal_deviation(video):
    return np.sqrt(np.mean(np.var(video, axis=0))).item()


def consistency(features):
    return {
        "temporal_consistency": temporal_consistency(features),
        "subject_consistency": subject_consistency(features),
        "adjacent_consistency": adjacent_consistency(features),
    }
