"""The demands on a demo model: each with its figure, its interval, its goal, and whether that is met."""

import operator

from evaluation.cells import SHARES, cell, is_clear, number
from report.page_tables import table

BOUNDS = {"at least": operator.ge, "at most": operator.le, "above": operator.gt, "below": operator.lt}


def bound_of(demand):
    return next((word, demand[word]) for word in BOUNDS if word in demand)


def figure_of(results, name, demand):
    if demand["figure"] == "cost":
        return {"mean": results.cost(name)}
    return results.summary[name][demand["of"]][demand["figure"]]


def is_met(results, demand):
    """A demand goes by the figure, or by the end of its interval that is nearer to the goal where it says so. A share
    is none where what it is taken of is no better than plain sampling, clear of no change."""
    if demand["of"] in results.whole and not results.is_better(results.whole[demand["of"]], demand["figure"]):
        return False
    word, bound = bound_of(demand)
    figure = figure_of(results, demand["configuration"], demand)
    if isinstance(bound, str):
        bound = figure_of(results, bound, demand)["mean"]
    value = figure["mean"]
    if demand.get("interval"):
        value = figure["interval"][word in ("at least", "above")]
    change = results.summary[demand["configuration"]]["change"]
    return BOUNDS[word](value, bound) and (not demand.get("clear") or is_clear(change[demand["figure"]]))


def goal(demand):
    word, bound = bound_of(demand)
    if not isinstance(bound, str):
        bound = f"{100 * bound:.0f} %" if demand["of"] in SHARES else f"{bound:g}"
    return (f"{word} {bound}" + (", within the interval" if demand.get("interval") else "")
            + (", clear of no change" if demand.get("clear") else ""))


def shown(results, demand):
    found = results.summary[demand["configuration"]]
    if demand["figure"] == "cost":
        return number(results.cost(demand["configuration"]), 2)
    digits = {field: digits for field, _, digits in results.plan["metrics"]}
    return cell(found, {**demand, "digits": digits.get(demand["figure"], 3)})


def is_run(results, demand):
    """Whether there are the figure, the one that it is compared with, and what a share is taken of."""
    compared = [name for name in (demand["configuration"], bound_of(demand)[1]) if isinstance(name, str)]
    whole = results.whole.get(demand["of"], demand["configuration"])
    if any(name not in results.summary for name in (*compared, whole)):
        return False
    return demand["figure"] == "cost" or all(
        demand["figure"] in results.summary[name][demand["of"]] for name in compared)


def acceptance_table(results):
    rows = []
    for demand in results.plan["demands"]:
        there = is_run(results, demand)
        rows.append([demand["text"], shown(results, demand) if there else "", goal(demand),
                     "not run" if not there else "met" if is_met(results, demand) else "**not met**"])
    return table(["demand", "figure", "goal", ""], rows)


def acceptance_section(results):
    """Of worlds that have demands."""
    if "demands" not in results.plan:
        return ""
    return ("## What was to be shown\n\nWritten down before the denoiser was trained. A demand goes by the figure; "
            "brackets are its 95 % interval.\nNo share meets a demand where what it is taken of is no better than plain "
            f"sampling, clear of no change.\n\n{acceptance_table(results)}\n\n")
