"""Makes the drawings of docs/how_it_works.md from a run of the command; no figure is drawn by hand.

    python docs/images/make_drawings.py build/release/bin/freeinit        # needs numpy, pillow and safetensors
"""

import base64
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from make_charts import ROOT
from PIL import Image
from report.svg import Svg
from safetensors.numpy import load_file

HERE = Path(__file__).resolve().parent
BUNDLE = ROOT / "models/shapes"
PROMPT, SEED, PASSES = "a red circle moving right", 3, 3
SHOWN = range(0, 16, 2)  # frames
TIMESTEPS = (0, 499, 749, 999)
FILTERS = {"butterworth": "#e8710a", "gaussian": "#1a73e8", "ideal": "#188038", "box": "#9334e6"}
REAL = (16, 64, 64)  # frames, height and width of the latents of a clip of 512x512
GREY = "#5f6368"


def png(pixels):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


class Drawing(Svg):
    def picture(self, x, y, width, height, pixels):
        self.lines.append(
            f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" '
            f'style="image-rendering:pixelated" href="{png(pixels)}"/>'
        )

    def curve(self, points, colour):
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.lines.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')

    def arrow(self, x1, y1, x2, y2):
        self.line(x1, y1, x2, y2, GREY, 1.5)
        for side in (-4, 4):
            tail = (x2 - 7, y2 + side) if y1 == y2 else (x2 + side, y2 - 7)
            self.line(x2, y2, *tail, GREY, 1.5)


def strip(frames):
    """Frames side by side with a white line between them: [F,h,w] of any range, or [F,h,w,3] bytes."""
    if frames.dtype != np.uint8:
        deviation = 2.5 * frames.std()
        frames = np.clip((frames - frames.mean()) / deviation * 0.5 + 0.5, 0, 1)
        frames = (255 * frames).astype(np.uint8)
    gap = np.full_like(frames[0][:, :1], 255)
    return np.concatenate([part for frame in frames for part in (frame, gap)][:-1], axis=1)


def low_band(latents, mask):
    """What FreeInit keeps: [F,h,w] through the centred mask."""
    spectrum = np.fft.fftshift(np.fft.fftn(latents))
    return np.fft.ifftn(np.fft.ifftshift(spectrum * mask)).real


