"""What an adapter adds to one weight: LoRA, LoHa, LoKr, whole differences, each also as DoRA.

    LoRA  up @ down                              (arXiv 2106.09685; `mid`: a core between the two)
    LoHa  (w1_a @ w1_b) * (w2_a @ w2_b)          (arXiv 2108.06098, 2309.14859)
    LoKr  kron(w1, w2), each whole or a product  (arXiv 2309.14859)
    DoRA  m * (W + D) / |W + D|                  (arXiv 2402.09353; D: any of the above)

All but whole differences are scaled by alpha / rank.
"""

from __future__ import annotations

import torch

from freeinit_export.errors import ExportError

Parts = dict[str, torch.Tensor]


def merged_weight(
    parts: Parts, weight: torch.Tensor, scale: float, alpha: float | None
) -> torch.Tensor:
    """`weight` with the adapter added, float32. Raises ExportError or RuntimeError where shapes do
    not fit."""
    difference, rank = _difference(parts, weight)
    factor = 1.0 if alpha is None or rank is None else alpha / rank
    if difference.numel() != weight.numel():
        raise ExportError(f"is for weights of {difference.numel()} values")
    sum_ = weight.float() + (scale * factor * difference).view(weight.shape)
    magnitude = parts.get("magnitude")
    return sum_ if magnitude is None else _with_magnitude(sum_, magnitude.float())


def _difference(parts: Parts, weight: torch.Tensor) -> tuple[torch.Tensor, int | None]:
    """The difference before scaling, and the rank that alpha is divided by."""
    parts = {name: tensor.float() for name, tensor in parts.items()}
    if "diff" in parts:
        return parts["diff"], None
    if any(name.startswith("hada_") for name in parts):
        return _hadamard(parts)
    if any(name.startswith("lokr_") for name in parts):
        return _kronecker(parts, weight)
    up, down = _needed(parts, "up"), _needed(parts, "down")
    if "mid" in parts:
        return _core(parts["mid"], up.flatten(1), down.flatten(1)), down.shape[0]
    return up.flatten(1) @ down.flatten(1), down.shape[0]


def _hadamard(parts: Parts) -> tuple[torch.Tensor, int]:
    factors = []
    for number in "12":
        a, b = (_needed(parts, f"hada_w{number}_{letter}") for letter in "ab")
        core = parts.get(f"hada_t{number}")
        factors.append(a @ b if core is None else _core(core, a.T, b))
    return factors[0] * factors[1], _needed(parts, "hada_w1_b").shape[0]


def _kronecker(parts: Parts, weight: torch.Tensor) -> tuple[torch.Tensor, int | None]:
    factors, rank = [], None
    for number in "12":
        whole = parts.get(f"lokr_w{number}")
        if whole is None:
            a, b = (_needed(parts, f"lokr_w{number}_{letter}") for letter in "ab")
            core = parts.get(f"lokr_t{number}")
            whole = a @ b if core is None else _core(core, a.T, b)
            rank = b.shape[0]
        factors.append(whole)
    first, second = factors
    if second.dim() == 2 and weight.dim() > 2:  # the kernel is flattened into the columns
        kernel = weight.shape[2:]
        second = second.view(second.shape[0], -1, *kernel)
    first = first.view(*first.shape, *[1] * (second.dim() - first.dim()))
    return torch.kron(first, second.contiguous()), rank


def _core(core: torch.Tensor, up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """Kernels [out, in, ...] from a core [r, r, ...], up [out, r] and down [r, in]."""
    return torch.einsum("ij...,oi,jn->on...", core, up, down)


def _with_magnitude(weight: torch.Tensor, magnitude: torch.Tensor) -> torch.Tensor:
    """Each row of `weight` (output) at the length that `magnitude` says; each column (input) where
    `magnitude` is [1, in, ...]."""
    rows = weight.shape[0]
    if magnitude.dim() > 1 and magnitude.shape[0] == 1 and rows > 1:
        return _with_magnitude(weight.transpose(0, 1), magnitude.flatten()).transpose(0, 1)
    shape = (rows, *[1] * (weight.dim() - 1))
    return weight * (magnitude.view(shape) / weight.flatten(1).norm(dim=1).view(shape))


def _needed(parts: Parts, name: str) -> torch.Tensor:
    if name not in parts:
        raise ExportError(f"has no {name} weight")
    return parts[name]
