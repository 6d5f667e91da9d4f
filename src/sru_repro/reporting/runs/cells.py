"""Single cells of a table, as text: our numbers, the paper's, sizes, seeds."""

from statistics import fmean

from ..document import NONE
from ..statistics import deviation
from .line import Line, printed
from .records import FOLDS, Metric, metric_of
from .verdict import digits

NOT_RUN = "not run"


def measured(line: Line) -> str:
    """Our mean ± deviation and the number of runs."""
    if not line.runs:
        return NOT_RUN
    if line.mixed:
        return f"{NONE} (runs on different states of the data)"
    complete = f"{len(line.seeds)} × {FOLDS} folds" if line.folded else f"n={len(line.runs)}"
    told = "; ".join(filter(None, (line.missing_folds or complete, line.runs[0].caveat)))
    return f"{number(line.mean, line.deviation, line.metric)} ({told})"


def paper(line: Line, metric: Metric) -> str:
    """The paper's mean ± deviation, marked when its source could not be checked."""
    if line.paper_number is None:
        return NONE
    return paper_text(*line.paper_number, metric) + unconfirmed(line, "metric")


def measured_beside(line: Line, name: str) -> str:
    """Our mean ± deviation in a metric that stands beside the headline."""
    if not line.runs or line.mixed:
        return NONE
    metric, key = metric_of(name), f"{line.runs[0].headline.rpartition('/')[0]}/{name}"
    values = [run.metrics[key] * metric.scale for run in line.runs if key in run.metrics]
    if not values:
        return NONE
    return number(fmean(values), deviation(values), metric)


def paper_beside(line: Line, name: str) -> str:
    """The paper's mean ± deviation in a metric that stands beside the headline."""
    found = printed(line.paper.beside(name))
    return NONE if found is None else paper_text(*found, metric_of(name)) + unconfirmed(line, name)


def unconfirmed(line: Line, key: str) -> str:
    """The mark of a number of the paper's whose source could not be checked."""
    return " (unconfirmed)" if line.paper.doubted(key) else ""


def paper_text(mean: float, dev: float | None, metric: Metric) -> str:
    """The paper's mean ± deviation with the digits that it prints, which may be fewer than ours."""
    places = digits(mean, metric.paper_decimals)
    return f"{mean:.{places}f}" if dev is None else f"{mean:.{places}f} ± {dev:.{places}f}"


def number(mean: float, dev: float | None, metric: Metric) -> str:
    """Mean ± deviation with the metric's decimals."""
    text = f"{mean:.{metric.decimals}f}"
    return text if dev is None else f"{text} ± {dev:.{metric.decimals}f}"


def seeds(line: Line) -> str:
    """The seeds, as a list."""
    return ", ".join(map(str, line.seeds)) or NONE


def paper_size(line: Line) -> str:
    """Parameters as the paper tells them."""
    size = line.paper.parameters
    return rounded(size) + (unconfirmed(line, "parameters") if size else "")


def rounded(value: int | None) -> str:
    """A size as the papers print it, 204k, 2.4m or 37m, or in full where it is known so."""
    if not value or value % 1000:
        return count(value)
    return f"{value // 1000}k" if value < 1_000_000 or value % 100_000 else f"{value / 1_000_000:g}m"


def count(value: float | None) -> str:
    """A whole number with thousands commas."""
    return NONE if value is None else f"{value:,.0f}"
