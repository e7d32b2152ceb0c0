"""The table and the chart of docs/evaluation.md."""

import math

from evaluation.cells import SHARES, cell, is_clear, number
from report.page_tables import fill_places, table
from report.svg import Svg

COLOURS = ["#e8710a", "#7baaf7"]  # of the chart's series
LEFT, RIGHT, TOP, STEP, WIDTH = 250, 20, 56, 26, 800


def docs_cell(results, name, column):
    """Means stand alone; changes are bold where they are told apart from none."""
    found, of = results.summary[name], column["of"]
    if of == "mean":
        return number(found["mean"][column["figure"]]["mean"], column["digits"])
    if name == results.plan["plain"]:
        return ""
    text = cell(found, column)
    if text and of in ("change", "relative change") and is_clear(found[of][column["figure"]]):
        mean, interval = text.split(" [")
        text = f"**{mean}** [{interval}"
    return text


def docs_table(results):
    docs = results.plan["docs"]
    rows = [[title, number(results.cost(name), 2)] + [docs_cell(results, name, column) for column in docs["columns"]]
            for name, title in docs["rows"].items() if name in results.summary]
    return table([docs["heading"], "cost"] + [column["heading"] for column in docs["columns"]], rows)


def chart_rows(results, split):
    """(title, figures) of each row: those split by background first."""
    docs, plain = results.plan["docs"], results.plan["plain"]
    titles = docs["chart"].get("split", {})
    rows = [(f"{titles[found['configuration']]}, background {'' if found['background_named'] else 'not '}named", found)
            for found in split if found["configuration"] in titles]
    return rows + [(title, results.summary[name]) for name, title in docs["rows"].items()
                   if name in results.summary and name != plain]


def figure_of(found, one):
    """None of a share that is not there."""
    return found[one["of"]].get(one["figure"])


def docs_chart(results, split, path):
    chart = results.plan["docs"]["chart"]
    rows, series, tick = chart_rows(results, split), chart["series"], chart["tick"]
    bounds = [bound for _, found in rows for one in series if (figure := figure_of(found, one))
              for bound in figure["interval"]]
    least, most = min([0, *bounds]), 1.02 * max([tick, *bounds])
    bottom = TOP + STEP * len(rows)
    svg = Svg(WIDTH, bottom + (34 if len(series) == 1 else 50))

    def at(value):
        return LEFT + (value - least) / (most - least) * (WIDTH - LEFT - RIGHT)

    svg.text(20, 22, chart["title"], 14)
    for count in range(math.ceil(least / tick), math.floor(most / tick) + 1):
        value = count * tick
        svg.line(at(value), TOP - 14, at(value), bottom, "#dadce0" if count else "#9aa0a6")
        label = f"{100 * value:.0f} %" if series[0]["of"] in SHARES else f"{value:g}"
        svg.text(at(value), bottom + 16, label, 11, "middle")
    for row, (title, found) in enumerate(rows):
        svg.text(20, TOP + row * STEP + 4, title)
        for place, one in enumerate(series):
            figure, y = figure_of(found, one), TOP + row * STEP + 8 * (place - (len(series) - 1) / 2)
            if not figure:
                continue
            svg.line(at(figure["interval"][0]), y, at(figure["interval"][1]), y, COLOURS[place], 2)
            svg.dot(at(figure["mean"]), y, COLOURS[place])
    if len(series) > 1:
        for place, one in enumerate(series):
            svg.dot(26 + 250 * place, bottom + 36, COLOURS[place])
            svg.text(36 + 250 * place, bottom + 40, one["title"], 11)
    svg.save(path)


def write_docs(results, split, folder):
    """`folder` is that of the pages."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    docs_chart(results, split, folder / "images" / "evaluation.svg")
    fill_places(folder / "evaluation.md", {"evaluation": docs_table(results)})
