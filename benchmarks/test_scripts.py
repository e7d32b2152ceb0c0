"""The scripts that make what stands in benchmarks/results, with programs that only say how they were called."""

import csv
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
HEADER = "target,seconds,executions,reached,edges,inputs,findings"
LOADED = "INFO: Loaded 1 modules   (41633 inline 8-bit counters): 41633 [0x1, 0x2),\n"
COVERED = "#2 INITED cov: 12 ft: 30 corp: 2/8b exec/s: 0 rss: 38Mb\n#9 DONE   cov: 4147 ft: 90 corp: 1441/9Kb\n"
CRASHED = "SUMMARY: AddressSanitizer: SEGV\nstat::number_of_executed_units: 7\n"


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def run_script(path, *arguments, bin, **environment):
    path_of_programs = f"{bin}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(["bash", path, *arguments], env={**os.environ, "PATH": path_of_programs, **environment},
                          capture_output=True, text=True)


def evaluate(root, *arguments):
    """The calls of run.py evaluation, one a line."""
    scripts = root / "tree/scripts"
    scripts.mkdir(parents=True)
    shutil.copy(SCRIPTS / "evaluate.sh", scripts)
    program(root / "bin/python", f'[[ $1 == -m ]] || echo "${{@:3}}" >>{root}/calls')
    program(root / "bin/cmake", "")
    (root / "tree/models/shapes").mkdir(parents=True)
    (scripts / "setup.sh").write_text(
        f"FREEINIT_ROOT={root}/tree FREEINIT_PYTHON={root}/bin/python FREEINIT_IMAGE_ENCODERS= FREEINIT_CMAKE_ARGS=()\n"
        "freeinit_setup() { :; }\n")
    done = run_script(scripts / "evaluate.sh", *arguments, bin=root / "bin")
    calls = root / "calls"
    return done, calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.parametrize("arguments", [["--steps", "10"], ["--steps=10"]])
def test_steps_reach_the_videos_the_report_and_the_picture(tmp_path, arguments):
    done, calls = evaluate(tmp_path, *arguments, "--core", "plain", "passes 3")
    assert done.returncode == 0, done.stderr
    assert [call.split()[0] for call in calls] == ["judge", "run", "run", "report", "picture"]
    assert ["--steps 10" in call for call in calls] == [False, True, True, True, True]
    assert all("/lines-of-10-steps" in call for call in calls[1:])  # videos of other steps are others
    assert all(call.endswith("--core plain passes 3") for call in calls[1:3])


def test_without_arguments_nothing_is_added(tmp_path):
    done, calls = evaluate(tmp_path)
    assert done.returncode == 0, done.stderr
    work = f"{tmp_path}/tree/out/evaluation/train"
    assert calls[-1] == f"picture --world models/train --work {work}/lines"
    assert sorted(calls[1:3])[0].endswith(f"--judge {work}/judge --work {work}/lines --shard 0/2 --threads 1")


@pytest.mark.parametrize("arguments", [
    ["--prompts", "8", "--world", "models/train_next"], ["--wide", "0", "--bundle", "b"], ["--steps", "9", "--judge", "j"],
    ["--world=models/train_next"], ["--work", "w"], ["--shard", "0/1"], ["--steps"], ["--world"]])  # fmt: skip
def test_what_would_clash_is_refused_in_one_line(tmp_path, arguments):
    done, calls = evaluate(tmp_path, *arguments)
    assert done.returncode == 2 and calls == []
    assert done.stderr.startswith("evaluate.sh: --") and done.stderr.count("\n") == 1


def fuzz(root, log, end):
    """A line of the figures of a fuzzer that writes this log."""
    (root / "build").mkdir(exist_ok=True)
    (root / "build/CMakeCache.txt").touch()
    (root / "log").write_text(log)
    program(root / "bin/cmake", "")
    program(root / "build/tests/fuzz/fuzz_json", f"cat {root}/log; {end}")
    done = run_script(SCRIPTS / "fuzz.sh", "1", "json", bin=root / "bin", FREEINIT_FUZZ_BUILD=str(root / "build"),
                      FREEINIT_FUZZ_FIGURES=str(root / "figures.csv"))
    text = (root / "figures.csv").read_text()
    assert text.startswith(HEADER + "\n") and text.count("target") == 1
    row = list(csv.DictReader(text.splitlines()))[-1]
    assert float(row.pop("seconds")) < 1 and row.pop("target") == "json"
    return done.returncode, [int(value) for value in row.values()]


def test_figures_of_fuzzers(tmp_path):
    executed = "stat::number_of_executed_units: 308815\n"
    assert fuzz(tmp_path, LOADED + COVERED + executed, "exit 0") == (0, [308815, 4147, 41633, 1441, 0])
    # An input that crashes before a line tells of coverage: what is not there shifts nothing.
    assert fuzz(tmp_path, LOADED + CRASHED, "exit 77") == (1, [7, 0, 41633, 0, 1])
    assert fuzz(tmp_path, "SUMMARY: libFuzzer: out-of-memory\n", "kill -9 $$") == (1, [0, 0, 0, 0, 1])
    assert fuzz(tmp_path, "", "exit 1") == (1, [0, 0, 0, 0, 0])
