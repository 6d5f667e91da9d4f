"""The picture of one GPU, `results/cuda-<gpu>-<date>.png`.

Above: the recurrence against the speed of a copy, by itself and as Python calls it; and the papers' claim, SRU against
the fastest nn.LSTM, in a plain loop and as graphs. Below: what the trainings came to over wall clock, runs that shared
the GPU apart from those that had it alone. Panels without data are left out.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from ...core.palette import GREY, colour
from ...records.gpu_manifest import SECTIONS
from ...records.gpu_page import FinishedRun, FoundRuns
from ..bench.speed_figure import times_axis, two_lines
from ..bench.speed_tables import against_lstm, fastest_lstm
from ..canvas import canvas, save
from ..runs.panels import Curve, curves
from ..runs.records import metric_of
from .claims import COLUMNS, COPY_SHARE, KERNELS, PAPER_TIMES, PASSES, WAYS, copy_share, kernels, recurrences
from .pages import GPUCheck

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_WIDTH, _ABOVE, _BELOW, _AROUND = 1600, 560, 460, 150
"""Pixels: of the picture, of a row of panels above and below, of what stands around them."""
_DOTS = {"bfloat16": "o", "float32": "s"}
_DASHES = {"bfloat16": "-", "float32": "--"}


class Share(NamedTuple):
    """A pass of the recurrence against a copy; `whose` is "sru" or "authors", `what` the pass."""

    whose: str
    what: str
    dtype: str
    columns: int
    share: float


class Faster(NamedTuple):
    """SRU at a shape, times as fast as the fastest nn.LSTM, and which that is."""

    shape: str
    mode: str
    times: float
    peer: str


def write_gpu_figure(check: GPUCheck, out: Path) -> bool:
    """Draws one GPU to a PNG; the same pages give the same bytes. False where there is nothing to draw."""
    figure = draw_gpu_figure(check)
    if figure is not None:
        save(figure, out)
    return figure is not None


def draw_gpu_figure(check: GPUCheck) -> "Figure | None":
    """The picture itself; None where there is nothing to draw."""
    known = {"the kernel": _kernels(check), "a call from Python": _calls(check)}
    shares = {title: found for title, found in known.items() if found}
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
    source = "means of calls back to back, by probes" if check.by_probes else "medians of interleaved rounds"
    notes = [
        "Share of a copy: the bytes that the recurrence must move, in its time, against the speed at which this GPU "
        "copies. Columns: features of all sequences of a batch. Filled: bfloat16; hollow: float32. Against LSTM: SRU "
        f"in bfloat16 and nn.LSTM in its fastest type, called alike; {source}."
    ] * above
    if trained:
        notes.append(
            "Trainings in mixed bfloat16. Runs side by side share the GPU: their curves compare with each other only."
        )
    notes[-1] += f" torch {', '.join(sorted({piece.measured.torch for piece in check.pieces()}))}."
    return notes


def _above(part: "SubFigure", shares: dict[str, list[Share]], shapes: Sequence[Faster]) -> None:
    """A panel for the kernel's share of a copy and one for the calls', and one of whole models."""
    widths = [1.0] * len(shares) + [1.7] * bool(shapes)
    panels = list(part.subplots(1, len(widths), squeeze=False, gridspec_kw={"width_ratios": widths})[0])
    for title, found in shares.items():
        _recurrence(panels.pop(0), title, found)
    if shapes:
        _against_lstm(panels.pop(0), shapes)


def _kernels(check: GPUCheck) -> list[Share]:
    """Both passes as section `tune` timed them, launched as the suite does."""
    return [
        Share("sru", KERNELS[row.kernel], row.dtype, row.columns, share) for row, share, _ in kernels(check)
    ]


def _calls(check: GPUCheck) -> list[Share]:
    """Forward and backward together, ours and the authors'."""
    return [
        Share(whose, PASSES["training"], entry.dtype, entry.columns, share)
        for entry, ours, theirs in recurrences(check)
        for whose, row in (("sru", ours), ("authors", theirs))
        if row and (share := copy_share(row, "training", check.rates)) is not None
    ]


