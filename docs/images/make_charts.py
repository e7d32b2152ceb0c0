"""Makes performance.svg and the table beside it from the files of a results folder.

    python docs/images/make_charts.py [FOLDER]        # benchmarks/results
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from report.page_tables import fill_places, table
from report.svg import Svg

PROGRAMS = ["diffusers", "OpenVINO in Python", "freeinit"]
COLOURS = ["#9aa0a6", "#7baaf7", "#e8710a"]
VIDEOS = [  # title, file, names of diffusers, OpenVINO and freeinit there
    ("AnimateDiff, 256x256, 16 frames: 1 step and decoding", "one_step_animatediff-256",
     ["diffusers", "openvino", "freeinit-float16-weights"]),
    ("AnimateDiff, cut down: 2 passes of 1 step", "default_mid", ["diffusers", "openvino", "freeinit-float16-weights"]),
    ("AnimateDiff, cut down: 3 passes of 4 steps, early ends here", "early_passes",
     ["diffusers", None, "freeinit-float16-weights"]),
    ("ModelScope, cut down: 2 passes of 1 step", "default_modelscope",
     ["diffusers", "openvino", "freeinit-float16-weights"]),
    ("demo model: 2 passes of 4 steps", "compare_demo", ["diffusers", "openvino", "freeinit-openvino"]),
]


def measured(folder):
    """Time in seconds and peak memory in MiB of each program for each video; None where it did not run."""
    rows = []
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


def main(folder=ROOT / "benchmarks" / "results"):
    rows, docs = measured(Path(folder)), ROOT / "docs"
    performance_chart(rows, docs / "images" / "performance.svg")
    fill_places(docs / "performance.md", {"performance": performance_table(rows)})


if __name__ == "__main__":
    main(*sys.argv[1:])
