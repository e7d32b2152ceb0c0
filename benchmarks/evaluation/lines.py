"""The results: one file of JSON lines a configuration, one line a prompt."""

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


def append_line(work, name, line):
    with lines_file(work, name).open("a") as file:
        file.write(json.dumps(line) + "\n")
