"""The picture of one GPU, `results/cuda-<gpu>-<date>.png`.

Above: the recurrence against the speed of a copy, and whole models against nn.LSTM. Below: what the trainings came to
over wall clock, runs that shared the GPU apart from those that had it alone. Panels without data are left out.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from ...records.gpu_manifest import SECTIONS
from ...records.gpu_page import FinishedRun, FoundRuns
from ..bench.speed_figure import OURS, marker, name_dots, times_axis, two_lines
from ..bench.speed_tables import MODES, against_lstm
from ..canvas import canvas, save
from ..palette import GREY, colour
from ..runs.panels import Curve, curves
from ..runs.records import metric_of
from .claims import COLUMNS, COPY_SHARE, LSTM_TIMES, PASSES, copy_share, recurrences
from .pages import GPUCheck

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_WIDTH, _ABOVE, _BELOW, _AROUND = 1600, 560, 460, 150
"""Pixels: of the picture, of a row of panels above and below, of what stands around them."""
_DOTS = {"bfloat16": "o", "float32": "s"}
_DASHES = {"bfloat16": "-", "float32": "--"}


class Share(NamedTuple):
    """A recurrence against a copy; `whose` is "sru" or "authors"."""

    whose: str
    dtype: str
    columns: int
    share: float


class Faster(NamedTuple):
    """A model at a shape, times as fast as nn.LSTM."""

    shape: str
    dtype: str
    contender: str
    label: str
    times: float


def write_gpu_figure(check: GPUCheck, out: Path) -> bool:
    """Draws one GPU to a PNG; the same pages give the same bytes. False where there is nothing to draw."""
    figure = draw_gpu_figure(check)
    if figure is not None:
        save(figure, out)
    return figure is not None


def draw_gpu_figure(check: GPUCheck) -> "Figure | None":
    """The picture itself; None where there is nothing to draw."""
    shares = {mode: found for mode in MODES if (found := _shares(check, mode))}
    shapes, trained = _shapes(check), _trained(check)
    heights = [_ABOVE] * bool(shares or shapes) + [_BELOW] * math.ceil(len(trained) / 2)
    if not heights:
        return None
    notes = _notes(check, bool(shares or shapes), bool(trained))
    with canvas(_WIDTH, sum(heights) + _AROUND, f"CUDA: {check.title}", notes) as figure:
        parts = [row[0] for row in figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)]
        if shares or shapes:
            _above(parts.pop(0), shares, shapes)
        for place, part in enumerate(parts):
            for axes, panel in zip(part.subplots(1, 2), (*trained[2 * place :], None), strict=False):
                if panel is None:
                    axes.set_axis_off()
                else:
                    panel(axes)
    return figure


def _notes(check: GPUCheck, above: bool, trained: bool) -> list[str]:
    """What the signs mean; what the trainings' time is."""
    notes = [
        "Medians of interleaved rounds in one process. Share of a copy: the bytes that the recurrence must move, in "
        "its time, against the speed at which this GPU copies. Columns: features of all sequences of a batch, B·D. "
        "Filled: bfloat16; hollow: float32. nn.LSTM is cuDNN's, padded, on its fastest path, the blue line."
    ] * above
    if trained:
        notes.append(
            "Trainings in mixed bfloat16. Runs side by side share the GPU: their curves compare with each other only."
        )
    notes[-1] += f" torch {', '.join(sorted({piece.measured.torch for piece in check.pieces()}))}."
    return notes


def _above(part: "SubFigure", shares: dict[str, list[Share]], shapes: Sequence[Faster]) -> None:
    """A panel for each pass of the recurrence, and one of whole models."""
    widths = [1.0] * len(shares) + [1.7] * bool(shapes)
    panels = list(part.subplots(1, len(widths), squeeze=False, gridspec_kw={"width_ratios": widths})[0])
    highest = max((one.share for found in shares.values() for one in found), default=0.0)
    for place, (mode, found) in enumerate(shares.items()):
        _recurrence(panels.pop(0), mode, found, highest, first=not place)
    if shapes:
        _against_lstm(panels.pop(0), shapes)


def _shares(check: GPUCheck, mode: str) -> list[Share]:
    return [
        Share(whose, entry.dtype, entry.columns, share)
        for entry, ours, theirs in recurrences(check)
        for whose, row in (("sru", ours), ("authors", theirs))
        if row and (share := copy_share(row, mode, check.rates)) is not None
    ]


