"""What a network's result loses where its convolutions compute in bfloat16, and by which algorithm.

    python benchmarks/run.py narrow_convolutions

The UNet of `mid`, one call, in float32; then with the inputs of products rounded to bfloat16: of linear
layers and pointwise convolutions, of 3x3 convolutions, of both. Convolutions are the definition's, or
Winograd's with the usual points or with closer ones, which lose less. Needs no processor with bfloat16: a
product of two such numbers is exact in float32, where sums are made. Writes
results/narrow_convolutions.json.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager

import torch
from measuring.models import mid_pipeline
from measuring.options import measuring_parser, write_result
from measuring.winograd import Winograd, rounded
from torch import nn
from torch.nn import functional

FEWEST_CHANNELS = 32  # as the kernels: latents are read and written in float32
IMAGES = 2  # at a time: Winograd's tiles have 36 values for 16
Convolution = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def in_pieces(winograd: Winograd) -> Convolution:
    return lambda images, weight: torch.cat([winograd.conv2d(part, weight) for part in images.split(IMAGES)])


# Points a and b mean 0, a, -a, b, -b and infinity. Powers of closer points are of more equal size.
CONVOLUTIONS: dict[str, Convolution] = {
    "the definition": lambda images, weight: functional.conv2d(rounded(images), rounded(weight), padding=1),
    "Winograd, F(2x2, 3x3)": in_pieces(Winograd(2, (0, 1, -1))),
    "Winograd, F(4x4, 3x3), points 1 and 2": in_pieces(Winograd(4, (0, 1, -1, 2, -2))),
    "Winograd, F(4x4, 3x3), points .65 and 1.5": in_pieces(Winograd(4, (0, 0.65, -0.65, 1.5, -1.5))),
}


@contextmanager
def rounding(linear: bool, convolution: Convolution | None):
    """Inputs of products are rounded inside: of linear layers, and of 3x3 convolutions by `convolution`."""
    full_linear, full_conv = nn.Linear.forward, nn.Conv2d.forward
    narrowed = rounded if linear else lambda tensor: tensor

    def linear_layer(self, input):  # noqa: A002, the name that diffusers gives
        return functional.linear(narrowed(input), narrowed(self.weight), self.bias)

    def conv_layer(self, input):  # noqa: A002
        if self.kernel_size == (1, 1):
            return functional.conv2d(narrowed(input), narrowed(self.weight), self.bias, self.stride)
        served = self.stride == (1, 1) and min(self.in_channels, self.out_channels) >= FEWEST_CHANNELS
        if convolution is None or not served:
            return full_conv(self, input)
        return convolution(input, self.weight) + self.bias[:, None, None]

    nn.Linear.forward, nn.Conv2d.forward = linear_layer, conv_layer
    try:
        yield
    finally:
        nn.Linear.forward, nn.Conv2d.forward = full_linear, full_conv


@torch.no_grad()
def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    unet = mid_pipeline().unet
    latents = torch.randn((1, 4, options.frames, 16, 16), generator=torch.Generator().manual_seed(1))
    text = torch.randn((1, 77, 768), generator=torch.Generator().manual_seed(2)).expand(options.frames, -1, -1)

    def call(linear: bool, convolution: Convolution | None) -> torch.Tensor:
        with rounding(linear, convolution):
            return unet(latents, 500, encoder_hidden_states=text).sample

    exact = call(False, None)

    def errors(linear: bool, convolution: Convolution | None) -> dict[str, float]:
        off = call(linear, convolution) - exact
        return {"rms": float(off.square().mean().sqrt() / exact.square().mean().sqrt()),
                "largest": float(off.abs().max() / exact.abs().max())}  # fmt: skip

    found = {"float32": {"linear": errors(True, None)}}
    for name, convolution in CONVOLUTIONS.items():
        found[name] = {"convolutions": errors(False, convolution), "both": errors(True, convolution)}
        print(f"  {name}: {found[name]['both']['rms']:.4f}", flush=True)
    write_result(options.results / "narrow_convolutions.json", {"frames": options.frames, "convolutions": found})


if __name__ == "__main__":
    main()
