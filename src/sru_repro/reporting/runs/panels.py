"""The panels that pictures of tables are made of: rows ranked beside the paper's, and learning curves with bands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from ...core.palette import GREY, colour, ink, styles
from ..labels import End, folded, label_ends, measured
from ..limits import bulk, mark_beyond, padded
from ..statistics import interval
from . import cells
from .line import Line
from .records import Metric, metric_head

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = Sequence[tuple[float, float]]
SMALL = 13.0
"""Points, of numbers and of names in a panel with many rows."""
_MOST = 200
"""Points of a curve, which the width can show."""
_FEW = 10
"""Rows of which a name may have two lines."""
_LIFT = 0.24
"""How far above a row's own line the paper's mark stands at most, and single runs below."""


@dataclass(frozen=True)
class Curve:
    """How a row learned: of each run its validations, as (time or epochs, figure in the units of the table).

    `name` and `model` give the colour (see `palette`); `detail` stands in grey beneath the label.
    """

    label: str
    name: str
    model: str
    runs: Sequence[Points]
    detail: str = ""


def ranked(lines: Sequence[Line]) -> list[Line]:
    """The rows that have a mean, the best first."""
    known = [line for line in lines if line.runs and not line.mixed]
    return sorted(known, key=lambda line: line.mean * (1 if line.metric.lower_is_better else -1))


def ranking(axes: "Axes", lines: Sequence[Line], *, numbers: bool = True) -> None:
    """Per row our mean with its 95 % interval, every run as a dot, the paper's number as a hollow diamond.

    Dots, not bars: the axis need not begin at zero, which would hide what a tenth of a bit is about.

    Args:
        lines: rows with a mean, as `ranked` gives them; the first on top.
        numbers: whether means stand in columns at the right.
    """
    from matplotlib.ticker import MaxNLocator

    spans, lift = [_span(line) for line in lines], min(_LIFT, 0.04 * len(lines))
    papers = [line.paper_number[0] for line in lines if line.paper_number]
    seen = [
        *papers,
        *(value for line in lines for value in line.values),
        *(end for span in spans for end in span),
    ]
    low, high = padded(*bulk(seen))
    for place, (line, (left, right)) in enumerate(zip(lines, spans, strict=True)):
        own = colour(line.name, line.model)
        axes.plot([left, right], [place, place], color=own, lw=2.4, solid_capstyle="butt")
        _dot(axes, line.mean, place, low, high, marker="o", ms=9, color=own, zorder=3)
        for value in line.values if len(line.values) > 1 else ():
            _dot(axes, value, place + lift, low, high, marker="o", ms=4, color=own, alpha=0.7, mew=0)
        if line.paper_number:
            mark = {"marker": "D", "ms": 7, "mfc": "white", "mec": GREY, "color": GREY}
            _dot(axes, line.paper_number[0], place - lift, low, high, **mark)
    axes.set_xlim(low, high)
    names = _names([line.label for line in lines], 22)
    letters = min(SMALL, 280 / len(lines) / (2 if any("\n" in name for name in names) else 1))
    axes.set_yticks(range(len(lines)), names, fontsize=letters)
    for text, line in zip(axes.get_yticklabels(), lines, strict=True):
        text.set_color(ink(colour(line.name, line.model)))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5 if numbers else 3, steps=[1, 2, 5, 10]))
    axes.grid(axis="x")
    axes.grid(axis="y", ls=":")
    axes.set_title(_title(metric_head(lines[0].runs[0].headline), lines[0].metric))
    if numbers:
        _columns(axes, lines, letters)


def curves(axes: "Axes", rows: Sequence[Curve], metric: Metric, along: str, *, named: bool = True) -> None:
    """The validation metric along time or epochs: the mean over runs, and a band from the lowest to the highest.

    Limits leave out how the curves begin, and few figures far from all others, which are marked at the edge. Perplexity
    has a logarithmic axis.

    Args:
        rows: without runs there is no curve.
        along: the name of the x axis.
        named: whether labels stand at the ends.
    """
    from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter

    looks = styles([(row.name, row.model) for row in rows])
    drawn = [(row, *look) for row, look in zip(rows, looks, strict=True) if row.runs]
    if not drawn:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no validation was recorded", ha="center", transform=axes.transAxes)
        return
    logarithmic = metric.name == "perplexity"
    longest = max(points[-1][0] for row, *_ in drawn for points in row.runs)
    late, ends = [], []
    names = _names([row.label for row, *_ in drawn], 26)
    for name, (row, own, dashes) in zip(names, drawn, strict=True):
        steps = list(zip(*row.runs, strict=False))
        at = [fmean(x for x, _ in step) for step in steps]
        mean = [fmean(y for _, y in step) for step in steps]
        if len(row.runs) > 1:
            edges = [[pick(y for _, y in step) for step in steps] for pick in (min, max)]
            lower, upper = map(_thin, edges)
            axes.fill_between(_thin(at), lower, upper, color=own, alpha=0.16, lw=0)
        dot = "o" if len(mean) <= 14 else ""
        axes.plot(
            _thin(at), _thin(mean), color=own, lw=2.2, ls=dashes, marker=dot, ms=4.5, solid_capstyle="round"
        )
        ends.append(End(name, own, at[-1], mean[-1], row.detail))
        # What comes first, far from where the curves part, would flatten all the rest: most of all where it falls
        # from eight bits to two.
        since = 0.25 if metric.lower_is_better else 0.1
        late += [(x, y, own) for points in row.runs for x, y in points if x >= since * points[-1][0]]
    to, back = (math.log, math.exp) if logarithmic else (float, float)
    low, high = padded(*bulk([to(y) for *_, y, _ in late]))
    if logarithmic:
        axes.set_yscale("log")
    axes.set_ylim(back(low), back(high))
    axes.set_xlim(0, longest * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.grid()
    axes.set_xlabel(along)
    axes.set_title(_title(f"validation {metric.name}", metric) + (", logarithmic" if logarithmic else ""))
    beyond = {own: (x, y, own) for x, y, own in late if not back(low) <= y <= back(high)}  # one a row
    mark_beyond(axes, list(beyond.values()), lambda y: cells.number(y, None, metric), SMALL)
    if named:
        label_ends(axes, ends, SMALL)


def _span(line: Line) -> tuple[float, float]:
    """The 95 % interval of the mean; of one run, and of two, whose interval is twelve deviations wide, nothing."""
    half = interval(line.values)[1] if len(line.values) > 2 else None
    return line.mean - (half or 0.0), line.mean + (half or 0.0)


def _dot(axes: "Axes", x: float, y: float, low: float, high: float, **look: object) -> None:
    """A mark, or beyond the limits an arrow at the edge."""
    if not low <= x <= high:
        x, look = (high, {**look, "marker": ">"}) if x > high else (low, {**look, "marker": "<"})
        look["ms"] = 9
    axes.plot([x], [y], ls="", clip_on=False, **look)  # type: ignore[arg-type]


def _columns(axes: "Axes", lines: Sequence[Line], letters: float) -> None:
    """Our numbers, and the paper's, at the right of each row."""
    metric = lines[0].metric
    own = [cells.number(line.mean, line.deviation, metric) for line in lines]
    column, inks = [own], ["black"]
    if any(line.paper_number for line in lines):
        column.append([paper_number(line) for line in lines])
        inks.append(GREY)
    right = 10.0
    for texts, head, shade in zip(column, ("ours", "paper"), inks, strict=False):
        for place, text in enumerate(texts):
            _beside(axes, text, (1, place), (right, 0), letters, shade)
        if len(column) > 1:
            _beside(axes, head, (1, -0.5), (right, 9), letters, shade)
        right += max(measured(text, letters) for text in (*texts, head)) + 12


def paper_number(line: Line) -> str:
    """The paper's mean, with a mark where its source could not be checked; "" where it has none."""
    if line.paper_number is None:
        return ""
    doubt = "?" * bool(cells.unconfirmed(line, "metric"))
    return cells.paper_text(line.paper_number[0], None, line.metric) + doubt


def _beside(
    axes: "Axes", text: str, at: tuple[float, float], shift: tuple[float, float], letters: float, shade: str
) -> None:
    axes.annotate(
        text,
        at,
        shift,
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        va="center",
        fontsize=letters,
        color=shade,
        annotation_clip=False,
    )


def _names(labels: Sequence[str], most: int) -> list[str]:
    """Labels of rows: long ones in two lines, where there is room for them."""
    return [folded(label, most) for label in labels] if len(labels) <= _FEW else list(labels)


def _title(what: str, metric: Metric) -> str:
    return what + (", lower is better" if metric.lower_is_better else "")


def _thin(values: Sequence[float]) -> list[float]:
    """Every so many of a long curve, and the last."""
    step = -(-len(values) // _MOST)
    return [*values[:-1:step], values[-1]]
