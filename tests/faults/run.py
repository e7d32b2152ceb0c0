#!/usr/bin/env python3
"""Breaks things and looks whether the command keeps its promises; writes docs/reliability.md.

    python tests/faults/run.py --command build/release/bin/freeinit            everything: 20 minutes on one core
    python tests/faults/run.py --command build/release/bin/freeinit --quick    a few tries of each kind, no page

What was tried is remembered in build/release/faults.jsonl, so a run that was interrupted goes on; what was broken stays so
until the command is built anew, or with --again. Mounts small file systems in a namespace of its own, which takes root or
user namespaces; where neither is allowed these tries are skipped, and the page says so.
"""

import argparse
import concurrent.futures
import hashlib
import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import traceback

import page
from lab import Failed, Lab, Skipped, TookLong

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ("kill", "signals", "disk", "bundle", "hostile", "memory", "outputs", "generations")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", required=True, type=pathlib.Path)
    parser.add_argument("--bundle", type=pathlib.Path, help="[the tiny bundle of the command's build tree]")
    parser.add_argument("--only", action="append", help="a row by its key; may be given several times")
    parser.add_argument("--case", help="of these the one of this name")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--state", type=pathlib.Path, help="[faults.jsonl of the build tree]")
    parser.add_argument("--page", type=pathlib.Path, default=ROOT / "docs/reliability.md")
    given = parser.parse_args()
    given.build = given.command.resolve().parents[1]
    given.state = given.state or given.build / "faults.jsonl"
    given.bundle = given.bundle or given.build / "tests/cli/tiny bundle"
    return given


def enter_namespace():
    """Mounts of ours are seen by nobody else, and vanish with us."""
    if os.environ.get("FAULTS_NAMESPACE"):
        return
    os.environ["FAULTS_NAMESPACE"] = "own"
    for flags in (["--mount"], ["--mount", "--map-root-user"]):
        line = ["unshare", *flags, "--propagation", "private"]
        if shutil.which("unshare") and subprocess.run([*line, "true"], capture_output=True).returncode == 0:
            os.execvp("unshare", [*line, sys.executable, *sys.argv])


def run_case(lab, row, case):
    """In an empty folder; a second time where only the wait was too long."""
    for attempt in (1, 2):
        folder = lab.root / f"{row.key} {case.name}"
        folder.mkdir()
        try:
            return case.run(folder)
        except TookLong:
            if attempt == 2:
                raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def outcome_of(lab, row, case):
    begin = time.monotonic()
    try:
        run_case(lab, row, case)
        outcome, why = "held", ""
    except Failed as failure:
        outcome, why = "FAILED", str(failure)
    except Skipped as reason:
        outcome, why = "skipped", str(reason)
    except Exception:
        outcome, why = "FAILED", "the test itself: " + traceback.format_exc(limit=-2)
    return {"row": row.key, "case": case.name, "outcome": outcome, "why": why,
            "seconds": round(time.monotonic() - begin, 2), "load": round(os.getloadavg()[0], 1),
            "processors": os.cpu_count()}


def chosen(cases, count):
    """`count` of them, evenly spread."""
    return [cases[len(cases) * i // count] for i in range(min(count, len(cases)))]


class Memory:
    """What was tried with this build of the command, in a file."""

    def __init__(self, path, command):
        self.path = path
        self.build = hashlib.sha256((command.resolve().parents[1] / "libexec/freeinit/freeinit").read_bytes()).hexdigest()
        lines = path.read_text().splitlines() if path.exists() else []
        self.results = [result for result in map(json.loads, lines) if result["build"] == self.build]

    def of(self, row):
        return {result["case"]: result for result in self.results if result["row"] == row.key}

    def add(self, result):
        result["build"] = self.build
        self.results.append(result)
        with self.path.open("a") as file:
            file.write(json.dumps(result) + "\n")


def main():
    given = arguments()
    enter_namespace()
    rows = [row for kind in KINDS for row in importlib.import_module(f"kinds_{kind}").ROWS]
    wanted = [row for row in rows if not given.only or row.key in given.only]
    memory = None if given.quick or given.case else Memory(given.state, given.command)
    lab = Lab(given.command, given.bundle)
    failed = 0
    try:
        for row in wanted:
            cases = row.cases(lab)
            if given.case:
                cases = [case for case in cases if case.name == given.case]
            elif given.quick:
                cases = chosen(cases, row.quick)
            tried = memory.of(row) if memory else {}
            left = [case for case in cases if given.again or case.name not in tried]
            begin = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
                for result in pool.map(lambda case: outcome_of(lab, row, case), left):
                    if memory:
                        memory.add(result)
                    failed += result["outcome"] == "FAILED"
                    if result["outcome"] != "held":
                        print(f"{result['outcome']} {row.key} {result['case']}: {result['why']}", flush=True)
            print(f"{row.key}: {len(cases)} tries, {time.monotonic() - begin:.0f} s", flush=True)
        if memory and not given.only:
            page.write(given.page, rows, lab, memory)
    finally:
        lab.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