def _recurrence(axes: "Axes", title: str, found: Sequence[Share]) -> None:
    """A dot a shape, and a line through the medians at each number of columns."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

    series: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        series[one.whose, one.what, one.dtype][one.columns].append(one.share)
    for (whose, what, dtype), points in sorted(series.items(), reverse=True):
        own, dot = colour("sru-32" if what == KERNELS["backward"] else whose), _DOTS.get(dtype, "D")
        inside = own if dtype == "bfloat16" else "white"
        dots = [(number, share) for number, several in points.items() for share in several]
        axes.plot(*zip(*dots, strict=True), ls="", color=own, marker=dot, ms=6, mfc=inside, mec=own)
        middle = [(number, median(several)) for number, several in sorted(points.items())]
        named = (
            what if whose == "sru" and "+" not in what else "this suite" if whose == "sru" else "the authors"
        )
        axes.plot(
            *zip(*middle, strict=True),
            ls=_DASHES.get(dtype, ":"),
            lw=1.6,
            label=f"{named}, {dtype}",
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
    axes.set_ylim(0, max(1.0, 1.05 * max(one.share for one in found)))
    axes.xaxis.set_major_locator(FixedLocator(known))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _count(value)))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid()
    both = ", forward+backward" if all("+" in one.what for one in found) else ""
    axes.set_title(f"{title}{both}:\nshare of a copy (dotted: {COPY_SHARE:.0%})")
    axes.set_xlabel("columns, B·D (k = 1,024, M = k²)")
    axes.legend(loc="upper left", bbox_to_anchor=(-0.1, -0.16), frameon=False, fontsize=10, labelspacing=0.25)


def _count(value: float) -> str:
    return f"{value / 2**20:g}M" if value >= 2**20 else f"{value / 2**10:g}k"


def _shapes(check: GPUCheck) -> list[Faster]:
    """Of a check that has no graphs, plain calls."""
    plain = check.speed.shapes if check.speed else ()
    dtype = min((entry.dtype for entry in plain), default="")
    entries = check.graphed or [entry for entry in plain if entry.dtype == dtype]
    return [
        Faster(entry.label, mode, times, fastest_lstm(entry, mode))
        for entry in entries
        for mode in WAYS
        if not entry.stepwise and (times := against_lstm(entry, entry.row("sru"), mode))
    ]


def _against_lstm(axes: "Axes", found: Sequence[Faster]) -> None:
    """The papers' claim: a line a shape, SRU as a plain loop calls it and as a graph, each beside the fastest LSTM."""
    places = {shape: place for place, shape in enumerate(dict.fromkeys(one.shape for one in found))}
    own = colour("sru")
    for one in found:
        graph = one.mode == "graph_training"
        place = places[one.shape] + (0.2 if graph else -0.2)
        axes.scatter(
            one.times, place, s=64, facecolor=own if graph else "white", edgecolor=own, lw=1.4, zorder=3
        )
        text = f"{one.times:.1f}×  {one.peer.removeprefix('nn.LSTM, ').removesuffix(', as a graph')}"
        axes.annotate(
            text,
            (one.times, place),
            (9, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
        )
    axes.axvspan(*PAPER_TIMES, color=GREY, alpha=0.13, lw=0, zorder=0)
    axes.axvline(1.0, color=colour("lstm"), lw=1.8, zorder=1)
    axes.set_yticks(range(len(places)), list(map(two_lines, places)), fontsize=10)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(places) - 0.5, -0.5)
    shown = [1.0, *PAPER_TIMES, *(one.times for one in found)]
    times_axis(axes, min(shown) * 0.85, max(shown) * 2.2)
    axes.set_title("SRU, forward+backward: times as fast as\nthe fastest nn.LSTM, whose type is named")
    for mode, inside in (("training", "white"), ("graph_training", own)):
        axes.scatter([], [], s=64, facecolor=inside, edgecolor=own, lw=1.4, label=f"both {WAYS[mode]}")
    axes.fill_between([], [], color=GREY, alpha=0.13, lw=0, label="the papers: 5 to 9×")
    axes.legend(
        loc="upper right", bbox_to_anchor=(1.0, -0.06), ncols=3, frameon=False, fontsize=10, handletextpad=0.3
    )


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
