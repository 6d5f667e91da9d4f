"""The picture of one card, `results/cuda-<card>-<date>.png`.

Above: the recurrence against the speed of a copy, and whole models against nn.LSTM. Below: what the trainings came to
over wall clock, runs that shared the card apart from those that had it alone. Panels without data are left out.
"""

import math
import textwrap
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from ..bench.speed_figure import COLOURS, times_axis
from ..bench.speed_tables import MODES, baseline, ratio, seconds
from ..canvas import STYLE
from ..palette import GREY
from ..runs.panels import Curve, curves
from ..runs.records import metric_of
from .claims import COLUMNS, COPY_SHARE, LSTM_TIMES, PASSES, columns, copy_share, recurrences
from .plan import SECTIONS
from .record import Ledger

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI, _WIDTH, _ABOVE, _BELOW, _AROUND = 100, 1600, 560, 460, 150
"""Pixels: of the picture, of a row of panels above and below, of what stands around them."""
_TYPES = {"bfloat16": "o", "float32": "s"}
_OURS = ("sru", "sru-v1", "qrnn")

Panel = Callable[["Axes"], None]


def write_cuda_figure(ledger: Ledger, out: Path) -> bool:
    """Draws one card to a PNG; the same pages give the same bytes. False where there is nothing to draw."""
    figure = draw_cuda_figure(ledger)
    if figure is not None:
        figure.savefig(out, dpi=_DPI, metadata={"Software": None})
    return figure is not None


def draw_cuda_figure(ledger: Ledger) -> "Figure | None":
    """The picture itself; None where there is nothing to draw."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    shares, shapes = _shares(ledger), _shapes(ledger)
    trained = _trained(ledger)
    rows = [1] * bool(shares or shapes) + [0] * math.ceil(len(trained) / 2)
    if not rows:
        return None
    heights = [_ABOVE if above else _BELOW for above in rows]
    with rc_context(STYLE | {"font.size": 12, "axes.titlesize": 13}):
        size = _WIDTH / _DPI, (sum(heights) + _AROUND) / _DPI
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        figure.get_layout_engine().set(rect=(0.01, 0, 0.98, 1), h_pad=0.12)  # type: ignore[union-attr,call-arg]
        _caption(figure, ledger, bool(shares or shapes), bool(trained))
        parts = [row[0] for row in figure.subfigures(len(rows), 1, squeeze=False, height_ratios=heights)]
        if shares or shapes:
            _above(parts.pop(0), shares, shapes)
        for place, part in enumerate(parts):
            for axes, panel in zip(part.subplots(1, 2), (*trained[2 * place :], None), strict=False):
                if panel is None:
                    axes.set_axis_off()
                else:
                    panel(axes)
        return figure


def _caption(figure: "Figure", ledger: Ledger, above: bool, trained: bool) -> None:
    """Which card; what the signs mean; what the trainings' time is."""
    figure.suptitle(f"CUDA: {ledger.title}", x=0.012, ha="left", fontsize=17, fontweight="bold")
    torch = ", ".join(sorted({piece["measured"]["torch"] for piece in ledger.pieces()}))
    notes = [
        "Medians of interleaved rounds in one process. Share of a copy: the bytes that the recurrence must move, in "
        "its time, against the speed at which this card copies. Columns: features of all sequences of a batch, B·D. "
        "Filled: bfloat16; hollow: float32. nn.LSTM is cuDNN's, padded, on its fastest path, the blue line."
    ] * above
    if trained:
        notes.append(
            "Trainings in mixed bfloat16. Runs side by side share the card: their curves compare with each other only."
        )
    notes[-1] += f" torch {torch}."
    text = "\n".join(textwrap.fill(note, 190) for note in notes)
    figure.supxlabel(text, x=0.012, ha="left", fontsize=11.5, color=GREY)


def _above(part: Any, shares: dict[str, Any], shapes: list[Any]) -> None:
    """A panel for each pass of the recurrence, and one of whole models."""
    widths = [1.0] * len(shares) + [1.7] * bool(shapes)
    panels = list(part.subplots(1, len(widths), squeeze=False, gridspec_kw={"width_ratios": widths})[0])
    highest = max((share for found in shares.values() for *_, share in found), default=0.0)
    for place, (mode, found) in enumerate(shares.items()):
        _recurrence(panels.pop(0), mode, found, highest, first=not place)
    if shapes:
        _against_lstm(panels.pop(0), shapes)


def _shares(ledger: Ledger) -> dict[str, list[tuple[str, str, int, float]]]:
    """For each pass with data: (whose kernel, type, columns, share of a copy)."""
    found: dict[str, list[tuple[str, str, int, float]]] = {}
    for mode in MODES:
        for entry, ours, theirs in recurrences(ledger.speed):
            for whose, row in (("sru", ours), ("authors", theirs)):
                share = copy_share(row, mode, ledger.rates)
                if share is not None:
                    found.setdefault(mode, []).append((whose, entry["dtype"], columns(entry), share))
    return found


