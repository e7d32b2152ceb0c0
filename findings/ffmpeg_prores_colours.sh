#!/usr/bin/env bash
# FFmpeg: a ProRes file whose encoder was told BT.709 says "unknown" in its frames.
#
# libx264 and FFV1 take the colours that are set on the encoder's context. `prores_ks` takes those of each frame
# and writes them into the frame's header; the container has the context's. FFmpeg's own decoder believes the
# header, so the container's BT.709 is lost, and a small picture is shown by BT.601's matrix.
"$(dirname "$0")/with_packages.sh" av==18.1.0 numpy==2.4.6 <<'PY'
import os
import tempfile

import av
import numpy as np

print("PyAV", av.__version__, "FFmpeg", av.ffmpeg_version_info)
BT709, UNSPECIFIED = 1, 2
RED = np.full((64, 64, 3), [255, 0, 0], np.uint8)


def colours(codec, name, pixels, tagged_frames, options):
    """Matrix that the container says, and that of the first decoded frame."""
    file = os.path.join(folder, name)
    with av.open(file, "w") as output:
        stream = output.add_stream(codec, rate=8, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixels
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = BT709
        frame = av.VideoFrame.from_ndarray(RED, format="rgb24")
        frame = frame.reformat(format=pixels, dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.colorspace = frame.color_primaries = frame.color_trc = BT709 if tagged_frames else UNSPECIFIED
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with av.open(file) as video:
        stream = video.streams.video[0]
        return stream.codec_context.colorspace, next(video.decode(stream)).colorspace


with tempfile.TemporaryDirectory() as folder:
    prores = ("prores_ks", "a.mov", "yuv444p10le")
    seen = {
        "H.264, colours on the encoder": colours("libx264", "a.mp4", "yuv420p", False, {}),
        "FFV1, colours on the encoder": colours("ffv1", "a.mkv", "yuv444p", False, {}),
        "ProRes, colours on the encoder": colours(*prores, False, {"profile": "4444"}),
        "ProRes, colours on each frame": colours(*prores, True, {"profile": "4444"}),
    }
for what, (container, frame) in seen.items():
    print(f"{what}: container {container}, decoded frame {frame} (1 is BT.709, 2 is unknown)")
assert list(seen.values()) == [(1, 1), (1, 1), (1, 2), (1, 1)], "the behaviour changed"
PY