def correlation(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def alphas():
    model = json.loads((BUNDLE / "manifest.json").read_text())["scheduler"]
    start, end, steps = model["beta_start"], model["beta_end"], model["num_train_timesteps"]
    betas = {
        "linear": lambda: np.linspace(start, end, steps),
        "scaled_linear": lambda: np.linspace(start**0.5, end**0.5, steps) ** 2,
    }[model["beta_schedule"]]()
    return np.cumprod(1 - betas)


def draw_forward(clip, noise, mask, path):
    """One channel of a clip's latents, noised further and further, and the low band of it."""
    channel = int(np.argmax(low_band_share(clip, mask)))
    clip, noise, abar = clip[channel], noise[channel], alphas()
    svg = Drawing(900, 70 + 80 * len(TIMESTEPS))
    svg.text(270, 20, "latents of a clip, noised to timestep t", 13, "middle")
    svg.text(690, 20, "their low band: what FreeInit keeps", 13, "middle")
    for row, timestep in enumerate(TIMESTEPS):
        y = 34 + 80 * row
        noised = clip if timestep == 0 else abar[timestep] ** 0.5 * clip + (1 - abar[timestep]) ** 0.5 * noise
        low = low_band(noised, mask)
        likeness = correlation(low, low_band(clip, mask))
        rest = correlation(noised - low, clip - low_band(clip, mask))
        svg.text(10, y + 30, f"t = {timestep}", 13)
        svg.picture(70, y, 400, 48, strip(noised[SHOWN]))
        svg.picture(490, y, 400, 48, strip(low[SHOWN]))
        svg.text(270, y + 64, f"high frequencies: correlation with the clip {rest:.2f}", 11, "middle", GREY)
        svg.text(690, y + 64, f"correlation with the clip's {likeness:.2f}", 11, "middle", GREY)
    words = f"demo model, `{PROMPT}`, seed {SEED}, channel {channel}, each row in its own grey"
    svg.text(10, 62 + 80 * len(TIMESTEPS), words, 11, colour=GREY)
    svg.save(path)


def low_band_share(clip, mask):
    return [low_band(channel - channel.mean(), mask).var() / channel.var() for channel in clip]


def draw_mask(masks, path):
    """The four filters along height, and the default one over time and height."""
    svg = Drawing(900, 330)
    left, top, width, height = 60, 40, 400, 230
    svg.text(left, 24, "share of the diffused result that is kept, by spatial frequency", 13)
    for tick in (0, 0.25, 0.5, 0.75, 1):
        svg.line(left, top + height * (1 - tick), left + width, top + height * (1 - tick))
        svg.text(left - 8, top + height * (1 - tick) + 4, f"{tick:g}", 11, "end")
        svg.text(left + width * tick, top + height + 18, f"{tick:g}", 11, "middle")
    frames, rows, columns = (size // 2 for size in REAL)
    for name, colour in FILTERS.items():
        values = masks[name][frames, rows::-1, columns]
        svg.curve([(left + width * k / rows, top + height * (1 - v)) for k, v in enumerate(values)], colour)
    for place, (name, colour) in enumerate(FILTERS.items()):
        svg.bar(left + 305, top + 14 + 20 * place, 12, 12, colour)
        svg.text(left + 323, top + 24 + 20 * place, name)
    svg.text(left + width / 2, top + height + 38, "1 is the finest pattern that latents can hold", 11, "middle", GREY)
    svg.text(540, 24, "butterworth over time and height", 13)
    quarter = masks["butterworth"][frames::-1, rows::-1, columns]  # both from 0 to 1
    svg.picture(560, top, 300, height, (255 * (1 - quarter[::-1] * 0.9)).astype(np.uint8))
    svg.text(710, top + height + 18, "spatial frequency, 0 to 1", 11, "middle")
    svg.text(550, top + height, "0", 11, "end")
    svg.text(550, top + 10, "1", 11, "end")
    svg.text(550, top + height / 2, "time", 11, "end")
    share = masks["butterworth"].mean()
    svg.text(710, top + height + 38, f"dark is kept: {100 * share:.1f} % of all frequencies", 11, "middle", GREY)
    svg.save(path)


def draw_loop(noises, results, videos, mask, path):
    """What each pass starts from and what comes of it."""
    height = 140 * PASSES
    svg = Drawing(900, height)

    def all_low(latents):
        return np.stack([low_band(one, mask) for one in latents])

    for x, title in ((165, "noise of the pass"), (465, "its low band"), (765, "frames of the result")):
        svg.text(x, 20, title, 13, "middle")
    channel = 0
    for row in range(PASSES):
        y = 34 + 140 * row
        before = max(row, 1)
        svg.text(10, y + 36, f"{row + 1}", 16)
        svg.picture(40, y, 250, 60, strip(noises[row][channel][SHOWN][::2]))
        svg.picture(340, y, 250, 60, strip(low_band(noises[row][channel], mask)[SHOWN][::2]))
        svg.picture(640, y, 250, 60, strip(videos[row][SHOWN][::2]))
        likeness = correlation(all_low(noises[row]), all_low(results[before - 1]))
        svg.text(465, y + 75, f"correlation with the low band of result {before}: {likeness:.2f}", 11, "middle", GREY)
        svg.arrow(600, y + 30, 632, y + 30)
        svg.text(616, y + 22, "sample", 10, "middle", GREY)
        if row + 1 < PASSES:
            svg.line(765, y + 64, 765, y + 104, GREY, 1.5)
            svg.line(765, y + 104, 165, y + 104, GREY, 1.5)
            svg.arrow(165, y + 104, 165, y + 136)
            words = "noised to the last timestep with the first noise, low band kept; fresh noise for the rest"
            svg.text(465, y + 98, words, 11, "middle", GREY)
    words = f"demo model, `{PROMPT}`, seed {SEED}, every 4th frame; noise: channel {channel}"
    svg.text(10, height - 8, words, 11, colour=GREY)
    svg.save(path)


def main(command):
    def run(*arguments):
        subprocess.run([command, *map(str, arguments)], check=True, capture_output=True)

    def mask_of(name, shape, folder):
        file = folder / f"{name}_{shape[1]}.safetensors"
        run("filter", "--shape", *shape, "--filter", name, "-o", file)
        return load_file(file)["mask"]

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run("generate", PROMPT, "--bundle", BUNDLE, "--seed", SEED, "--num-iters", PASSES,
            "--save-passes", folder / "run", "-o", folder / "video.mp4")
        numbers = range(1, PASSES + 1)
        results = [load_file(folder / f"run/pass_{k}.safetensors")["latents"][0] for k in numbers]
        noises = [load_file(folder / f"run/noise_{k}.safetensors")["noise"][0] for k in numbers]
        videos = []
        for k in numbers:
            run("decode", folder / f"run/pass_{k}.safetensors", "--bundle", BUNDLE, "-o", f"{folder}/frames_{k}/")
            frames = sorted((folder / f"frames_{k}").glob("*.png"))
            videos.append(np.stack([np.asarray(Image.open(frame).convert("RGB")) for frame in frames]))
        mask = mask_of("butterworth", results[0].shape[1:], folder)
        draw_forward(results[-1], noises[0], mask, HERE / "how_forward.svg")
        draw_loop(noises, results, videos, mask, HERE / "how_loop.svg")
        draw_mask({name: mask_of(name, REAL, folder) for name in FILTERS}, HERE / "how_mask.svg")


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).resolve()))
