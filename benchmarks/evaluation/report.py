"""Tables and plots of the evaluation, from its JSON lines alone."""

import json

import numpy

from intervals import difference, mean, share_of_gain
from lines import read_lines
from plots import plot_cost, plot_passes

# name of a line's field, heading, digits; what a smaller value means stands in the text
METRICS = [("latent_consistency", "consistency, latents", 4), ("pixel_consistency", "consistency, pixels", 4),
           ("background_deviation", "background deviation", 4), ("flicker", "flicker score", 4),
           ("motion_energy", "motion energy", 5)]
WORDS = [("all", "all words"), ("colour", "colour"), ("shape", "shape"), ("motion", "motion")]
NAMED = ("background", "background")  # only of the prompts that name one
GAIN, STEADINESS = "latent_consistency", "background_deviation"

PAGE = """# Evaluation

<!-- Written by benchmarks/evaluation/evaluate.py report; changes by hand are lost. -->

What FreeInit and the methods beyond it do for the demo model ([models/shapes](../models/shapes)): {prompts} prompts of word combinations
that training never saw, each with a seed of its own, none of them used to choose anything. {steps} steps a full pass,
guidance and everything else as the model recommends. Each configuration is a list of options of `freeinit generate`
([configurations.json](../benchmarks/evaluation/configurations.json)). Rows with a smaller `n` were run on `n` of them.

* **Consistency**: mean cosine of the first frame with each later one, the paper's temporal consistency; of latents and of pixels,
  since no image encoder is trained on such a world. *Gain* means its rise in latents against plain sampling.
* **Background deviation**: standard deviation over time of the pixels in the four corners, where nothing moves; less is
  steadier. **Flicker score**: VBench's temporal flickering, 1 for a still picture. **Motion energy**: mean squared change from
  frame to frame. The cosine is blind to a video's scale and follows its mean colour, these three follow its contrast: read them together.
* **Words**: share of videos in which a classifier that was trained on real clips alone sees the colour, the shape and the
  motion that the prompt asks for; the background is asked for in half of the prompts, and counts there.
* Differences are paired by prompt and seed against plain sampling. Brackets are 95 % intervals: bootstrap over prompts,
  10,000 resamples.

## Gain against cost

{verdict}

![Gain against network calls](images/evaluation_cost.svg)

The plot shows what ran on every prompt.

{cost}

{reading}

## What plain sampling gives

{plain}

{groups}
## Passes

![What more passes do](images/evaluation_passes.svg)

## Again

```
cmake --build --preset dev --target evaluation_driver
python benchmarks/evaluation/evaluate.py run --driver build/dev/benchmarks/evaluation_driver --judge FOLDER --work FOLDER
python benchmarks/evaluation/evaluate.py report --work FOLDER
```

The judge is trained by `python models/train/train.py --stage judge`. Two processes with `--shard 0/2` and `--shard 1/2` share the
work; a stopped run goes on where it was. So made, the core of configurations.json runs on 200 prompts and the rest on the first
{wide}: 16,800 network calls. A seventh of that (25 prompts, 1 of them with every configuration) took 8.8 minutes of one core with the OpenVINO form of
the bundle (`freeinit-export backend openvino COPY`, `--bundle COPY`), so all of it takes about 31 minutes on two cores; with TorchScript about a
quarter more. `--core NAME ...` adds others on every prompt, as was done for the further rows above; all of them on all prompts are 106,000
network calls, over six hours of one core.
"""


def number(value, digits):
    return f"{value:.{digits}f}"


def with_interval(figure, digits, sign=False):
    low, high = figure["interval"]
    mark = "+" if sign else ""
    return f"{figure['mean']:{mark}.{digits}f} [{low:{mark}.{digits}f}, {high:{mark}.{digits}f}]"


def percent(figure):
    low, high = figure["interval"]
    return f"{100 * figure['mean']:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
                     + ["| " + " | ".join(row) + " |" for row in rows])


class Results:
    """Every figure of every configuration, paired with plain sampling."""

    def __init__(self, plan, folders):
        self.plan = plan
        self.lines = {}
        for name in plan["options"]:
            rows = {}
            for folder in folders:
                rows.update(read_lines(folder, name))
            if rows:
                self.lines[name] = rows
        self.names = list(self.lines)
        self.summary = {name: self.summarise(name) for name in self.names}

    def is_whole(self, name):
        """Whether a configuration ran on every prompt."""
        return self.summary[name]["count"] == self.summary[self.plan["plain"]]["count"]

    def column(self, name, field, indices):
        return [self.lines[name][i][field] for i in indices]

    def summarise(self, name):
        plain, whole = self.lines[self.plan["plain"]], self.lines[self.plan["reference"]]
        shared = sorted(set(self.lines[name]) & set(plain) & set(whole))
        named = [i for i in shared if NAMED[0] in plain[i]]
        prompts = {field: shared for field, *_ in METRICS + WORDS} | {NAMED[0]: named}
        pick = {field: self.column(name, field, rows) for field, rows in prompts.items()}
        base = {field: self.column(self.plan["plain"], field, rows) for field, rows in prompts.items()}
        calls = numpy.mean(self.column(name, "unet_calls", shared))
        return {"options": self.plan["options"][name], "count": len(shared), "unet_calls": float(calls),
                "cost": float(calls / numpy.mean(self.column(self.plan["plain"], "unet_calls", shared))),
                "mean": {field: mean(values) for field, values in pick.items()},
                "difference": {field: difference(values, base[field]) for field, values in pick.items()},
                "share_of_gain": share_of_gain(pick[GAIN], base[GAIN],
                                               self.column(self.plan["reference"], GAIN, shared))}


