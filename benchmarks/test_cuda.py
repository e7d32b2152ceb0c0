"""What scripts/cuda.sh runs on a device, with programs that only say how they were called."""

import json
import subprocess
import sys
from pathlib import Path

from test_scripts import SCRIPTS, program, run_script

MEASURE = Path(__file__).resolve().parent / "cuda/measure.py"
BUNDLE = Path(__file__).resolve().parents[1] / "models/shapes"

# Answers with the number of the job as its seconds, and leaves the jobs beside itself.
WORKER = """#!{python}
import json, pathlib, shutil, sys
here = pathlib.Path(__file__).parent
if sys.argv[3] == "cuda-graphs" and (here / "no graphs").exists():
    sys.exit("compare_worker: no graphs here")
print(json.dumps({{"load_seconds": 0.5}}), flush=True)
for number, line in enumerate(sys.stdin):
    job = json.loads(line)
    with open(here / "jobs", "a") as jobs:
        jobs.write(line)
    if job["job"] == "unet":
        shutil.copy(job["input"], here / "inputs")
    answer = {{"seconds": number, "peak_mib": 10 + number, "network_seconds": number / 2, "unet_calls": 45}}
    print(json.dumps(answer), flush=True)
"""


def worker_in(folder):
    program(folder / "compare_worker", "")
    (folder / "compare_worker").write_text(WORKER.format(python=sys.executable))
    return folder / "compare_worker"


def measure(*arguments):
    done = subprocess.run([sys.executable, MEASURE, *arguments], capture_output=True, text=True)
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def test_figures_are_of_what_follows_the_first_calls(tmp_path):
    done, lines = measure(worker_in(tmp_path), BUNDLE, "--calls", "5", "--runs", "2")
    assert done.returncode == 0, done.stderr
    assert [(line["backend"], line["measured"]) for line in lines] == [
        (backend, what) for backend in ("torchscript", "cuda-graphs") for what in ("network call", "run")]
    call, run = lines[:2]
    assert (call["seconds"], call["least"], call["most"], call["repeats"], call["peak_mib"]) == (5, 3, 7, 5, 17)
    assert (run["seconds"], run["least"], run["most"], run["repeats"]) == (9.5, 9, 10, 2)
    assert (run["network_seconds"], run["network_calls"], run["load_seconds"]) == (4.75, 45, 0.5)


def test_inputs_are_of_the_recommended_size(tmp_path):
    measure(worker_in(tmp_path), BUNDLE, "--calls", "1", "--runs", "1", "--backends", "torchscript")
    data = (tmp_path / "inputs").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert header["latents"]["shape"] == [2, 4, 16, 16, 16] and header["text"]["shape"] == [2, 32, 64]
    assert len(data) - 8 - length == header["text"]["data_offsets"][1] == 4 * (2 * 4 * 16**3 + 2 * 32 * 64)
    last = json.loads((tmp_path / "jobs").read_text().splitlines()[-1])
    wanted = ("num_frames", "height", "width", "num_inference_steps", "num_iters")
    size = json.loads((BUNDLE / "manifest.json").read_text())["recommended"]
    assert last["job"] == "generate" and {name: last[name] for name in wanted} == {name: size[name] for name in wanted}


def test_a_backend_that_is_not_there_stops_no_other(tmp_path):
    (tmp_path / "no graphs").touch()
    done, lines = measure(worker_in(tmp_path), BUNDLE, "--calls", "1", "--runs", "1")
    assert done.returncode == 1 and "no graphs here" in done.stderr
    assert [line.get("error") for line in lines] == [None, None, "no answer"]


def test_the_archive_runs_tests_command_and_benchmark(tmp_path):
    packed = tmp_path / "freeinit-cuda"
    program(packed / "tests/test_one", "echo ran")
    program(packed / "bin/freeinit", 'echo \'{"seconds": {"denoise": 1}}\'')
    worker_in(packed / "benchmarks/cuda")
    (packed / "benchmarks/cuda/measure.py").write_text(MEASURE.read_text())
    shapes = packed / "share/freeinit/shapes"
    shapes.mkdir(parents=True)
    (shapes / "manifest.json").write_text((BUNDLE / "manifest.json").read_text())
    program(tmp_path / "bin/nvidia-smi", "echo a device")
    (tmp_path / "python/torch").mkdir(parents=True)
    (tmp_path / "python/torch/__init__.py").touch()
    subprocess.run(["tar", "-C", tmp_path, "-cf", tmp_path / "a.tar", "freeinit-cuda"], check=True)
    done = run_script(SCRIPTS / "cuda.sh", "run", tmp_path / "a.tar", tmp_path / "out", bin=tmp_path / "bin",
                      PYTHONPATH=str(tmp_path / "python"), TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out/benchmark.jsonl").read_text().splitlines()]
    assert [(line["bundle"], line["device"]) for line in lines] == [("shapes", "cuda")] * 4
    assert (tmp_path / "out/test_one.log").read_text() == "ran\n"
