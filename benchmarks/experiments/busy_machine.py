"""Threads of `freeinit generate` where every core is taken by another program, and where none is.

    python benchmarks/run.py busy_machine build/bin/freeinit

The other programs are endless loops, one a core. The same demo video is made in turns by one thread, by
a thread a core, and by a thread a core that waits as LibTorch does where nothing is set (the program in
libexec, without its launcher). Writes results/busy_machine.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

from experiments.startup import freeinit_process, timed
from measuring.models import ROOT
from measuring.options import conditions, measuring_parser, write_result


@contextmanager
def busy_cores(count: int):
    with ExitStack() as stack:
        for _ in range(count):
            loop = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(loop.kill)
        yield


def ways(options: argparse.Namespace) -> dict[str, tuple[list, int]]:
    """Each command with its number of threads."""
    command = freeinit_process(ROOT / "models" / "shapes", options)
    place = command.index("--threads")
    del command[place:place + 2]  # what is measured is the default
    program = Path(options.freeinit).resolve().parents[1] / "libexec" / "freeinit" / "freeinit"
    return {
        "one thread": (command, 1),
        "a thread a core": (command, options.threads),
        "the same, waiting as LibTorch does by default": ([program, *command[1:]], options.threads),
    }


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5, steps=8, passes=1)
    parser.add_argument("freeinit", help="the built command")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    found = {}
    for machine, loops in (("idle", 0), ("busy", os.cpu_count())):
        seconds = {name: [] for name in ways(options)}
        with busy_cores(loops):
            for _ in range(options.repeats):
                for name, (command, threads) in ways(options).items():
                    seconds[name].append(round(timed(command, threads)["seconds"], 3))
                    print(f"{machine}, {name}: {seconds[name][-1]:.2f} s", flush=True)
        found[machine] = {name: {"seconds": statistics.median(times), "all_seconds": times}
                          for name, times in seconds.items()}
    write_result(options.results / "busy_machine.json", {
        "conditions": conditions(options), "repeats": options.repeats, "machines": found})
