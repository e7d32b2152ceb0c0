"""From the start of a `generate` to its first UNet call, and the parts of that time."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

from measuring.child import run_to_end


def first_call(command: str, options: list[str]) -> dict[str, float]:
    """One process: seconds to the first UNet call, and its parts."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        arguments = [command, "generate", "a red circle moving right", "--seed", "1"]
        arguments += ["--num-iters", "1", "--num-inference-steps", "1", "-o", f"{folder}/v.gif"]
        arguments += ["--trace", str(trace), *options]
        start = time.time()
        usage = run_to_end(arguments)
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
