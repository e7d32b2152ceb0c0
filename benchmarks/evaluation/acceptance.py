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
    is none where what it is taken of is no better than plain sampling."""
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


def acceptance_table(results):
    rows = []
    for demand in results.plan["demands"]:
        names = {demand["configuration"], bound_of(demand)[1]}
        missing = [name for name in names if isinstance(name, str) and name not in results.summary]
        rows.append([demand["text"], "" if missing else shown(results, demand), goal(demand),
                     "not run" if missing else "met" if is_met(results, demand) else "**not met**"])
    return table(["demand", "figure", "goal", ""], rows)


def acceptance_section(results):
    """Of worlds that have demands."""
    if "demands" not in results.plan:
        return ""
    return ("## What was to be shown\n\nWritten down before the denoiser was trained. A demand goes by the figure; "
            "brackets are its 95 % interval.\nNo share meets a demand where what it is taken of is no better than plain "
            f"sampling.\n\n{acceptance_table(results)}\n\n")
