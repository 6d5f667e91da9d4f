"""The panels that pictures are made of: numbers beside the paper's, learning curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from ...core.palette import GREY, colour, styles
from . import cells
from .costs import clock
from .line import Line
from .records import metric_head, metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Curve:
    """How a row learned: of each run, (seconds of training, figure in the units of the table) at every validation.

    `name` and `model` give the colour (see `palette`); without runs there is no curve.
    """

    label: str
    name: str
    model: str
    runs: Sequence[Sequence[tuple[float, float]]]


def numbers(axes: "Axes", lines: Sequence[Line], room: float = 0.12) -> None:
    """Per row our mean with its deviation, every run as a dot, and the paper's number as a hollow diamond.

    Dots, not bars: the axis need not begin at zero, which would hide what a tenth of a bit is about.
    """
    from matplotlib.ticker import MaxNLocator

    metric = next(line.metric for line in lines if line.runs)
    fine = metric.decimals > 1  # longer numbers
    lift = 0.12 if any(line.paper_number for line in lines) else 0.0  # ours above, the paper's below
    for place, line in enumerate(lines):
        if line.runs and not line.mixed:
            dev, own = line.deviation or 0.0, colour(line.name, line.model)
            axes.errorbar(line.mean, place - lift, xerr=dev, fmt="o", color=own, markersize=9, capsize=3)
            if len(line.values) > 1:
                heights = [place - lift - 0.21] * len(line.values)
                axes.scatter(line.values, heights, s=14, color=own, alpha=0.6, lw=0)
            _beside(axes, cells.number(line.mean, None, metric), line.mean + dev, place - lift, "black")
        else:
            where, text = axes.get_yaxis_transform(), "mixed data" if line.runs else cells.NOT_RUN
            axes.text(0.01, place, text, transform=where, va="center", color=GREY, fontsize=11)
        if line.paper_number:
            mean, paper_dev = line.paper_number
            dev = paper_dev or 0.0
            axes.errorbar(mean, place + 0.2, xerr=dev, fmt="D", color=GREY, mfc="white", ms=8, capsize=3)
            text = cells.paper_text(mean, None, metric) + cells.unconfirmed(line, "metric")
            _beside(axes, text, mean + dev, place + 0.2, GREY)
    size = _letters(len(lines))
    axes.set_yticks(range(len(lines)), [line.label for line in lines], fontsize=size)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    low, high = axes.get_xlim()
    marked = any(line.paper_number and cells.unconfirmed(line, "metric") for line in lines)
    wide = room + 0.06 * fine + 0.24 * marked
    axes.set_xlim(low, high + wide * (high - low))  # for the number behind the last bar
    bins = 4 if room >= 0.2 else 5 if fine else 8
    axes.xaxis.set_major_locator(MaxNLocator(nbins=bins, steps=[1, 2, 5, 10]))
    axes.grid(axis="x")
    if not lift:
        axes.grid(axis="y", ls=":")  # from the name to its dot
    axes.set_title(_metric_name(lines))


def curves(axes: "Axes", headline: str, rows: Sequence[Curve]) -> None:
    """The validation metric against training time, a thin line per run and the mean over runs."""
    metric = metric_of(headline)
    curves = {place: row.runs for place, row in enumerate(rows) if row.runs}
    if not curves:
        axes.set_axis_off()
        key = f"val/{headline.rpartition('/')[2]}"
        axes.text(0.5, 0.5, f"no {key} was recorded", ha="center", transform=axes.transAxes)
        return
    looks = styles([(row.name, row.model) for row in rows])
    longest = max(points[-1][0] for found in curves.values() for points in found)
    unit, seconds = clock(longest)
    ends, shown = [], []
    for place, found in curves.items():
        own, dashes = looks[place]
        if len(found) > 1:
            for points in found:
                axes.plot(*_xy(points, seconds), color=own, lw=0.8, alpha=0.4)
        steps = list(zip(*found, strict=False))
        mean = [(fmean(x for x, _ in step), fmean(y for _, y in step)) for step in steps]
        dot = "o" if len(mean) <= 12 else ""
        (curve,) = axes.plot(*_xy(mean, seconds), color=own, lw=2.4, ls=dashes)
        curve.set(solid_capstyle="round", marker=dot, markersize=5.0)
        ends.append((place, mean[-1][0] / seconds, mean[-1][1]))
        # What comes first, far from where the curves part, would flatten all the rest: most of all where it falls
        # from eight bits to two.
        since = 0.25 if metric.lower_is_better else 0.1
        shown += [y for points in (*found, mean) for x, y in points if x >= since * points[-1][0]]
    spare = 0.06 * (max(shown) - min(shown)) or 0.1
    axes.set_ylim(min(shown) - spare, max(shown) + spare)
    axes.set_xlim(0, longest / seconds * 1.02)
    axes.grid()
    axes.set_xlabel(f"training time, {unit}")
    axes.set_title(f"validation {metric.name}" + (", lower is better" if metric.lower_is_better else ""))
    _label_ends(axes, [(rows[place].label, looks[place][0], x, y) for place, x, y in ends])


def _label_ends(axes: "Axes", ends: Sequence[tuple[str, str, float, float]]) -> None:
    """Names in a column to the right, pushed apart, each tied to the end of its curve by a hair line."""
    low, high = axes.get_ylim()
    gap = min(0.058, 1 / max(1, len(ends) - 1))
    ordered = sorted(ends, key=lambda end: end[3])
    heights: list[float] = []
    for *_, y in ordered:
        height = (y - low) / (high - low)
        heights.append(max(height, heights[-1] + gap) if heights else max(height, 0.0))
    for place in range(len(heights) - 1, -1, -1):  # and down again where the column has grown beyond the top
        roof = 1.0 if place == len(heights) - 1 else heights[place + 1] - gap
        heights[place] = min(heights[place], roof)
    for (label, own, x, y), height in zip(ordered, heights, strict=True):
        axes.annotate(
            label,
            xy=(x, y),
            xytext=(1.035, height),
            textcoords="axes fraction",
            va="center",
            color=_ink(own),
            fontsize=_letters(len(ends)),
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": own, "lw": 0.8, "alpha": 0.5, "relpos": (0, 0.5)},
        )


def _beside(axes: "Axes", text: str, x: float, y: float, colour: str) -> None:
    axes.annotate(text, (x, y), (7, 0), textcoords="offset points", va="center", fontsize=11, color=colour)


def _metric_name(lines: Sequence[Line]) -> str:
    first = next(line for line in lines if line.runs)
    name = metric_head(first.runs[0].headline)
    return name + (", lower is better" if first.metric.lower_is_better else "")


def _xy(points: Sequence[tuple[float, float]], seconds: float) -> tuple[list[float], list[float]]:
    return [x / seconds for x, _ in points], [y for _, y in points]


def _letters(rows: int) -> float:
    """The size of letters that leaves room between the names of so many rows in a panel."""
    return min(13.0, 230 / rows)


def _ink(colour: str) -> str:
    """The colour, dark enough for letters on white."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = to_rgb(colour)
    scale = min(0.72, 0.42 / (0.3 * red + 0.59 * green + 0.11 * blue + 1e-9))  # pale ones more than full ones
    return to_hex((scale * red, scale * green, scale * blue))