def _recurrence(axes: "Axes", mode: str, found: Sequence[Share], highest: float, first: bool) -> None:
    """A dot a shape, and a line through the medians at each number of columns."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

    series: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        series[one.whose, one.dtype][one.columns].append(one.share)
    for (whose, dtype), points in sorted(series.items(), reverse=True):
        own, dot = colour(whose), _DOTS.get(dtype, "D")
        inside = own if dtype == "bfloat16" else "white"
        dots = [(number, share) for number, several in points.items() for share in several]
        axes.plot(*zip(*dots, strict=True), ls="", color=own, marker=dot, ms=6, mfc=inside, mec=own)
        middle = [(number, median(several)) for number, several in sorted(points.items())]
        axes.plot(
            *zip(*middle, strict=True),
            ls=_DASHES.get(dtype, ":"),
            lw=1.6,
            label=f"{'this suite' if whose == 'sru' else 'the authors'}, {dtype}",
            color=own,
            marker=dot,
            ms=6,
            mfc=inside,
            mec=own,
        )
    axes.axhline(COPY_SHARE, color=GREY, lw=1.2, ls=":", zorder=1)
    known = sorted({one.columns for one in found} | {COLUMNS})
    axes.set_xscale("log", base=2)
    axes.set_xlim(known[0] / 1.3, known[-1] * 1.3)
    axes.set_ylim(0, max(1.0, 1.05 * highest))
    axes.annotate(
        f"{COPY_SHARE:.0%} asked from {COLUMNS:,} on",
        xy=(0.02, COPY_SHARE),
        xycoords=axes.get_yaxis_transform(),
        xytext=(0, 4),
        textcoords="offset points",
        fontsize=10,
        color=GREY,
    )
    axes.xaxis.set_major_locator(FixedLocator(known))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1024:g}k"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid()
    axes.set_title(f"recurrence, {PASSES[mode]}: share of a copy")
    axes.set_xlabel("columns, B·D (k = 1,024)")
    axes.tick_params(labelleft=first)
    if first:  # one legend for both
        corner = (-0.05, -0.16)
        axes.legend(
            loc="upper left", bbox_to_anchor=corner, ncols=2, frameon=False, fontsize=10, borderaxespad=0
        )


def _shapes(check: GPUCheck) -> list[Faster]:
    return [
        Faster(entry.label, entry.dtype, row.contender or "", row.label, times)
        for entry in (check.speed.shapes if check.speed else ())
        for row in entry.rows
        if not entry.stepwise and row.contender != "lstm" and (times := against_lstm(entry, row, "training"))
    ]


def _against_lstm(axes: "Axes", found: Sequence[Faster]) -> None:
    """A line a shape and type, a dot a model: forward and backward, times as fast as nn.LSTM."""
    places = {shape: place for place, shape in enumerate(dict.fromkeys(one.shape for one in found))}
    several = len({one.dtype for one in found}) > 1
    for one in found:
        own, ours, sru = colour(one.contender), one.contender in OURS, one.contender == "sru"
        place = places[one.shape] + 0.21 * several * (-1 if one.dtype == "bfloat16" else 1)
        axes.scatter(
            one.times,
            place,
            s=64 if sru else 34,
            facecolor=own if one.dtype == "bfloat16" else "white",
            edgecolor=own,
            marker=marker(one.contender),
            linewidth=1.4,
            zorder=3 + ours,
        )
        if sru:
            end = max(other.times for other in found if other[:2] == one[:2])
            text, where = f"SRU {one.times:.1f}×", (end, place)
            axes.annotate(
                text, where, (10, 0), textcoords="offset points", va="center", color=own, fontsize=10
            )
    for value, line, dashes in ((1.0, colour("lstm"), "-"), (LSTM_TIMES, GREY, ":")):
        axes.axvline(value, color=line, lw=1.8, ls=dashes, zorder=1)
    axes.set_yticks(range(len(places)), list(map(two_lines, places)), fontsize=10)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(places) - 0.5, -0.5)
    shown = [1.0, LSTM_TIMES, *(one.times for one in found)]
    times_axis(axes, min(shown) * 0.85, max(shown) * 1.6)
    dtype = "" if several else f", {found[0].dtype}"
    axes.set_title(f"forward+backward, times as fast as nn.LSTM{dtype}")
    name_dots(axes, {one.contender: one.label for one in found}, (1.0, -0.06), columnspacing=1.0)


def _trained(check: GPUCheck) -> list[Callable[["Axes"], None]]:
    """A panel for each training section, runs side by side before those that had the GPU to themselves."""
    panels = []
    for section in SECTIONS:
        groups = [piece.values for piece in check.pieces(section) if isinstance(piece.values, FoundRuns)]
        for how in ("side by side", "one at a time"):
            alone = how == "one at a time"
            runs = [run for group in groups if (group.side_by_side == 1) == alone for run in group.finished]
            if drawn := [run for run in runs if _points(run)]:
                panels.append(_panel(f"{section}, {how}", drawn))
    return panels


def _panel(title: str, runs: Sequence[FinishedRun]) -> Callable[["Axes"], None]:
    def draw(axes: "Axes") -> None:
        curves(axes, runs[0].headline, [Curve(run.label, run.row, "", [_points(run)]) for run in runs])
        axes.set_title(f"{title}: {axes.get_title(loc='left')}")

    return draw


def _points(run: FinishedRun) -> list[tuple[float, float]]:
    """(seconds of training, figure) at every validation, without what has diverged."""
    key, scale = f"val/{run.headline.rpartition('/')[2]}", metric_of(run.headline).scale
    found = [(epoch.get("wall_s"), epoch.get(key)) for epoch in run.epochs]
    return [(float(x), y * scale) for x, y in found if x is not None and y is not None and math.isfinite(y)]
