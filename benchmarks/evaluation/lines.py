"""The results: one file of JSON lines a configuration, one line a prompt; one of what each prompt took."""

import json


def lines_file(work, name):
    return work / (name.replace(" ", "_").replace(",", "") + ".jsonl")


def read_lines(work, name):
    """Results by the prompt's index. A line that was cut off counts as not there."""
    rows = {}
    file = lines_file(work, name)
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        rows[row["index"]] = row
    return rows


def is_of(row, prompt):
    """Whether a line is of this prompt: which sentence has an index depends on how many are asked for."""
    return all(row.get(key) == prompt[key] for key in ("index", "prompt", "seed"))


TIMES = "times"  # beside the configurations': what each prompt took
BUNDLE = "bundle"  # the key of the bundle that they were made with
JUDGE = "judge.json"  # how often the judge is right on rendered clips


def append_line(work, name, line):
    with lines_file(work, name).open("a") as file:
        file.write(json.dumps(line) + "\n")
