"""Long programs side by side: each runs for a slice of time in its turn, stopped meanwhile.

What disturbs the machine for a while then falls on all that still run.  The system counts this process's own
peak memory as that of each that it starts: a smaller one is not seen.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

SLICE = 10.0  # seconds
LOOK = 0.02  # between two looks whether it has ended


class _Program:
    def __init__(self, name: str, command: list, environment: dict[str, str]) -> None:
        self.name, self.seconds, self.usage = name, 0.0, None
        self.process = subprocess.Popen([str(part) for part in command], env=environment, start_new_session=True,
                                        stdout=subprocess.DEVNULL)  # fmt: skip
        os.killpg(self.process.pid, signal.SIGSTOP)

    def run(self, seconds: float) -> None:
        """With all its processes, until it ends or the time is over."""
        start = time.perf_counter()
        os.killpg(self.process.pid, signal.SIGCONT)
        while self.usage is None and time.perf_counter() - start < seconds:
            time.sleep(LOOK)
            ended, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if ended:
                self.usage = usage
                self.kill()  # what it may have left behind
            if ended and status:
                raise SystemExit(f"{self.name}: ended with {os.waitstatus_to_exitcode(status)}")
        if self.usage is None:
            os.killpg(self.process.pid, signal.SIGSTOP)
        self.seconds += time.perf_counter() - start

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def figures(self) -> dict:
        return {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.usage.ru_utime + self.usage.ru_stime, 3),
            "peak_mib": round(self.usage.ru_maxrss / 1024, 3),
        }


def side_by_side(programs: dict[str, list], threads: int) -> dict[str, dict]:
    """Time in its own slices, processor time and peak memory of each; all are killed if one fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    started: list[_Program] = []
    try:
        for name, command in programs.items():
            started.append(_Program(name, command, environment))
        while running := [program for program in started if program.usage is None]:
            for program in running:
                program.run(SLICE)
    finally:
        for program in started:
            program.kill()
    for program in started:
        print(f"{program.name}: {program.figures()}", flush=True)
    return {program.name: program.figures() for program in started}
