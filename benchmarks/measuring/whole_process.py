"""A command with its wall time, processor time, and the peak memory of all its processes."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from measuring.child import last_lines

INTERVAL = 0.1  # seconds between two looks at the memory


@dataclass(frozen=True)
class Measured:
    seconds: float
    cpu_seconds: float
    peak_mib: int  # largest sum of resident memory over the command and its children
    peak_anonymous_mib: int  # of it, not backed by files: what the machine must really hold
    output: str

    def figures(self) -> dict:
        return {
            "seconds": round(self.seconds, 1),
            "cpu_seconds": round(self.cpu_seconds, 1),
            "peak_mib": self.peak_mib,
            "peak_anonymous_mib": self.peak_anonymous_mib,
        }


def descendants(root: int) -> list[int]:
    """`root` and all processes below it."""
    found, todo = [], [root]
    while todo:
        process = todo.pop()
        found.append(process)
        try:
            for task in Path(f"/proc/{process}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        except OSError:  # ended meanwhile
            continue
    return found


def resident(process: int) -> tuple[int, int]:
    """All resident memory of a process and its anonymous part, in KiB."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    values = {key: int(rest.split()[0]) for key, _, rest in (line.partition(":") for line in lines)
              if key in ("VmRSS", "RssAnon")}
    return values.get("VmRSS", 0), values.get("RssAnon", 0)


def measured(command: list[str], **options) -> Measured:
    """Runs `command`; raises with its errors if it fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    peaks, done = [0, 0], threading.Event()

    def watch():
        while not done.wait(INTERVAL):
            sums = [sum(column) for column in zip(*map(resident, descendants(process.pid)))]
            peaks[:] = map(max, peaks, sums)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, errors = process.communicate()
    done.set()
    watcher.join()
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: ended with {process.returncode}\n{last_lines(errors)}")
    cpu = sum(getattr(after, key) - getattr(before, key) for key in ("ru_utime", "ru_stime"))
    return Measured(seconds, cpu, peaks[0] // 1024, peaks[1] // 1024, output)


def size_mib(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(os.path.getsize(file) for file in files) >> 20
