"""Makes performance.svg and evaluation.svg and the tables beside them from the files of a results folder.

    python docs/images/make_charts.py [FOLDER]        # benchmarks/results
"""

import csv
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from report.page_tables import fill_places, table

PROGRAMS = ["diffusers", "OpenVINO in Python", "freeinit"]
COLOURS = ["#9aa0a6", "#7baaf7", "#e8710a"]
# One run on a busy machine, with `--low-memory`: AnimateDiff's whole UNet, weights that float16 holds.
TRIAL_512 = {"diffusers": (666, 7.6 * 1024), "freeinit": (374, 4.7 * 1024)}
VIDEOS = [  # title, file, names of diffusers, OpenVINO and freeinit there
    ("AnimateDiff, cut down: 2 passes of 1 step", "default_mid", ["diffusers", "openvino", "freeinit-float16-weights"]),
    ("AnimateDiff, cut down: 3 passes of 4 steps, early ends here", "early_passes",
     ["diffusers", None, "freeinit-float16-weights"]),
    ("ModelScope, cut down: 2 passes of 1 step", "default_modelscope",
     ["diffusers", "openvino", "freeinit-float16-weights"]),
    ("demo model: 2 passes of 4 steps", "compare_demo", ["diffusers", "openvino", "freeinit-openvino"]),
]
METHODS = [  # configuration, what the page calls it
    ("passes 2", "2 passes"),
    ("passes 3", "3 passes"),
    ("passes 4", "4 passes"),
    ("passes 5", "5 passes"),
    ("gaussian, 2 passes", "2 passes, gaussian filter"),
    ("prediction 1, 2 passes", "2 passes, the first of one call"),
    ("prediction 1, 3 passes", "3 passes, the first two of one call"),
    ("real clip", "1 pass from the noise of a clip"),
]
FIGURES = [  # name in evaluation.csv, title, digits
    ("latent_consistency", "consistency, latents", 3),
    ("pixel_consistency", "consistency, pixels", 3),
    ("background_deviation", "background deviation", 4),
    ("all", "all words right", 3),
]


def measured(folder):
    """Time in seconds and peak memory in MiB of each program for each video; None where it did not run."""
    rows = [("AnimateDiff, 512x512, 16 frames: 1 step and decoding", [TRIAL_512.get(name) for name in PROGRAMS])]
    for title, file, names in VIDEOS:
        peers = json.loads((folder / f"{file}.json").read_text())["peers"]
        found = [peers.get(name) and peers[name].get("generate", peers[name]) for name in names]
        rows.append((title, [run and (run["cpu_seconds"], run["peak_mib"]) for run in found]))
    return rows


def performance_table(rows):
    def seconds(value):
        return f"{value:.0f} s" if value >= 100 else f"{value:.1f} s"

    def memory(value):
        return f"{value / 1024:.1f} GiB"

    head = ["video", *(f"time: {name}" for name in PROGRAMS), *(f"memory: {name}" for name in PROGRAMS)]
    return table(head, [
        [title, *(run and seconds(run[0]) or "" for run in runs), *(run and memory(run[1]) or "" for run in runs)]
        for title, runs in rows
    ])  # fmt: skip


class Svg:
    def __init__(self, width, height):
        self.lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
        ]

    def text(self, x, y, words, size=12, anchor="start", colour="#202124"):
        words = words.replace("`", "").replace("&", "&amp;")
        self.lines.append(
            f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{words}</text>'
        )

    def bar(self, x, y, width, height, colour):
        self.lines.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.1f}" height="{height}" fill="{colour}"/>')

    def line(self, x1, y1, x2, y2, colour="#dadce0", width=1):
        self.lines.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'
        )

    def dot(self, x, y, colour):
        self.lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')

    def save(self, path):
        path.write_text("\n".join([*self.lines, "</svg>", ""]), encoding="utf-8")