def cost_table(results):
    rows = []
    for name, figures in sorted(results.summary.items(), key=lambda item: item[1]["cost"]):
        if name == results.plan["plain"]:
            continue
        rows.append([name, number(figures["unet_calls"], 1), number(figures["cost"], 2),
                     with_interval(figures["difference"][GAIN], 4, sign=True),
                     percent(figures["share_of_gain"]),
                     with_interval(figures["difference"][STEADINESS], 4, sign=True), str(figures["count"])])
    head = ["configuration", "network calls", "cost", "change of consistency",
            f"share of the gain of {results.plan['reference']}", "change of background deviation", "n"]
    return table(head, rows)


def verdict(results):
    """The goal of 95 % of the gain at 1.15 times the cost, checked against the figures."""
    group = next(group for group in results.plan["groups"] if group["title"] == results.plan["goal_group"])
    cheap = {name: results.summary[name] for name in group["configurations"]
             if name in results.summary and results.summary[name]["cost"] <= 1.15 + 1e-9}
    if not cheap:
        return "No configuration was run that costs at most 1.15 times plain sampling."
    best = max(cheap, key=lambda name: cheap[name]["share_of_gain"]["mean"])
    figures = cheap[best]
    share = figures["share_of_gain"]["mean"]
    met = "meets" if share >= 0.95 else "misses"
    return (f"The goal was 95 % of the gain of three full passes at 1.15 times the cost of plain sampling or less. The best of the "
            f"configurations within that cost, *{best}*, keeps {percent(figures['share_of_gain'])} at "
            f"{figures['cost']:.2f} times the cost: it {met} the goal.")


def reading(results):
    """Which way each figure moved, for the configurations that ran on every prompt."""
    labels = {field: label for field, label, _ in METRICS} | {"all": "videos with all words right",
                                                              NAMED[0]: "videos with the named background right"}
    lines = []
    for name in results.names:
        if name == results.plan["plain"] or not results.is_whole(name):
            continue
        moved = {"rises": [], "falls": [], "not told apart from no change": []}
        for field, label in labels.items():
            low, high = results.summary[name]["difference"][field]["interval"]
            moved["rises" if low > 0 else "falls" if high < 0 else "not told apart from no change"].append(label)
        lines.append(f"* **{name}**. " + ". ".join(f"{way.capitalize()}: {', '.join(found)}"
                                                   for way, found in moved.items() if found) + ".")
    return "Against plain sampling:\n\n" + "\n".join(lines)


def plain_table(results):
    figures = results.summary[results.plan["plain"]]["mean"]
    rows = [[label, with_interval(figures[field], digits)] for field, label, digits in METRICS]
    rows += [[label, with_interval(figures[field], 3)] for field, label in WORDS + [NAMED]]
    return table(["figure", "mean"], rows)


def group_section(results, group):
    rows, words = [], []
    for name in group["configurations"]:
        if name not in results.summary or name == results.plan["plain"]:
            continue
        figures = results.summary[name]
        rows.append([name] + [with_interval(figures["difference"][field], digits, sign=True)
                              for field, _, digits in METRICS] + [str(figures["count"])])
        words.append([name] + [with_interval(figures["difference"][field], 3, sign=True) for field, _ in WORDS + [NAMED]])
    if not rows:
        return ""
    change = table(["change against plain"] + [label for _, label, _ in METRICS] + ["n"], rows)
    right = table(["change of the share of right videos"] + [label for _, label in WORDS + [NAMED]], words)
    return f"## {group['title']}\n\n{group['text']}\n\n{change}\n\n{right}\n\n"


def report(plan, folders, steps, root):
    results = Results(plan, folders)
    content = {"steps": steps, "configurations": results.summary}
    (root / "benchmarks" / "results" / "evaluation.json").write_text(json.dumps(content, indent=1) + "\n")
    images = root / "docs" / "images"
    plot_cost(results, images / "evaluation_cost.svg")
    plot_passes(results, images / "evaluation_passes.svg")
    groups = "".join(group_section(results, group) for group in plan["groups"])
    (root / "docs" / "evaluation.md").write_text(PAGE.format(
        prompts=results.summary[plan["plain"]]["count"], steps=steps, wide=plan["wide"], verdict=verdict(results),
        cost=cost_table(results), reading=reading(results), plain=plain_table(results), groups=groups))
    print(f"{len(results.names)} configurations")