def _recurrence(
    axes: "Axes", mode: str, found: Sequence[tuple[str, str, int, float]], highest: float, first: bool
) -> None:
    """A dot a shape, and a line through the medians at each number of columns."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

    series: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for whose, dtype, number, share in found:
        series[whose, dtype][number].append(share)
    for (whose, dtype), points in sorted(series.items(), reverse=True):
        colour = COLOURS[whose]
        look: dict[str, Any] = {"color": colour, "marker": _TYPES.get(dtype, "D"), "ms": 6}
        look |= {"mfc": colour if dtype == "bfloat16" else "white", "mec": colour}
        for number, several in points.items():
            axes.plot([number] * len(several), several, ls="", **look)
        middle = [(number, median(several)) for number, several in sorted(points.items())]
        label = f"{'this suite' if whose == 'sru' else 'the authors'}, {dtype}"
        axes.plot(
            *zip(*middle, strict=True), ls="-" if dtype == "bfloat16" else "--", lw=1.6, label=label, **look
        )
    axes.axhline(COPY_SHARE, color=GREY, lw=1.2, ls=":", zorder=1)
    known = sorted({number for *_, number, _ in found} | {COLUMNS})
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
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (-0.05, -0.16)}
        axes.legend(**place, ncols=2, frameon=False, fontsize=10, borderaxespad=0)


def _shapes(ledger: Ledger) -> list[tuple[str, str, list[tuple[str, str, float]]]]:
    """For each shape and type with data: its label, the type, and (contender, its label, times as fast as LSTM)."""
    found = []
    for entry in ledger.speed["shapes"] if ledger.speed else ():
        base = seconds(baseline(entry, "training"), "training")
        times = [
            (row["contender"], row["label"], value)
            for row in entry["rows"]
            if row["contender"] != "lstm" and (value := ratio(base, seconds(row, "training")))
        ]
        if times and not entry["stepwise"]:
            found.append((entry["label"], entry["dtype"], times))
    return found


def _against_lstm(axes: "Axes", shapes: Sequence[tuple[str, str, list[tuple[str, str, float]]]]) -> None:
    """A line a shape and type, a dot a model: forward and backward, times as fast as nn.LSTM."""
    labels: dict[str, str] = {}
    places: dict[str, int] = {}
    shown = [1.0, LSTM_TIMES]
    several = len({dtype for _, dtype, _ in shapes}) > 1
    for label, dtype, times in shapes:
        place = places.setdefault(label, len(places)) + 0.21 * several * (-1 if dtype == "bfloat16" else 1)
        for name, text, value in times:
            colour, ours = COLOURS.get(name, GREY), name in _OURS
            labels[name] = text
            shown.append(value)
            axes.scatter(
                value,
                place,
                s=64 if name == "sru" else 34,
                facecolor=colour if dtype == "bfloat16" else "white",
                edgecolor=colour,
                marker="o" if ours else "D",
                linewidth=1.4,
                zorder=3 + ours,
            )
            if name == "sru":
                end = max(value for *_, value in times)
                axes.annotate(
                    f"SRU {value:.1f}×",
                    (end, place),
                    (10, 0),
                    textcoords="offset points",
                    va="center",
                    color=COLOURS["sru"],
                    fontsize=10,
                )
    for times_as_fast, colour, style in ((1.0, COLOURS["lstm"], "-"), (LSTM_TIMES, GREY, ":")):
        axes.axvline(times_as_fast, color=colour, lw=1.8, ls=style, zorder=1)
    axes.set_yticks(range(len(places)), [label.replace(", L", ",\nL") for label in places], fontsize=10)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(places) - 0.5, -0.5)
    times_axis(axes, min(shown) * 0.85, max(shown) * 1.6)
    axes.set_title(
        "forward+backward, times as fast as nn.LSTM" + (f", {shapes[0][1]}" if not several else "")
    )
    for name, text in labels.items():
        axes.scatter([], [], color=COLOURS.get(name, GREY), marker="o" if name in _OURS else "D", label=text)
    axes.legend(
        loc="upper right",
        bbox_to_anchor=(1.0, -0.06),
        ncols=4,
        frameon=False,
        fontsize=10,
        handletextpad=0.1,
        columnspacing=1.0,
    )


def _trained(ledger: Ledger) -> list[Panel]:
    """A panel for each training section, runs side by side before those that had the card to themselves."""
    panels: list[Panel] = []
    for section in SECTIONS:
        groups = [piece["values"] for piece in ledger.pieces(section) if piece["values"].get("runs")]
        for alone in (False, True):
            runs = [run for group in groups if (group["side_by_side"] == 1) == alone for run in group["runs"]]
            curves = [curve for run in runs if (curve := _curve(run)) is not None]
            if curves:
                how = "one at a time" if alone else "side by side"
                headline = next(run["headline"] for run in runs if run["state"] == "finished")
                panels.append(_curves(section, how, headline, curves))
    return panels


def _curve(run: dict[str, Any]) -> Curve | None:
    """A run as the panels take it, without what has diverged; None where no validation was reached."""
    if run["state"] != "finished":
        return None
    key, scale = f"val/{run['headline'].rpartition('/')[2]}", metric_of(run["headline"]).scale
    points = [
        (epoch["wall_s"], epoch[key] * scale)
        for epoch in run["epochs"]
        if math.isfinite(epoch.get(key) or math.nan)
    ]
    return Curve(run["label"], run["row"], "", [points]) if points else None


def _curves(section: str, how: str, headline: str, rows: Sequence[Curve]) -> Panel:
    def draw(axes: "Axes") -> None:
        curves(axes, headline, rows)
        axes.set_title(f"{section}, {how}: {axes.get_title(loc='left')}")

    return draw
