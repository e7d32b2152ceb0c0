"""The evaluation's CSV, pages and plots, from its JSON lines and the CSV of former runs."""

import sys

from evaluation import csv_file
from evaluation.acceptance import acceptance_section
from evaluation.cells import cell, number, percent, with_interval
from evaluation.docs import write_docs
from evaluation.plots import plot_cost
from evaluation.results import (
    FORMS,
    HANDFUL,
    NAMED,
    SAME,
    WORDS,
    Results,
    is_of_world,
    notes_of,
)
from evaluation.worlds import DEFAULT
from report.page_tables import table

PAGE = """# Evaluation: every table

<!-- Written by `benchmarks/run.py evaluation report`; changes by hand are lost. -->

The answers in short: [docs/evaluation.md](../../docs/evaluation.md). The same figures as data: [evaluation.csv](evaluation.csv).

What FreeInit and the methods beyond it do for {model}: {prompts} pairs of {sentences} sentences and
{prompts} seeds. Training never saw these sentences; {tuning}. {steps} steps a full pass,
guidance and everything else as the model recommends. Each configuration sets options of `freeinit generate`
([{world}.json](../evaluation/worlds/{world}.json)). Rows with a smaller `n` were run on `n` of them, and
their shares of the gain are taken on those. A row that the last run did not make is kept from the run before, as long as
plain sampling gives the same figures to {same:g} %.

{measures}
* **Words**: share of videos in which a classifier that was trained on rendered clips alone sees the colour, the shape and the
  motion that the prompt asks for; the background is asked for in half of the prompts, and counts there.{accuracy}
  The judge cannot tell differences where all videos are right: +0.000 [+0.000, +0.000] means that its verdict changed for no video.
* Differences are paired by prompt and seed against plain sampling. Brackets are 95 % intervals: bootstrap over sentences, each
  with all its seeds, 10,000 resamples. Where all or none of the videos are right, a share's interval is the exact one
  (Clopper-Pearson) of as many sentences.

{acceptance}## Gain against cost

{verdict}

![Gain against network calls](evaluation_cost.svg)

The plot shows what ran on half of the prompts or more.

{cost}

{reading}

## Named backgrounds and others

{split_reading}

{split}

## What plain sampling gives

{plain}

{groups}## Other forms of consistency

Change against plain. *Subject* is VBench's form, the mean of the cosines to the first frame and to the frame before; *adjacent* the
cosine to the frame before alone; *deviation over time* is the standard deviation of each pixel of the whole picture, motion included.

{forms}

## Again

```
{again}
```

It installs what is missing, builds the driver, trains the judge once ({judge_minutes} minutes of one core), makes the videos in two processes
of one thread each and writes this page; results are kept in out/evaluation/{world}, and a stopped run goes on where it was. So made, the
core of {world}.json, with something of every group, runs on 200 prompts and the rest on the first {wide}.
Network calls that configurations of one prompt share are made once.{times} Every configuration on all prompts
would ask for {all_calls} network calls. Arguments are handed to
`run.py evaluation run`: `--core NAME ...` runs others on every prompt.
"""


def cost_table(results):
    rows, columns = [], results.plan["cost_columns"]
    for name, figures in sorted(results.summary.items(), key=lambda item: results.cost(item[0])):
        if name == results.plan["plain"]:
            continue
        rows.append([name, number(figures["unet_calls"], 1), number(results.cost(name), 2),
                     *(cell(figures, column) for column in columns), str(figures["count"])])
    head = ["configuration", "network calls", "cost", *(column["heading"] for column in columns), "n"]
    return table(head, rows)


def cheap(results):
    """The configurations within the cost of the goal that have a share of the gain."""
    group = next(group for group in results.plan["groups"] if group["title"] == results.plan["goal_group"])
    return [name for name in group["configurations"]
            if name in results.summary and results.cost(name) <= 1.15 + 1e-9 and results.share_of_gain(name)]


def best_cheap(results):
    return max(cheap(results), key=lambda name: results.share_of_gain(name)["mean"], default=None)


def way(change):
    """Which way a figure moved, as far as its interval tells."""
    low, high = change["interval"]
    return "rises" if low > 0 else "falls" if high < 0 else "is not told apart from no change"


