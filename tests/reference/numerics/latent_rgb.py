"""Colours of latents, as previewers make them of latent_rgb_factors, in NumPy and double."""

import numpy
import torch

from golden_files import write_tensors


def main():
    random = numpy.random.default_rng(0)
    latents = random.standard_normal((2, 4, 3, 5, 7)).astype(numpy.float32)
    factors, bias = random.standard_normal((4, 3)) * 0.4, random.standard_normal(3) * 0.2
    pixels = numpy.einsum("bcfhw,cr->bfhwr", latents.astype(numpy.float64), factors) + bias
    rgb = numpy.clip((pixels + 1) / 2, 0, 1)
    assert (rgb == 0).any() and (rgb == 1).any(), "nothing is cut"
    write_tensors("latent_rgb.safetensors", {
        name: torch.from_numpy(numpy.ascontiguousarray(values))
        for name, values in {"latents": latents, "factors": factors, "bias": bias, "rgb": rgb}.items()})
    print("latent rgb: 1 case")


if __name__ == "__main__":
    main()
