"""Group norms over the values that AnimateDiff's own code takes together.

diffusers runs its modules on other layouts, and with them other values meet in a norm:

* in motion modules the original normalises every frame, diffusers the whole clip;
* in the residual blocks and at the output the original normalises every frame, as diffusers does,
  but with modules of version 1 the whole clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import UNetMotionModel
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D


@dataclass
class _Clip:
    """The number of frames of the running call, which a layer of images cannot see."""

    frames: int = 1


class EachFrame(torch.nn.Module):
    """[B,C,F,H,W], every frame for itself."""

    def __init__(self, norm: torch.nn.GroupNorm):
        super().__init__()
        self.norm = norm

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        frames = clips.transpose(1, 2)
        return self.norm(frames.flatten(0, 1)).view(frames.shape).transpose(1, 2)


class WholeClip(torch.nn.Module):
    """[B*F,C,H,W], all frames of a video together."""

    def __init__(self, norm: torch.nn.GroupNorm, clip: _Clip):
        super().__init__()
        self.norm = norm
        self.clip = clip

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        clips = frames.reshape(-1, self.clip.frames, *frames.shape[1:]).transpose(1, 2)
        return self.norm(clips).transpose(1, 2).reshape(frames.shape)


def use_original_norms(unet: UNetMotionModel, version1: bool) -> None:
    """Changes `unet` in place; its weights stay."""
    for module in unet.modules():
        if isinstance(module, AnimateDiffTransformer3D):
            module.norm = EachFrame(module.norm)
    if not version1:
        return
    clip = _Clip()

    def note(_, inputs):
        clip.frames = inputs[0].shape[2]

    unet.register_forward_pre_hook(note)
    for module in list(unet.modules()):
        if isinstance(module, ResnetBlock2D):
            module.norm1 = WholeClip(module.norm1, clip)
            module.norm2 = WholeClip(module.norm2, clip)
    unet.conv_norm_out = WholeClip(unet.conv_norm_out, clip)
