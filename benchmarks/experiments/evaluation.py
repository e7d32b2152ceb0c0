"""The evaluation: the demo model with every method, on sentences that training never saw and new seeds.

    python benchmarks/run.py evaluation judge --judge FOLDER
    python benchmarks/run.py evaluation run --driver build/dev/benchmarks/evaluation_driver \\
        --judge FOLDER --work FOLDER [--prompts 200] [--wide 2] [--shard 0/2] \\
        [--core plain "passes 3" ...]
    python benchmarks/run.py evaluation report [--work FOLDER ...]
    python benchmarks/run.py evaluation picture --work FOLDER [...]

Each takes --world, the training code of the model's world (benchmarks/evaluation/worlds). `judge` trains
the judge, unless FOLDER has it. `run` makes the videos (benchmarks/evaluation/driver.cpp), measures them
and appends one JSON line a video to WORK/<configuration>.jsonl; what is there already is not made again, so
a run can be stopped at any time. Shards are for several processes side by side. `report` writes
benchmarks/results/evaluation.csv, the page beside it with its plot, and the table and the chart of
docs/evaluation.md, from those lines; rows that they lack are kept from the CSV that is there, if it is of
this world and its plain sampling is the same. `picture` names the prompt and the seed of the README's picture.

Needs torch, safetensors, and for the report matplotlib. scripts/evaluate.sh does all of it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from evaluation import worlds
from evaluation.lines import BUNDLE, JUDGE, TIMES, append_line, is_of, read_lines
from measuring.models import DEMO, bundle_key


def open_work(plan, options, prompts):
    """For each prompt of this shard the configurations that have no result yet."""
    shard, count = map(int, options.shard.split("/"))
    lines = {name: read_lines(options.work, name) for name in plan["requests"]}
    jobs = []
    for prompt in prompts[shard::count]:
        wanted = plan["requests"] if prompt["index"] < options.wide else options.core
        missing = [name for name in wanted if not is_of(lines[name].get(prompt["index"], {}), prompt)]
        if missing:
            jobs.append((prompt, missing))
    return jobs


def claim_work(options):
    """Lines of another bundle are neither taken for this one's nor mixed with them."""
    note, key = options.work / BUNDLE, bundle_key(options.bundle)
    if not note.exists():
        note.write_text(key)
    elif note.read_text() != key:
        sys.exit(f"{options.work} has videos of another bundle than {options.bundle}; move it away or name another --work")