def performance_chart(rows, path):
    """Bars of time and memory, diffusers' being 1."""
    left, panel, bar, gap = (20, 420), 260, 13, 40
    height = 66 + len(rows) * (3 * bar + gap)
    svg = Svg(800, height)
    for index, (x, title) in enumerate(zip(left, ("time of a video", "peak memory"))):
        svg.text(x, 22, f"{title}, diffusers = 1", 14)
        for row, (name, runs) in enumerate(rows):
            y = 56 + row * (3 * bar + gap)
            if index == 0:
                svg.text(x, y - 5, name)
            for place, run in enumerate(runs):
                if run is None:
                    continue
                ratio = run[index] / runs[0][index]
                svg.bar(x, y + place * bar, ratio * panel, bar - 2, COLOURS[place])
                svg.text(x + ratio * panel + 5, y + place * bar + 10, f"{ratio:.2f}", 10)
    for place, name in enumerate(PROGRAMS):
        svg.bar(20 + 170 * place, height - 18, 11, 11, COLOURS[place])
        svg.text(36 + 170 * place, height - 8, name)
    svg.save(path)


def evaluated(folder):
    """{(configuration, prompts, figure, of): (mean, low, high)} of evaluation.csv."""
    with open(folder / "evaluation.csv", newline="", encoding="utf-8") as file:
        return {
            (row["configuration"], row["prompts"], row["figure"], row["of"]): [row["mean"], row["low"], row["high"]]
            for row in csv.DictReader(file)
        }


def numbers(cells):
    return [float(cell) for cell in cells]


def cost(found, name):
    calls = [float(found[one, "all", "network calls", "mean"][0]) for one in (name, "plain")]
    return calls[0] / calls[1]


def evaluation_table(found):
    rows = []
    for name, title in METHODS:
        changes = []
        for figure, _, digits in FIGURES:
            mean, low, high = numbers(found[name, "all", figure, "change"])
            mark = "**" if low > 0 or high < 0 else ""
            changes.append(f"{mark}{mean:+.{digits}f}{mark} [{low:+.{digits}f}, {high:+.{digits}f}]")
        rows.append([title, f"{cost(found, name):.2f}", *changes])
    return table(["change against plain sampling", "cost", *(title for _, title, _ in FIGURES)], rows)


def evaluation_chart(found, path):
    """Rise in consistency of latents: all prompts, those that name a background, those that do not."""
    left, right, top, step, most = 250, 20, 56, 26, 0.135
    rows = [(title, found[name, prompts, "latent_consistency", "change"]) for name, prompts, title in (
        ("passes 3", "background named", "3 passes, background named"),
        ("passes 3", "background not named", "3 passes, background not named"),
        *((name, "all", title) for name, title in METHODS),
    )]  # fmt: skip
    svg = Svg(800, top + step * len(rows) + 34)

    def at(value):
        return left + value / most * (800 - left - right)

    svg.text(20, 22, "rise of the consistency of latents against plain sampling, 95 % intervals", 14)
    bottom = top + step * len(rows)
    for tick in (0, 0.05, 0.1):
        svg.line(at(tick), top - 14, at(tick), bottom, "#9aa0a6" if tick == 0 else "#dadce0")
        svg.text(at(tick), bottom + 16, f"{tick:g}", 11, "middle")
    for row, (title, cells) in enumerate(rows):
        mean, low, high = numbers(cells)
        y, colour = top + row * step, COLOURS[2] if row < 2 else COLOURS[1]
        svg.text(20, y + 4, title)
        svg.line(at(low), y, at(high), y, colour, 2)
        svg.dot(at(mean), y, colour)
    svg.save(path)


def main(folder=ROOT / "benchmarks" / "results"):
    folder, docs = Path(folder), ROOT / "docs"
    rows, found = measured(folder), evaluated(folder)
    performance_chart(rows, docs / "images" / "performance.svg")
    evaluation_chart(found, docs / "images" / "evaluation.svg")
    fill_places(docs / "performance.md", {"performance": performance_table(rows)})
    fill_places(docs / "evaluation.md", {"evaluation": evaluation_table(found)})


if __name__ == "__main__":
    main(*sys.argv[1:])
