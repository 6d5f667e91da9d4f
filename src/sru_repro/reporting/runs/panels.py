"""The panels that pictures are made of: numbers beside the paper's, learning curves."""

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from . import cells
from .costs import clock
from .records import Record, metric_head
from .sections import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart by colour-blind readers; their yellow is too pale for lines on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31", "#7F7F7F")
GREY = "#555555"


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
            dev, colour = line.deviation or 0.0, _colour(place)
            axes.errorbar(line.mean, place - lift, xerr=dev, fmt="o", color=colour, markersize=9, capsize=3)
            if len(line.values) > 1:
                heights = [place - lift - 0.21] * len(line.values)
                axes.scatter(line.values, heights, s=14, color=colour, alpha=0.6, lw=0)
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


def curves(axes: "Axes", lines: Sequence[Line]) -> None:
    """The validation metric against training time, a thin line per seed and the mean over seeds."""
    metric = next(line.metric for line in lines if line.runs)
    key = f"val/{next(line.runs[0]['headline'] for line in lines if line.runs).rpartition('/')[2]}"
    curves = {
        place: found
        for place, line in enumerate(lines)
        if (found := [points for run in line.runs if (points := _points(run, key, metric.scale))])
    }
    if not curves:
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"no {key} was recorded", ha="center", transform=axes.transAxes)
        return
    longest = max(points[-1][0] for found in curves.values() for points in found)
    unit, seconds = clock(longest)
    ends, shown = [], []
    for place, found in curves.items():
        if len(found) > 1:
            for points in found:
                axes.plot(*_xy(points, seconds), color=_colour(place), lw=0.8, alpha=0.4)
        steps = list(zip(*found, strict=False))
        mean = [(fmean(x for x, _ in step), fmean(y for _, y in step)) for step in steps]
        dot = "o" if len(mean) <= 12 else ""
        (curve,) = axes.plot(*_xy(mean, seconds), color=_colour(place), lw=2.4, ls=_dashes(place))
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
    _label_ends(axes, [(lines[place].label, _colour(place), x, y) for place, x, y in ends])


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
    for (label, colour, x, y), height in zip(ordered, heights, strict=True):
        axes.annotate(
            label,
            xy=(x, y),
            xytext=(1.035, height),
            textcoords="axes fraction",
            va="center",
            color=_ink(colour),
            fontsize=_letters(len(ends)),
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.8, "alpha": 0.5, "relpos": (0, 0.5)},
        )


def _beside(axes: "Axes", text: str, x: float, y: float, colour: str) -> None:
    axes.annotate(text, (x, y), (7, 0), textcoords="offset points", va="center", fontsize=11, color=colour)


def _metric_name(lines: Sequence[Line]) -> str:
    first = next(line for line in lines if line.runs)
    name = metric_head(first.runs[0]["headline"])
    return name + (", lower is better" if first.metric.lower_is_better else "")


def _points(run: Record, key: str, scale: float) -> list[tuple[float, float]]:
    """(seconds, metric) of the epochs that have it."""
    return [(epoch["wall_s"], epoch[key] * scale) for epoch in run["epochs"] if epoch.get(key) is not None]


def _xy(points: Sequence[tuple[float, float]], seconds: float) -> tuple[list[float], list[float]]:
    return [x / seconds for x, _ in points], [y for _, y in points]


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _dashes(place: int) -> str:
    """Where colours begin again, lines are broken."""
    return ("-", "--", ":", "-.")[place // len(_COLOURS) % 4]


def _letters(rows: int) -> float:
    """The size of letters that leaves room between the names of so many rows in a panel."""
    return min(13.0, 230 / rows)


def _ink(colour: str) -> str:
    """The colour, dark enough for letters on white."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = to_rgb(colour)
    return to_hex((0.72 * red, 0.72 * green, 0.72 * blue))