class Driver:
    """evaluation_driver: a line of JSON in, a line of JSON out."""

    def __init__(self, options):
        command = [options.driver, options.bundle, str(options.threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        print(json.dumps(line), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:  # its own message stands on stderr
            sys.exit(self.process.wait() or "the driver ended early")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def make_videos(driver, plan, prompt, real_clip, names, folder):
    """The driver's answers and the frames of every configuration of one prompt."""
    from safetensors.torch import load_file, save_file

    clip, output = f"{folder}/clip.safetensors", f"{folder}/frames.safetensors"
    save_file({"frames": real_clip}, clip)
    answers, videos = [], []
    for name in names:
        request = {"prompt": prompt["prompt"], "seed": prompt["seed"], **plan["requests"][name]}
        line = {"group": prompt["index"], "output": output, "request": request}
        if "init_source" in request:
            line["clip"] = clip
        answers.append(driver.ask(line))
        videos.append(load_file(output)["frames"])
        os.remove(output)
    return answers, videos


def run(options):
    import torch

    torch.set_num_threads(options.threads)
    world, plan = worlds.load(options.world), worlds.read_plan(options.world, options.steps)
    options.core = options.core or plan["core"]
    options.wide = plan["wide"] if options.wide is None else options.wide
    if unknown := set(options.core) - set(plan["requests"]):
        sys.exit(f"no such configuration: {', '.join(sorted(unknown))}")
    options.work.mkdir(parents=True, exist_ok=True)
    claim_work(options)
    jobs = open_work(plan, options, world.prompts(options.prompts))
    print(f"{len(jobs)} prompts to do", file=sys.stderr)
    measure = world.Measure(options.judge)
    if not (options.work / JUDGE).exists():
        (options.work / JUDGE).write_text(json.dumps(measure.accuracy()))
    driver = Driver(options)
    with tempfile.TemporaryDirectory() as folder:
        for number, (prompt, names) in enumerate(jobs):
            start = time.monotonic()
            answers, videos = make_videos(driver, plan, prompt, world.real_clip(prompt), names, folder)
            rows = measure(torch.stack(videos), prompt["words"])
            for name, answer, row in zip(names, answers, rows):
                note = {key: prompt[key] for key in ("index", "prompt", "seed")}
                calls = {key: answer[key] for key in ("unet_calls", "calls_per_pass")}
                append_line(options.work, name, {**note, **calls, **answer["scores"], **row})
            calls = sum(answer["network_calls_made"] for answer in answers)
            seconds = round(time.monotonic() - start, 2)
            append_line(options.work, TIMES, {"index": prompt["index"], "configurations": names,
                                              "network_calls": calls, "seconds": seconds})  # fmt: skip
            print(f"{number + 1}/{len(jobs)}: {calls} network calls", file=sys.stderr)
    driver.close()


def judge(options):
    """Trains the world's judge, unless it is there."""
    world = worlds.load(options.world)
    if not (options.judge / world.JUDGE).exists():
        options.judge.mkdir(parents=True, exist_ok=True)
        train = worlds.ROOT / options.world / "train.py"
        subprocess.run([sys.executable, train, *world.JUDGE_OPTIONS, options.judge], check=True)


def report(options):
    from evaluation.page import report

    report(worlds.read_plan(options.world, options.steps), options.work, options.root)


def picture(options):
    """Names the prompt of the README's picture, for docs/images/make_passes.sh."""
    from evaluation.results import Results

    plan = worlds.read_plan(options.world, options.steps)
    results = Results(plan, options.work, former={})
    if not results.shared(plan["reference"]):
        sys.exit(f"no results of {plan['reference']} beside plain sampling in {', '.join(map(str, options.work))}")
    gain, index = results.median_prompt()
    row = results.lines[plan["plain"]][index]
    print(json.dumps({key: row[key] for key in ("index", "prompt", "seed")} | {"gain": gain}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)

    def add(call, text):
        command = commands.add_parser(call.__name__, help=text, allow_abbrev=False)
        command.set_defaults(call=call)
        command.add_argument("--world", choices=worlds.NAMES, default=worlds.DEFAULT)
        return command

    add(judge, "train the judge").add_argument("--judge", type=Path, required=True, help="the judge's folder")
    making = add(run, "make and measure the videos")
    making.add_argument("--driver", type=Path, required=True)
    making.add_argument("--bundle", type=Path, default=DEMO)
    making.add_argument("--judge", type=Path, required=True, help="the judge's folder")
    making.add_argument("--work", type=Path, required=True, help="folder of the JSON lines")
    making.add_argument("--prompts", type=int, default=200)
    making.add_argument("--wide", type=int, help="prompts that get every configuration (default: the world's)")
    making.add_argument("--core", nargs="+", help="what the other prompts get (default: the world's core)")
    making.add_argument("--shard", default="0/1", help="i/n: every n-th prompt from the i-th on")
    making.add_argument("--threads", type=int, default=1)
    showing = add(report, "write tables and plots")
    showing.add_argument("--root", type=Path, default=worlds.ROOT, help="has benchmarks/results and docs")
    choosing = add(picture, "choose the prompt of the picture in the README")
    showing.add_argument("--work", type=Path, action="append", default=[], help="folder of the JSON lines")
    choosing.add_argument("--work", type=Path, action="append", required=True, help="folder of the JSON lines")
    for command in (making, showing, choosing):
        command.add_argument("--steps", type=int, help="of a full pass (default: the world's, or the model's)")
    options = parser.parse_args()
    options.call(options)
