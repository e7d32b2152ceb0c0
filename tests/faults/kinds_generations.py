"""A thousand generations in one process: memory stays where it is."""

import pathlib
import statistics

from lab import Case, Row, ended, expect

COUNT = 1000
FROM = 100  # by then everything has been used once
MOST_GROWTH = 0.01


def resident(process):
    """Pages of its own. Those of libraries come and go as the system needs memory for others."""
    _, all_pages, of_files = pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[:3]
    return int(all_pages) - int(of_files)


def run_of(lab, options):
    def run(folder):
        process = lab.start("generate", "a red circle", "--seed", 7, "--num-inference-steps", 2, "--num-iters", 2,
                            "--num-videos", COUNT, "--num-frames", 2, "-o", "x.mp4", *options, cwd=folder)
        samples = []
        written = 0
        for line in process.stderr:
            written += line.startswith("wrote ")
            if written >= FROM and written % 10 == 0 and process.poll() is None:
                samples.append(resident(process))
        done = ended(process)
        expect(done.code == 0 and written >= COUNT, f"ended after {written}", done)
        edge = len(samples) // 6
        first, last = statistics.median(samples[:edge]), statistics.median(samples[-edge:])
        expect(last <= first * (1 + MOST_GROWTH), f"from {first * 4:.0f} to {last * 4:.0f} KiB: {[s * 4 for s in samples[::8]]}")
    return run


def cases(lab):
    return [Case("run", run_of(lab, [])), Case("low memory", run_of(lab, ["--low-memory"])),
            Case("guidance and eta", run_of(lab, ["--guidance-scale", 3, "--eta", 0.5]))]


ROWS = [
    Row("generations", f"{COUNT:,} generations of an MP4 in one process: plain, `--low-memory`, with guidance and noise",
        f"resident memory of its own grows by at most {MOST_GROWTH:.0%} from the {FROM}th on (of GIFs FFmpeg's palette "
        "filters take two blocks of 16 MiB, which may come to lie elsewhere in the heap)", cases, quick=0),
]