def verdict(results):
    """The goal of 95 % of the gain at 1.15 times the cost, checked against the figures."""
    best, reference = best_cheap(results), results.plan["reference"]
    if best is None:
        return (f"No configuration that costs at most 1.15 times plain sampling was run beside *{reference}*, of whose "
                "gain a share would be taken.")
    if not results.is_better(reference, results.gain):
        return f"The gain of *{reference}* is not told apart from no change, so that there is none to keep a share of."
    figures = results.summary[best]
    share, changes = results.share_of_gain(best), figures["change"]
    met = "meets" if share["mean"] >= 0.95 else "misses"
    said = {field: (label.replace(", ", " of "), digits) for field, label, digits in results.plan["metrics"]}
    beside = [f"{said[field][0]} {way(changes[field])} ({with_interval(changes[field], said[field][1], sign=True)})"
              for field in results.plan["beside_goal"]]
    return (f"The goal was 95 % of the gain of three full passes at 1.15 times the cost of plain sampling or less. The "
            f"best of the configurations within that cost, *{best}*, keeps {percent(share)} at "
            f"{results.cost(best):.2f} times the cost: it {met} the goal in {said[results.gain][0]}, the figure that the "
            f"goal was set in. There {' and '.join(beside)} against plain sampling. It was picked as the best of "
            f"{len(cheap(results))} on these same data, so that its share is rather too high than too low.")


def reading(results):
    """Which way each figure moved, for the configurations that ran on half of the prompts or more."""
    labels = {field: label for field, label, _ in results.plan["metrics"]}
    labels |= {"all": "videos with all words right", NAMED[0]: "videos with the named background right"}
    headings = {"rises": "Rises", "falls": "Falls", "is not told apart from no change": "Not told apart from no change"}
    lines = []
    for name in results.names:
        if name == results.plan["plain"] or not results.is_broad(name):
            continue
        moved = {key: [] for key in headings}
        for field, label in labels.items():
            moved[way(results.summary[name]["change"][field])].append(label)
        lines.append(f"* **{name}**. " + ". ".join(f"{headings[key]}: {'; '.join(found)}"
                                                   for key, found in moved.items() if found) + ".")
    return "Against plain sampling:\n\n" + "\n".join(lines)


def split_by_background(results):
    """Changes of prompts that name a background, and of those that do not."""
    rows, figures = [], results.plan["split_figures"]
    for name in dict.fromkeys([results.plan["reference"], best_cheap(results), *results.plan["split"]]):
        if name not in results.lines:
            continue
        for named in (True, False):
            indices = [i for i in results.shared(name) if results.names_background(i) == named]
            if indices:
                rows.append({"configuration": name, "background_named": named, "count": len(indices),
                             "sentences": len(set(results.sentences(indices))),
                             "change": {field: results.change(name, field, indices) for field in figures}})
    return rows


def split_reading(results, rows):
    """Where the gain of the reference is."""
    gains = {row["background_named"]: row["change"][results.gain]["mean"] * row["count"]
             for row in rows if row["configuration"] == results.plan["reference"]}
    if not sum(gains.values()):
        return "Change against plain."
    return (f"Change against plain. {100 * gains.get(False, 0) / sum(gains.values()):.0f} % of the gain of "
            f"{results.plan['reference']} is that of prompts which leave the background to the model.")


def split_table(results, rows):
    shown = [metric for field in results.plan["split_figures"] for metric in results.plan["metrics"]
             if metric[0] == field]
    return table(["configuration", "background"] + [label for _, label, _ in shown] + ["n", "sentences"],
                 [[row["configuration"], "named" if row["background_named"] else "not named"]
                  + [with_interval(row["change"][field], digits, sign=True) for field, _, digits in shown]
                  + [str(row["count"]), str(row["sentences"])] for row in rows])


def calls_asked(results, prompts):
    """Network calls that configurations ask for: `prompts` says on how many each runs."""
    return f"{sum(results.summary[name]['unet_calls'] * count for name, count in prompts.items()):,.0f}"


def plain_table(results):
    figures = results.summary[results.plan["plain"]]["mean"]
    rows = [[label, with_interval(figures[field], digits)] for field, label, digits in results.plan["metrics"]]
    rows += [[label, with_interval(figures[field], 3)] for field, label in WORDS + [NAMED]]
    return table(["figure", "mean"], rows)


