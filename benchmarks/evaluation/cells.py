"""Figures as cells of tables."""

SHARES = ("relative change", "share of the gain", "share of the gap")  # shown in percent


def number(value, digits):
    return f"{value:.{digits}f}"


def with_interval(figure, digits, sign=False):
    low, high = figure["interval"]
    mark = "+" if sign else ""
    return f"{figure['mean']:{mark}.{digits}f} [{low:{mark}.{digits}f}, {high:{mark}.{digits}f}]"


def percent(figure, sign=False):
    low, high = (100 * bound for bound in figure["interval"])
    mark = "+" if sign else ""
    return f"{100 * figure['mean']:{mark}.0f} % [{low:{mark}.0f}, {high:{mark}.0f}]"


def cell(found, column):
    """What a column of the plan shows of a configuration: nothing of a share that is not there. A share that was taken
    on fewer prompts than the configuration has says so."""
    figure, of = found[column["of"]].get(column["figure"]), column["of"]
    if figure is None:
        return ""
    if of in SHARES:
        fewer = f", n {figure['count']}" if figure["count"] < found["count"] else ""
        return percent(figure, sign=of == "relative change") + fewer
    return with_interval(figure, column["digits"], sign=of == "change")


def is_clear(figure):
    """Whether the interval is clear of 0."""
    low, high = figure["interval"]
    return low > 0 or high < 0
