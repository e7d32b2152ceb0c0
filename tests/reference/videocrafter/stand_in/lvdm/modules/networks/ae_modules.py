"""A per-frame encoder and decoder with the original's signatures."""

import torch
from torch import nn
from utils.utils import instantiate_from_config  # noqa: F401  (as in the original)


class Encoder(nn.Module):
    def __init__(self, *, ch, ch_mult, in_channels, z_channels, double_z=True, **others):
        super().__init__()
        layers = [nn.Conv2d(in_channels, ch, 3, padding=1)]
        for _ in ch_mult[1:]:
            layers += [nn.SiLU(), nn.Conv2d(ch, ch, 3, stride=2, padding=1)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(ch, (1 + double_z) * z_channels, 3, padding=1))

    def forward(self, x):
        return self.layers(x)


class Decoder(nn.Module):
    def __init__(self, *, ch, ch_mult, out_ch, z_channels, **others):
        super().__init__()
        layers = [nn.Conv2d(z_channels, ch, 3, padding=1)]
        for _ in ch_mult[1:]:
            layers += [nn.SiLU(), nn.Upsample(scale_factor=2.0), nn.Conv2d(ch, ch, 3, padding=1)]
        self.layers = nn.Sequential(*layers, nn.SiLU(), nn.Conv2d(ch, out_ch, 3, padding=1))

    def forward(self, z):
        return torch.tanh(self.layers(z))
