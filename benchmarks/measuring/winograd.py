"""Winograd's convolutions F(m, 3) for any interpolation points, as matrices, with products in bfloat16."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch

TAPS = 3


def rounded(tensor: torch.Tensor) -> torch.Tensor:
    """To what bfloat16 holds. Sums of products of such numbers are those of AVX512-BF16: in float32."""
    return tensor.bfloat16().float()


@dataclass(frozen=True)
class Winograd:
    """y = A^T [(G g) * (B^T d)] for m outputs of a 3-tap filter (Lavin and Gray, arXiv 1509.09308): the transposed
    form of multiplying polynomials by their values at m + 1 points and infinity (Toom and Cook)."""

    outputs: int
    points: tuple[float, ...]

    def matrices(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A^T [m,n], G [n,3], B^T [n,n] with n = m + 2."""

        def values(terms: int) -> numpy.ndarray:
            rows = [[point**power for power in range(terms)] for point in self.points]
            return numpy.array([*rows, [0.0] * (terms - 1) + [1.0]])

        n = self.outputs + TAPS - 1
        found = (values(self.outputs).T, values(TAPS), numpy.linalg.inv(values(n)).T)
        return tuple(torch.tensor(matrix, dtype=torch.float32) for matrix in found)

    def conv2d(self, images: torch.Tensor, weight: torch.Tensor, narrow: bool = True) -> torch.Tensor:
        """[N,C,H,W] with [K,C,3,3], padding 1; `narrow`: what is multiplied is rounded to bfloat16."""
        a, g, b = self.matrices()
        size, (height, width) = len(b), images.shape[2:]
        tiles = torch.nn.functional.pad(images, (1, size, 1, size)).unfold(2, size, self.outputs)
        tiles = tiles.unfold(3, size, self.outputs)
        tiles = tiles[:, :, : -(-height // self.outputs), : -(-width // self.outputs)]
        tiles = torch.einsum("ia,ncyxab,jb->ijnyxc", b, tiles, b)
        kernels = torch.einsum("ia,kcab,jb->ijck", g, weight, g)
        if narrow:
            tiles, kernels = rounded(tiles), rounded(kernels)
        products = torch.einsum("ijnyxc,ijck->nkyxij", tiles, kernels)
        found = torch.einsum("pi,nkyxij,qj->nkypxq", a, products, a).flatten(4, 5).flatten(2, 3)
        return found[:, :, :height, :width]
