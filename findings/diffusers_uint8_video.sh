#!/usr/bin/env bash
# diffusers: `export_to_video` writes the negative of frames that are bytes already.
#
# Frames of float in 0..1 are written right. Frames of uint8, what an image library gives, are
# multiplied by 255 as well and wrap around: 36 becomes 220. No error, no warning.
"$(dirname "$0")/with_packages.sh" diffusers==0.42.1 imageio==2.37.2 imageio-ffmpeg==0.6.0 numpy==2.4.6 <<'PY'
import diffusers
import imageio.v3 as imageio
import numpy as np
from diffusers.utils import export_to_video

ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (64, 1, 3))


def written(frames):
    export_to_video(frames, "ramp.mp4", fps=8)
    return imageio.imread("ramp.mp4")[0][32, ::9, 0].astype(int)


print("diffusers", diffusers.__version__)
asked = ramp[32, ::9, 0].astype(int)
floats, bytes_ = written([ramp / 255.0] * 8), written([ramp] * 8)
print("asked   ", asked)
print("as float", floats)
print("as uint8", bytes_)
assert np.abs(floats - asked).max() <= 4
assert np.abs(bytes_ - (256 - asked) % 256).max() <= 4, "the behaviour changed"
PY
