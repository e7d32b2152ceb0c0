"""Every figure of the evaluation: of the JSON lines of a run, and of former runs."""

import json

import numpy
from evaluation.intervals import difference, mean, share, share_of_gain
from evaluation.lines import JUDGE, TIMES, is_of, read_lines

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
SAME = 1e-4  # plain sampling of two runs differs by less: by how backends and machines round


def former_rows(former, made, plan):
    """Rows of a former run that this one lacks, or has on a handful of prompts: none, where the same prompts gave
    other figures for plain sampling."""
    if not made:
        return {name: row for name, row in former.items() if row["request"] == plan["requests"].get(name)}
    plain, own = former.get(plan["plain"]), made[plan["plain"]]
    if plain is None or plain["count"] != own["count"]:
        return {}
    means = [(plain["mean"][field]["mean"], own["mean"][field]["mean"]) for field, *_ in METRICS]
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
        return {"request": self.plan["requests"][name], "count": len(shared),
                "sentences": len(set(self.sentences(shared))), "unet_calls": float(calls),
                "mean": {field: figure(self.column(name, field, rows), self.sentences(rows))
                         for field, (figure, rows) in kinds.items()},
                "change": {field: self.change(name, field, rows) for field, (_, rows) in kinds.items()},
                "share_of_gain": share_of_gain(
                    *(self.column(each, GAIN, shared) for each in (name, plain, self.plan["reference"])),
                    self.sentences(shared))}


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
