"""The results as CSV, a figure a row: what of which configuration, on which prompts, mean and 95 % interval.

`of` says what a figure is: the mean, or against plain sampling of the same prompts and seeds the change,
the change as a share of its mean, or the share of a gain. Rows of the configurations `judge` (how often it
is right on newly rendered clips), `core` (what one prompt takes with the world's core) and `world` (whose all of
this is: its name stands under `figure`) stand at the end.
"""

import csv
import json

HEAD = ["configuration", "prompts", "figure", "of", "mean", "low", "high", "n", "sentences", "request"]
OF = ("mean", "change", "relative change", "share of the gain", "share of the gap")
WORLD = "world"
ALL, NAMED, OTHERS = "all", "background named", "background not named"


def short(number):
    return f"{number + 0:.6g}"  # no -0


def write(path, world, summary, split, notes):
    """`world`: its name; `summary`: configurations to figures; `split`: rows by background; `notes`: judge and core."""
    rows = []
    for name, found in summary.items():
        about = {"configuration": name, "prompts": ALL}
        rows.append({**about, "figure": "network calls", "of": "mean", "mean": short(found["unet_calls"]),
                     "n": found["count"], "sentences": found["sentences"],
                     "request": json.dumps(found["request"])})  # fmt: skip
        for of in OF:
            rows += [{**about, **row_of(field, of, figure)} for field, figure in found[of].items()]
    for found in split:
        about = {"configuration": found["configuration"],
                 "prompts": NAMED if found["background_named"] else OTHERS}  # fmt: skip
        rows += [{**about, **row_of(field, "change", figure)} for field, figure in found["change"].items()]
    for kind, note in notes.items():
        figures = {field: value for field, value in note.items() if field != "n"}
        rows += [{"configuration": kind, "figure": field, "of": "mean", "mean": short(value), "n": note["n"]}
                 for field, value in figures.items()]  # fmt: skip
    rows.append({"configuration": WORLD, "figure": world})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def row_of(field, of, figure):
    low, high = figure["interval"]
    return {"figure": field, "of": of, "mean": short(figure["mean"]), "low": short(low), "high": short(high),
            "n": figure["count"], "sentences": figure["sentences"]}  # fmt: skip


def read(path):
    """What `write` was given; nothing where there is no file. The world is None where the file has no name of it."""
    world, summary, split, notes = None, {}, {}, {}
    if not path.exists():
        return world, summary, [], notes
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["configuration"] == WORLD:
                world = row["figure"]
                continue
            name, count, value = row["configuration"], int(row["n"]), float(row["mean"])
            if not row["prompts"]:
                notes.setdefault(name, {"n": count})[row["figure"]] = value
                continue
            if row["figure"] == "network calls":
                summary[name] = {"request": json.loads(row["request"]), "count": count, "unet_calls": value,
                                 "sentences": int(row["sentences"]), **{of: {} for of in OF}}  # fmt: skip
                continue
            figure = {"mean": value, "interval": [float(row["low"]), float(row["high"])], "count": count,
                      "sentences": int(row["sentences"])}  # fmt: skip
            if row["prompts"] != ALL:
                about = {"configuration": name, "background_named": row["prompts"] == NAMED, "count": count,
                         "sentences": int(row["sentences"]), "change": {}}  # fmt: skip
                split.setdefault((name, row["prompts"]), about)["change"][row["figure"]] = figure
            else:
                summary[name][row["of"]][row["figure"]] = figure
    return world, summary, list(split.values()), notes
