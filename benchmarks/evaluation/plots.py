"""The plot of the evaluation."""

import matplotlib
import matplotlib.pyplot as plt
import numpy

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "freeinit"  # the same figures, the same file
matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text, not outlines
CHEAP = 1.97  # the cost at which the plot of gains breaks: half of the methods lie close together below


def label(axes, points):
    """Names beside points (y, x, name), from the lowest up; one that would cover another moves up."""
    width, height = 0.3 * numpy.ptp(axes.get_xlim()), 0.024 * numpy.ptp(axes.get_ylim())
    taken = []
    for y, x, name in points:
        at = y
        while any(abs(at - b) < height and abs(x - a) < width for a, b in taken):
            at += height / 4
        taken.append((x, at))
        axes.annotate(name, (x, y), (x + 0.02 * numpy.ptp(axes.get_xlim()), at), fontsize=6, verticalalignment="center",
                      arrowprops={"arrowstyle": "-", "linewidth": 0.3, "color": "gray", "relpos": (0, 0.5)})


def plot_cost(results, path):
    """Gain against cost of what ran on half of the prompts or more: a point a configuration, with its interval, and a
    line with a band through those that are steps of one method (`curves` of the plan)."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 5.5), sharey=True, width_ratios=[3, 2])
    points = {}
    for index, group in enumerate(results.plan["groups"]):
        for name in group["configurations"]:
            if name in results.summary and name != results.plan["plain"] and results.is_broad(name):
                gain = results.share_of_gain(name)
                if gain is None:
                    continue
                points[name] = (results.cost(name), gain["mean"], *gain["interval"], f"C{index}")
    halves = [{name: point for name, point in points.items() if (point[0] <= CHEAP) == cheap}
              for cheap in (True, False)]
    for axes, inside in zip(panels, halves):
        for x, y, low, high, colour in inside.values():
            axes.errorbar(x, y, yerr=[[max(0, y - low)], [max(0, high - y)]], fmt="o", markersize=4, capsize=2, color=colour)
        for curve in results.plan["curves"]:
            steps = [inside[name] for name in curve if name in inside]
            if len(steps) > 1:
                x, y, low, high, colours = zip(*steps)
                axes.plot(x, y, color=colours[0], linewidth=1)
                axes.fill_between(x, low, high, color=colours[0], alpha=0.15)
        axes.margins(x=0.15)
        axes.axhline(0.95, color="gray", linewidth=0.7, linestyle=":")
    panels[0].axvline(1.15, color="gray", linewidth=0.7, linestyle=":")
    panels[0].set_xlim(right=2.35)  # room for names
    panels[1].set_xlim(right=6.8)
    for axes, inside in zip(panels, halves):  # once the limits are final
        label(axes, sorted((point[1], point[0], name) for name, point in inside.items()))
    for index, group in enumerate(results.plan["groups"]):
        panels[1].plot([], [], "o", color=f"C{index}", label=group["title"])
    panels[1].legend(fontsize=8)
    figure.supxlabel("network calls, plain sampling = 1", fontsize=9)
    panels[0].set_ylabel(f"share of the gain of {results.plan['reference']}" + (
        f", {results.gain.replace('_', ' ')}" if len(results.plan["gains"]) > 1 else ""))
    save(figure, path)


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
