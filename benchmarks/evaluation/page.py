"""Tables and plots of the evaluation, from its JSON lines alone."""

import json

import numpy

from intervals import difference, mean, share, share_of_gain
from lines import JUDGE, TIMES, is_of, read_lines
from plots import plot_cost, plot_passes

# name of a line's field, heading, digits; what a smaller value means stands in the text
METRICS = [("latent_consistency", "consistency, latents", 4), ("pixel_consistency", "consistency, pixels", 4),
           ("background_deviation", "background deviation", 4), ("flicker", "flicker score", 4),
           ("motion_energy", "motion energy", 5)]
FORMS = [("latent_subject", "subject, latents"), ("latent_adjacent", "adjacent, latents"),
         ("pixel_subject", "subject, pixels"), ("pixel_adjacent", "adjacent, pixels"),
         ("temporal_deviation", "deviation over time")]
WORDS = [("all", "all words"), ("colour", "colour"), ("shape", "shape"), ("motion", "motion")]
NAMED = ("background", "background")  # only of the prompts that name one
GAIN, STEADINESS = "latent_consistency", "background_deviation"
SPLIT = [GAIN, "pixel_consistency", STEADINESS]  # shown by background

PAGE = """# Evaluation

<!-- Written by benchmarks/evaluation/evaluate.py report; changes by hand are lost. -->

What FreeInit and the methods beyond it do for the demo model ([models/shapes](../models/shapes)): {prompts} pairs of {sentences} sentences and
{prompts} seeds. Training never saw these sentences; tuning used the same sentences with other seeds. {steps} steps a full pass,
guidance and everything else as the model recommends. Each configuration is a list of options of `freeinit generate`
([configurations.json](../benchmarks/evaluation/configurations.json)). Rows with a smaller `n` were run on `n` of them, and
their shares of the gain are taken on those.{kept}

* **Consistency**: mean cosine of the first frame with each later one, the paper's temporal consistency; of latents and of pixels,
  since no image encoder is trained on such a world. *Gain* means its rise in latents against plain sampling.
* **Background deviation**: standard deviation over time of the pixels in the four corners, where nothing moves; less is
  steadier. **Flicker score**: VBench's temporal flickering, 1 for a still picture. **Motion energy**: mean squared change from
  frame to frame. The cosine is blind to a video's scale and follows its mean colour, these three follow its contrast: read them together.
* **Words**: share of videos in which a classifier that was trained on rendered clips alone sees the colour, the shape and the
  motion that the prompt asks for; the background is asked for in half of the prompts, and counts there.{accuracy}
  The judge cannot tell differences where all videos are right: +0.000 [+0.000, +0.000] means that its verdict changed for no video.
* Differences are paired by prompt and seed against plain sampling. Brackets are 95 % intervals: bootstrap over sentences, each
  with all its seeds, 10,000 resamples. Where all or none of the videos are right, a share's interval is the exact one
  (Clopper-Pearson) of as many sentences.

## Gain against cost

{verdict}

![Gain against network calls](images/evaluation_cost.svg)

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

## More passes

Of the {passes_prompts} prompts that all of these ran on.

![What more passes do](images/evaluation_passes.svg)

## Again

```
scripts/evaluate.sh
```

It installs what is missing, builds the driver, trains the judge once (4 minutes of one core), makes the videos in two processes
of one thread each and writes this page; results are kept in out/evaluation, and a stopped run goes on where it was. So made, the
core of configurations.json, with something of every group, runs on 200 prompts and the rest on the first {wide}; rows of this page that
it does not make are kept. Network calls that configurations of one prompt share are made once.{times} Every configuration on 200 prompts
with all else as it is does not fit half an hour: they ask for {all_calls} network calls. Arguments are handed to
`evaluate.py run`: `--core NAME ...` runs others on every prompt, as was done for the further rows above.
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


SAME = 1e-4  # plain sampling of two runs differs by less: by how backends and machines round


def former_rows(former, made, plan):
    """Rows of a former run that this one lacks, or has on a handful of prompts: none, where the same prompts gave
    other figures for plain sampling."""
    plain, own = former.get(plan["plain"]), made[plan["plain"]]
    if plain is None or plain["count"] != own["count"]:
        return {}
    means = [(plain["mean"][field]["mean"], own["mean"][field]["mean"]) for field, *_ in METRICS]
    if any(abs(a - b) > SAME * abs(b) for a, b in means):
        return {}
    handful = {"count": 0}
    return {name: row for name, row in former.items()
            if row["options"] == plan["options"].get(name)
            and row["count"] > made.get(name, handful)["count"] <= plan["wide"]}


class Results:
    """Every figure of every configuration, paired with plain sampling."""

    def __init__(self, plan, folders, former=None):
        self.plan = plan
        self.folders = folders
        plain = self.read(plan["plain"])
        self.lines = {}
        for name in plan["options"]:
            rows = {index: row for index, row in self.read(name).items()
                    if index in plain and is_of(row, plain[index])}
            if rows:
                self.lines[name] = rows
        made = {name: self.summarise(name) for name in self.lines}
        kept = former_rows(former or {}, made, plan)
        self.kept = set(kept)
        found = made | kept
        self.names = [name for name in plan["options"] if name in found]
        self.summary = {name: found[name] for name in self.names}

    def read(self, name):
        return {index: row for folder in self.folders for index, row in read_lines(folder, name).items()}

    def is_broad(self, name):
        """Whether a configuration ran on half of the prompts or more."""
        return 2 * self.summary[name]["count"] >= self.summary[self.plan["plain"]]["count"]

    def shared(self, name):
        """The prompts that this configuration has in common with plain sampling and the reference."""
        return sorted(set.intersection(*(set(self.lines[each])
                                         for each in (name, self.plan["plain"], self.plan["reference"]))))

    def names_background(self, index):
        return NAMED[0] in self.lines[self.plan["plain"]][index]

    def column(self, name, field, indices):
        return [self.lines[name][i][field] for i in indices]

    def sentences(self, indices):
        return self.column(self.plan["plain"], "prompt", indices)

    def change(self, name, field, indices):
        return difference(self.column(name, field, indices), self.column(self.plan["plain"], field, indices),
                          self.sentences(indices))

    def summarise(self, name):
        plain, shared = self.plan["plain"], self.shared(name)
        named = [i for i in shared if self.names_background(i)]
        kinds = {field: (mean, shared) for field, *_ in METRICS} | {field: (share, shared) for field, _ in WORDS}
        kinds[NAMED[0]] = share, named
        kinds |= {field: (mean, shared) for field, _ in FORMS if field in self.lines[name][shared[0]]}
        calls = numpy.mean(self.column(name, "unet_calls", shared))
        return {"options": self.plan["options"][name], "count": len(shared),
                "sentences": len(set(self.sentences(shared))), "unet_calls": float(calls),
                "cost": float(calls / numpy.mean(self.column(plain, "unet_calls", shared))),
                "mean": {field: figure(self.column(name, field, rows), self.sentences(rows))
                         for field, (figure, rows) in kinds.items()},
                "difference": {field: self.change(name, field, rows) for field, (_, rows) in kinds.items()},
                "share_of_gain": share_of_gain(
                    *(self.column(each, GAIN, shared) for each in (name, plain, self.plan["reference"])),
                    self.sentences(shared))}


def shown_name(results, name):
    return name + " †" * (name in results.kept)


def cost_table(results):
    rows = []
    for name, figures in sorted(results.summary.items(), key=lambda item: item[1]["cost"]):
        if name == results.plan["plain"]:
            continue
        rows.append([shown_name(results, name), number(figures["unet_calls"], 1), number(figures["cost"], 2),
                     with_interval(figures["difference"][GAIN], 4, sign=True),
                     percent(figures["share_of_gain"]),
                     with_interval(figures["difference"][STEADINESS], 4, sign=True), str(figures["count"])])
    head = ["configuration", "network calls", "cost", "change of consistency",
            f"share of the gain of {results.plan['reference']}", "change of background deviation", "n"]
    return table(head, rows)


def cheap(results):
    """The configurations within the cost of the goal."""
    group = next(group for group in results.plan["groups"] if group["title"] == results.plan["goal_group"])
    return [name for name in group["configurations"]
            if name in results.summary and results.summary[name]["cost"] <= 1.15 + 1e-9]


def best_cheap(results):
    return max(cheap(results), key=lambda name: results.summary[name]["share_of_gain"]["mean"], default=None)


def way(change):
    """Which way a figure moved, as far as its interval tells."""
    low, high = change["interval"]
    return "rises" if low > 0 else "falls" if high < 0 else "is not told apart from no change"


def verdict(results):
    """The goal of 95 % of the gain at 1.15 times the cost, checked against the figures."""
    best = best_cheap(results)
    if best is None:
        return "No configuration was run that costs at most 1.15 times plain sampling."
    figures = results.summary[best]
    met = "meets" if figures["share_of_gain"]["mean"] >= 0.95 else "misses"
    changes = figures["difference"]
    beside = [f"{label} {way(changes[field])} ({with_interval(changes[field], 4, sign=True)})"
              for field, label in (("pixel_consistency", "consistency of pixels"),
                                   (STEADINESS, "background deviation"))]
    return (f"The goal was 95 % of the gain of three full passes at 1.15 times the cost of plain sampling or less. The "
            f"best of the configurations within that cost, *{best}*, keeps {percent(figures['share_of_gain'])} at "
            f"{figures['cost']:.2f} times the cost: it {met} the goal in consistency of latents, the figure that the "
            f"goal was set in. There {' and '.join(beside)} against plain sampling. It was picked as the best of "
            f"{len(cheap(results))} on these same data, so that its share is rather too high than too low.")


def reading(results):
    """Which way each figure moved, for the configurations that ran on half of the prompts or more."""
    labels = {field: label for field, label, _ in METRICS} | {"all": "videos with all words right",
                                                              NAMED[0]: "videos with the named background right"}
    headings = {"rises": "Rises", "falls": "Falls", "is not told apart from no change": "Not told apart from no change"}
    lines = []
    for name in results.names:
        if name == results.plan["plain"] or not results.is_broad(name):
            continue
        moved = {key: [] for key in headings}
        for field, label in labels.items():
            moved[way(results.summary[name]["difference"][field])].append(label)
        lines.append(f"* **{name}**. " + ". ".join(f"{headings[key]}: {'; '.join(found)}"
                                                   for key, found in moved.items() if found) + ".")
    return "Against plain sampling:\n\n" + "\n".join(lines)


def split_by_background(results):
    """Changes of prompts that name a background, and of those that do not."""
    rows = []
    for name in dict.fromkeys([results.plan["reference"], best_cheap(results), *results.plan["split"]]):
        if name not in results.lines:
            continue
        for named in (True, False):
            indices = [i for i in results.shared(name) if results.names_background(i) == named]
            if indices:
                rows.append({"configuration": name, "background_named": named, "count": len(indices),
                             "sentences": len(set(results.sentences(indices))),
                             "difference": {field: results.change(name, field, indices) for field in SPLIT}})
    return rows


def split_reading(results, rows):
    """Where the gain of the reference is."""
    gains = {row["background_named"]: row["difference"][GAIN]["mean"] * row["count"]
             for row in rows if row["configuration"] == results.plan["reference"]}
    return (f"Change against plain. {100 * gains.get(False, 0) / sum(gains.values()):.0f} % of the gain of "
            f"{results.plan['reference']} is that of prompts which leave the background to the model.")


def split_table(rows):
    labels = {field: label for field, label, _ in METRICS}
    return table(["configuration", "background"] + [labels[field] for field in SPLIT] + ["n", "sentences"],
                 [[row["configuration"], "named" if row["background_named"] else "not named"]
                  + [with_interval(row["difference"][field], 4, sign=True) for field in SPLIT]
                  + [str(row["count"]), str(row["sentences"])] for row in rows])


def calls_asked(results, prompts):
    """Network calls that configurations ask for: `prompts` says on how many each runs."""
    return f"{sum(results.summary[name]['unet_calls'] * count for name, count in prompts.items()):,.0f}"


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
        shown = shown_name(results, name)
        rows.append([shown] + [with_interval(figures["difference"][field], digits, sign=True)
                               for field, _, digits in METRICS] + [str(figures["count"])])
        words.append([shown] + [with_interval(figures["difference"][field], 3, sign=True)
                                for field, _ in WORDS + [NAMED]])
    if not rows:
        return ""
    change = table(["change against plain"] + [label for _, label, _ in METRICS] + ["n"], rows)
    right = table(["change of the share of right videos"] + [label for _, label in WORDS + [NAMED]], words)
    return f"## {group['title']}\n\n{group['text']}\n\n{change}\n\n{right}\n\n"


def forms_table(results):
    """Every form of consistency, of the rows that have them all and more than a handful of videos."""
    rows = []
    for name, figures in results.summary.items():
        if name == results.plan["plain"] or figures["count"] <= results.plan["wide"]:
            continue
        if all(field in figures["difference"] for field, _ in FORMS):
            rows.append([name] + [with_interval(figures["difference"][field], 4, sign=True) for field, _ in FORMS]
                        + [str(figures["count"])])
    return table(["change against plain"] + [label for _, label in FORMS] + ["n"], rows)


def kept_note(results):
    return "" if not results.kept else (
        f"\nRows with a dagger (†) are of a former run of the same sentences and seeds, against that run's own plain sampling,"
        f" whose\nfigures are within {100 * SAME:g} % of this one's, and with that run's own judge.")


def accuracy_note(results):
    """How well the judge does where the answer is known."""
    files = [folder / JUDGE for folder in results.folders if (folder / JUDGE).exists()]
    if not files:
        return ""
    found = json.loads(files[-1].read_text())
    words = ", ".join(f"{100 * found[name]:.1f} % {name}" for name in ("colour", "shape", "motion", "background"))
    return f"\n  On {found['clips']} newly rendered clips it is right in {words}."


def times_note(results):
    """What a prompt took with the core, and with every configuration; from that what the default run takes."""
    plan = results.plan
    timed = [row for folder in results.folders for row in read_lines(folder, TIMES).values()]
    core, every = ([row for row in timed if set(row["configurations"]) == set(names)]
                   for names in (plan["core"], plan["options"]))
    if not core:
        return ""
    calls, seconds = (numpy.median([row[key] for row in core]) for key in ("network_calls", "seconds"))
    total = 200 * seconds
    note = (f" The core makes {calls:.0f} calls a prompt and took {seconds:.0f} s of one core each ({len(core)} prompts timed,"
            f" with the OpenVINO form of the bundle)")
    if every:
        longest = numpy.median([row["seconds"] for row in every])
        total += plan["wide"] * (longest - seconds)
        note += f", every configuration {longest:.0f} s"
    return note + f": {total / 120:.0f} minutes for 200 prompts on two cores."


def report(plan, folders, steps, root):
    recorded = root / "benchmarks" / "results" / "evaluation.json"
    former = json.loads(recorded.read_text()) if recorded.exists() else {}
    same_steps = former.get("steps") == steps
    results = Results(plan, folders, former["configurations"] if same_steps else None)
    split = split_by_background(results)
    content = {"steps": steps, "configurations": results.summary, "by_background": split}
    recorded.write_text(json.dumps(content, indent=1) + "\n")
    images = root / "docs" / "images"
    plot_cost(results, images / "evaluation_cost.svg")
    passes_prompts = plot_passes(results, images / "evaluation_passes.svg")
    groups = "".join(group_section(results, group) for group in plan["groups"])
    plain = results.summary[plan["plain"]]
    prompts = plain["count"]
    (root / "docs" / "evaluation.md").write_text(PAGE.format(
        prompts=prompts, sentences=plain["sentences"], steps=steps, wide=plan["wide"], verdict=verdict(results),
        cost=cost_table(results), reading=reading(results), split_reading=split_reading(results, split),
        split=split_table(split), plain=plain_table(results), groups=groups, forms=forms_table(results),
        kept=kept_note(results), accuracy=accuracy_note(results), times=times_note(results),
        passes_prompts=passes_prompts,
        all_calls=calls_asked(results, {name: prompts for name in results.names})))
    print(f"{len(results.names)} configurations")
