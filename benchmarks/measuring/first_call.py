"""Start-up: from the start of the process to the first UNet call, with the demo bundle.

    python benchmarks/first_call.py build/freeinit [--bundle DIR] [--repeats 10]

Runs `generate` with one step and a trace, cold hashes once (`--rehash`) and remembered ones after that, and
prints the medians as JSON: seconds to the first UNet call, seconds of each stage of loading before
it, and the largest resident memory of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def first_call(command: str, options: list[str]) -> dict[str, float]:
    """One process: seconds to the first UNet call, and its parts."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        arguments = [command, "generate", "a red circle moving right", "--seed", "1"]
        arguments += ["--num-iters", "1", "--num-inference-steps", "1", "-o", f"{folder}/v.gif"]
        arguments += ["--profile-trace", str(trace), *options]
        start = time.time()
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(arguments)} ended with code {process.returncode}")
        recorded = json.loads(trace.read_text())
    begin = recorded["otherData"]["unix_seconds"] - start  # the process up to reading the bundle
    spans = recorded["traceEvents"]
    call = min(span["ts"] for span in spans if span["cat"] == "unet") / 1e6
    parts = {span["name"]: span["dur"] / 1e6 for span in spans if span["cat"] in ("load", "encode")}
    return {
        "first_call": begin + call,
        "process": begin,
        **parts,
        "cpu_of_whole_run": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }


def medians(samples: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(s[key] for s in samples), 4) for key in samples[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("freeinit", help="the built command")
    parser.add_argument("--bundle", help="default: the demo bundle of the build")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    options = ["--bundle", arguments.bundle] if arguments.bundle else []
    options += ["--threads", str(arguments.threads)]
    rounds = range(arguments.repeats)
    result = {
        "rehash": medians([first_call(arguments.freeinit, [*options, "--rehash"]) for _ in rounds]),
        "remembered": medians([first_call(arguments.freeinit, options) for _ in rounds]),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
