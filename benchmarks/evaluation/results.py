"""Every figure of the evaluation: of the JSON lines of a run, and of former runs."""

import json

import numpy
from evaluation import csv_file
from evaluation.cells import is_clear
from evaluation.intervals import difference, mean, relative_change, share, share_of_gain
from evaluation.lines import JUDGE, TIMES, is_of, read_lines

# Of every world; its other figures stand in its plan.
FORMS = [("latent_subject", "subject, latents"), ("latent_adjacent", "adjacent, latents"),
         ("pixel_subject", "subject, pixels"), ("pixel_adjacent", "adjacent, pixels"),
         ("temporal_deviation", "deviation over time")]
WORDS = [("all", "all words"), ("colour", "colour"), ("shape", "shape"), ("motion", "motion")]
NAMED = ("background", "background")  # only of the prompts that name one
HANDFUL = 5  # of prompts, too few for some tables
SAME = 1e-4  # plain sampling of two runs differs by less: by how backends and machines round


def is_of_world(world, former, plan):
    """Whether a former run is of this world, and measured all that the world does by now."""
    measured = former.get(plan["plain"], {"mean": {}})["mean"].keys()
    return world == plan["name"] and measured >= {field for field, *_ in plan["metrics"]}


def former_rows(former, made, plan):
    """Rows of a former run that this one lacks, or has on a handful of prompts: none, where the same prompts gave
    other figures for plain sampling."""
    if not made:
        return {name: row for name, row in former.items() if row["request"] == plan["requests"].get(name)}
    plain, own = former.get(plan["plain"]), made[plan["plain"]]
    if plain is None or plain["count"] != own["count"]:
        return {}
    means = [(plain["mean"][field]["mean"], own["mean"][field]["mean"]) for field, *_ in plan["metrics"]]
    if any(abs(a - b) > SAME * abs(b) for a, b in means):
        return {}
    handful = {"count": 0}
    return {name: row for name, row in former.items()
            if row["request"] == plan["requests"].get(name)
            and row["count"] > made.get(name, handful)["count"] <= plan["wide"]}


class Results:
    """Every figure of every configuration, paired with plain sampling."""

    def __init__(self, plan, folders, former):
        self.plan = plan
        self.folders = folders
        self.whole = {"share of the gain": plan["reference"]}  # of what each share is taken
        if "upper" in plan:
            self.whole["share of the gap"] = plan["upper"]
        plain = self.read(plan["plain"])
        self.lines = {}
        for name in plan["requests"]:
            rows = {index: row for index, row in self.read(name).items()
                    if index in plain and is_of(row, plain[index])}
            if rows:
                self.lines[name] = rows
        made = {name: self.summarise(name) for name in self.lines}
        found = made | former_rows(former, made, plan)
        self.names = [name for name in plan["requests"] if name in found]
        self.summary = {name: found[name] for name in self.names}

    def read(self, name):
        return {index: row for folder in self.folders for index, row in read_lines(folder, name).items()}

    def cost(self, name):
        """Network calls against those of plain sampling."""
        return self.summary[name]["unet_calls"] / self.summary[self.plan["plain"]]["unet_calls"]

    @property
    def gain(self):
        """The figure that *gain* means without more."""
        return next(iter(self.plan["gains"]))

    def share_of_gain(self, name):
        """Of a configuration, of *gain*; None where the reference was not run on its prompts."""
        return self.summary[name]["share of the gain"].get(self.gain)

    def is_better(self, name, field):
        """Whether a configuration moved one of `gains` the better way, clear of no change."""
        change = self.summary[name]["change"][field]
        better = change["mean"] > 0 if self.plan["gains"][field] == "rises" else change["mean"] < 0
        return better and is_clear(change)

    def is_broad(self, name):
        """Whether a configuration ran on half of the prompts or more."""
        return 2 * self.summary[name]["count"] >= self.summary[self.plan["plain"]]["count"]

    def shared(self, *names):
        """The prompts that these configurations have in common with plain sampling."""
        return sorted(set.intersection(*(set(self.lines.get(each, ())) for each in (self.plan["plain"], *names))))

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
        sentences = self.sentences(shared)
        named = [i for i in shared if self.names_background(i)]
        if not named:
            raise SystemExit(f"{name}: no prompt that it ran on names a background; run more of them (--prompts)")
        kinds = {field: (mean, shared) for field, *_ in self.plan["metrics"]}
        kinds |= {field: (share, shared) for field, _ in WORDS} | {NAMED[0]: (share, named)}
        kinds |= {field: (mean, shared) for field, _ in FORMS if field in self.lines[name][shared[0]]}
        found = {of: {} for of in csv_file.OF}
        for field, (figure, rows) in kinds.items():
            found["mean"][field] = figure(self.column(name, field, rows), self.sentences(rows))
            found["change"][field] = self.change(name, field, rows)
        for field in self.plan["relative"]:
            columns = (self.column(each, field, shared) for each in (name, plain))
            found["relative change"][field] = relative_change(*columns, sentences)
        for of, whole in self.whole.items():
            both = self.shared(name, whole)
            for field in self.plan["gains"] if both else ():
                columns = (self.column(each, field, both) for each in (name, plain, whole))
                found[of][field] = share_of_gain(*columns, self.sentences(both))
        return {"request": self.plan["requests"][name], "count": len(shared), "sentences": len(set(sentences)),
                "unet_calls": float(numpy.mean(self.column(name, "unet_calls", shared))), **found}

    def median_prompt(self):
        """(gain, index) of the prompt of median gain in steadiness with the reference; of two middle ones the
        first, that of the smaller gain."""
        name, field = self.plan["reference"], self.plan["steadiness"]
        shared = self.shared(name)
        values, plain = (self.column(each, field, shared) for each in (name, self.plan["plain"]))
        ordered = sorted((before - after, index) for index, before, after in zip(shared, plain, values))
        return ordered[(len(ordered) - 1) // 2]


def notes_of(results, former):
    """What stands beside the configurations: how often the judge is right where the answer is known, and what the
    core takes a prompt. Of this run, or of the former one."""
    notes = dict(former)
    files = [folder / JUDGE for folder in results.folders if (folder / JUDGE).exists()]
    if files:
        found = json.loads(files[-1].read_text())
        notes["judge"] = {"n": found.pop("clips"), **found}
    timed = [row for folder in results.folders for row in read_lines(folder, TIMES).values()]
    core = [row for row in timed if set(row["configurations"]) == set(results.plan["core"])]
    if core:
        medians = {key: float(numpy.median([row[key] for row in core])) for key in ("network_calls", "seconds")}
        notes["core"] = {"n": len(core), **medians}
    return notes
