"""The jobs of `freeinit batch` over Ray: each worker keeps a process with a loaded model.

    pip install ray
    python jobs_over_ray.py jobs.jsonl --out videos --workers 8

In a Ray cluster (`ray up`, KubeRay) the folder must be one that all nodes share. A job whose worker
was lost is given to another one; jobs that are done are not run again. Prints the results as they
come, one JSON object a line; the exit code is 8 if some jobs failed.
"""

from __future__ import annotations

import argparse
import collections
import ctypes
import json
import pathlib
import signal
import subprocess
import sys

import ray

SOME_FAILED = 8


def end_with_parent() -> None:
    """A process whose worker is gone would do a job that another one has by now."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


@ray.remote(num_cpus=1)
class Worker:
    """Hands lines to `freeinit batch -`, which answers each with a line."""

    def __init__(self, command: list[str]):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent
        )

    def run(self, line: str) -> dict:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:  # for Ray a lost worker like one whose node went away
            ray.actor.exit_actor()
        return json.loads(answer)


def results(lines: list[str], command: list[str], workers: int, lost: int = 3):
    """The result of every line, once each, as they come. A job that took `lost` workers along is
    given up."""
    waiting = collections.deque((line, 0) for line in lines)
    running = {}  # answers that are awaited: worker, line, workers lost with it

    def give(worker) -> None:
        if waiting:
            line, losses = waiting.popleft()
            running[worker.run.remote(line)] = worker, line, losses

    for _ in range(min(workers, len(waiting))):
        give(Worker.remote(command))
    while running:
        (answer,), _ = ray.wait(list(running))
        worker, line, losses = running.pop(answer)
        try:
            yield ray.get(answer)
        except ray.exceptions.RayActorError as error:
            worker = Worker.remote(command)
            if losses + 1 < lost:
                waiting.append((line, losses + 1))
            else:
                yield {"status": "failed", "job": json.loads(line), "error": str(error).splitlines()[0]}
        give(worker)


def single_jobs(jobs: pathlib.Path, freeinit: str) -> list[str]:
    """Lines of one job each, with names: sweeps are taken apart."""
    command = [freeinit, "batch", str(jobs), "--out", ".", "--expand"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()


def batch_command(out: pathlib.Path, freeinit: str = "freeinit") -> list[str]:
    # A worker that was lost may have been about to write its result: its file may be replaced.
    return [freeinit, "batch", "-", "--out", str(out), "--threads", "1", "--overwrite"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jobs", type=pathlib.Path, help="a job a line, as for freeinit batch")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--freeinit", default="freeinit", help="the command, as the nodes find it")
    options = parser.parse_args()
    ray.init()
    lines = single_jobs(options.jobs, options.freeinit)
    failed = 0
    for result in results(lines, batch_command(options.out.absolute(), options.freeinit), options.workers):
        print(json.dumps(result), flush=True)
        failed += result["status"] == "failed"
    sys.exit(SOME_FAILED if failed else 0)


if __name__ == "__main__":
    main()