def group_section(results, group):
    rows, words, metrics = [], [], results.plan["metrics"]
    for name in group["configurations"]:
        if name not in results.summary or name == results.plan["plain"]:
            continue
        figures = results.summary[name]
        rows.append([name] + [with_interval(figures["change"][field], digits, sign=True)
                              for field, _, digits in metrics] + [str(figures["count"])])
        words.append([name] + [with_interval(figures["change"][field], 3, sign=True)
                               for field, _ in WORDS + [NAMED]])
    if not rows:
        return ""
    change = table(["change against plain"] + [label for _, label, _ in metrics] + ["n"], rows)
    right = table(["change of the share of right videos"] + [label for _, label in WORDS + [NAMED]], words)
    return f"## {group['title']}\n\n{group['text']}\n\n{change}\n\n{right}\n\n"


def forms_table(results):
    """Every form of consistency, of the rows that have them all and more than a handful of videos."""
    rows = []
    for name, figures in results.summary.items():
        if name == results.plan["plain"] or figures["count"] <= HANDFUL:
            continue
        if all(field in figures["change"] for field, _ in FORMS):
            rows.append([name] + [with_interval(figures["change"][field], 4, sign=True) for field, _ in FORMS]
                        + [str(figures["count"])])
    return table(["change against plain"] + [label for _, label in FORMS] + ["n"], rows)


def accuracy_note(notes):
    if "judge" not in notes:
        return ""
    found = notes["judge"]
    words = ", ".join(f"{100 * found[name]:.1f} % {name}" for name in ("colour", "shape", "motion", "background"))
    return f"\n  On {found['n']} newly rendered clips it is right in {words}."


def times_note(notes):
    if "core" not in notes:
        return ""
    found = notes["core"]
    return (f" The core makes {found['network_calls']:.0f} calls a prompt and took {found['seconds']:.0f} s of one core"
            f" each ({found['n']} prompts timed, with the OpenVINO form of the bundle).")


def again(plan):
    """The command that makes all of this."""
    world = f"models/{plan['name']}"
    other = "" if world == DEFAULT else f" --world {world} --bundle BUNDLE"
    return f"scripts/evaluate.sh{other}" + (f" --steps {plan['asked_steps']}" if plan["asked_steps"] else "")


def report(plan, folders, root):
    """`folders` of JSON lines; without any, the pages and the plots are made from the CSV again. `root` has the
    folders benchmarks/results and docs."""
    folder = root / "benchmarks" / "results"
    world, former, former_split, former_notes = csv_file.read(folder / "evaluation.csv")
    if not is_of_world(world, former, plan):
        former, former_split, former_notes = {}, [], {}
    results = Results(plan, folders, former)
    if plan["plain"] not in results.summary:
        sys.exit(f"no results of plain sampling in {', '.join(map(str, folders)) or folder}")
    split = split_by_background(results) if results.lines else former_split
    notes = notes_of(results, former_notes)
    csv_file.write(folder / "evaluation.csv", plan["name"], results.summary, split, notes)
    plot_cost(results, folder / "evaluation_cost.svg")
    (folder / "evaluation.md").write_text(page(results, split, notes))
    write_docs(results, split, root / "docs")
    print(f"{len(results.names)} configurations")


def page(results, split, notes):
    plan, plain = results.plan, results.summary[results.plan["plain"]]
    prompts = plain["count"]
    return PAGE.format(
        prompts=prompts, sentences=plain["sentences"], steps=number(plain["unet_calls"], 0), world=plan["name"],
        model=plan["model"], again=again(plan),
        tuning=plan["tuning"], judge_minutes=plan["judge_minutes"], measures="\n".join(plan["measures"]),
        wide=plan["wide"], same=100 * SAME, acceptance=acceptance_section(results), verdict=verdict(results),
        cost=cost_table(results), reading=reading(results), split_reading=split_reading(results, split),
        split=split_table(results, split), plain=plain_table(results),
        groups="".join(group_section(results, group) for group in plan["groups"]),
        forms=forms_table(results), accuracy=accuracy_note(notes), times=times_note(notes),
        all_calls=calls_asked(results, {name: prompts for name in results.names}))
