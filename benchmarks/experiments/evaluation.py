"""The evaluation: the demo model with every method, on sentences that training never saw and new seeds.

    python benchmarks/evaluation/evaluate.py run --driver build/dev/benchmarks/evaluation_driver \\
        --judge FOLDER --work FOLDER [--prompts 200] [--wide 2] [--shard 0/2] \\
        [--core plain "passes 3" ...]
    python benchmarks/evaluation/evaluate.py report --work FOLDER [--work FOLDER ...]

`run` makes the videos (benchmarks/evaluation/driver.cpp), measures them and appends one JSON line a
video to WORK/<configuration>.jsonl; what is there already is not made again, so a run can be stopped
at any time. Shards are for several processes side by side. `report` writes
benchmarks/results/evaluation.json, the plots and docs/evaluation.md, from those lines; rows that they lack
are kept from the JSON that is there, if its plain sampling is the same.

FOLDER of --judge holds judge.pt (models/train/train.py --stage judge --out FOLDER). Needs torch,
safetensors, and for the report matplotlib. scripts/evaluate.sh does all of it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lines import JUDGE, TIMES, append_line, is_of, read_lines

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def read_plan():
    plan = json.loads((HERE / "configurations.json").read_text())
    plan["options"] = {name: options for group in plan["groups"]
                       for name, options in group["configurations"].items()}
    return plan


def open_work(plan, options, prompts):
    """For each prompt of this shard the configurations that have no result yet."""
    shard, count = map(int, options.shard.split("/"))
    lines = {name: read_lines(options.work, name) for name in plan["options"]}
    jobs = []
    for prompt in prompts[shard::count]:
        wanted = plan["options"] if prompt["index"] < options.wide else options.core
        missing = [name for name in wanted
                   if not is_of(lines[name].get(prompt["index"], {}), prompt)]
        if missing:
            jobs.append({**prompt, "configurations": missing})
    return jobs


def keep(work, prompt, answer, measure):
    """Measures the videos of one prompt and appends a line to the file of each configuration."""
    import torch
    from safetensors.torch import load_file

    videos = load_file(answer["frames"])
    names = list(answer["results"])
    rows = measure(torch.stack([videos[name] for name in names]), prompt["combo"])
    for name, row in zip(names, rows):
        result = answer["results"][name]
        line = {"index": prompt["index"], "prompt": prompt["prompt"], "seed": prompt["seed"],
                "unet_calls": result["unet_calls"], "calls_per_pass": result["calls_per_pass"],
                **result["scores"], **row}
        append_line(work, name, line)
    os.remove(answer["frames"])


def note_time(work, job, answer, seconds):
    append_line(work, TIMES, {"index": job["index"], "configurations": job["configurations"],
                              "network_calls": answer["network_calls_made"], "seconds": round(seconds, 2)})


def run(options):
    import torch
    from measure import Measure, prompts, real_clip
    from safetensors.torch import save_file

    torch.set_num_threads(options.threads)
    plan = read_plan()
    options.core = options.core or plan["core"]
    options.wide = plan["wide"] if options.wide is None else options.wide
    if unknown := set(options.core) - set(plan["options"]):
        sys.exit(f"no such configuration: {', '.join(sorted(unknown))}")
    common = ["--num-inference-steps", str(options.steps)]
    options.work.mkdir(parents=True, exist_ok=True)
    rows = prompts(options.prompts)
    jobs = open_work(plan, options, rows)
    print(f"{len(jobs)} prompts to do", file=sys.stderr)
    measure = Measure(options.judge)
    (options.work / JUDGE).write_text(json.dumps(measure.accuracy()))
    with tempfile.TemporaryDirectory() as folder:
        for job in jobs:
            job["clip"] = f"{folder}/clip_{job['index']}.safetensors"
            save_file({"frames": real_clip(job)}, job["clip"])
        file = Path(folder) / "jobs.json"
        file.write_text(json.dumps({
            "prompts": jobs,
            "configurations": {name: common + list(extra) for name, extra in plan["options"].items()}}))
        driver = subprocess.Popen([options.driver, options.bundle, file, folder, str(options.threads)],
                                  stdout=subprocess.PIPE, text=True)
        start = time.monotonic()
        for number, line in enumerate(driver.stdout):
            answer = json.loads(line)
            keep(options.work, rows[answer["index"]], answer, measure)
            note_time(options.work, jobs[number], answer, time.monotonic() - start)
            start = time.monotonic()
            print(f"{number + 1}/{len(jobs)}: {answer['network_calls_made']} network calls", file=sys.stderr)
        if driver.wait() != 0:
            sys.exit(driver.returncode)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run", help="make and measure the videos")
    command.add_argument("--driver", type=Path, required=True)
    command.add_argument("--bundle", type=Path, default=ROOT / "models" / "shapes")
    command.add_argument("--judge", type=Path, required=True, help="folder with judge.pt")
    command.add_argument("--work", type=Path, required=True, help="folder of the JSON lines")
    command.add_argument("--prompts", type=int, default=200)
    command.add_argument("--wide", type=int,
                         help="prompts that get every configuration (default: that of configurations.json)")
    command.add_argument("--core", nargs="+", help="what the other prompts get (default: core of configurations.json)")
    command.add_argument("--steps", type=int, default=15)
    command.add_argument("--shard", default="0/1", help="i/n: every n-th prompt from the i-th on")
    command.add_argument("--threads", type=int, default=1)
    command = commands.add_parser("report", help="write tables and plots")
    command.add_argument("--work", type=Path, action="append", required=True)
    command.add_argument("--steps", type=int, default=15)
    options = parser.parse_args()
    if options.command == "run":
        run(options)
    else:
        from report import report
        report(read_plan(), options.work, options.steps, ROOT)


if __name__ == "__main__":
    main()
