"""The picture of speed, `results/speed-<hardware>.png`.

Above: time per batch at the two shapes of the SRU paper's speed figure, and every shape against LSTM. Below: how the
time of a token grows with length, batch and width.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.palette import GREY, colour
from ...records.bench import Entry, SpeedRecord, Timed
from ..canvas import canvas, save
from ..marks import LEGEND, marked
from ..numbers import significant
from .speed_tables import MODES, against_lstm, several_types

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXES = ("L", "B", "d")
OURS = ("sru", "sru-v1", "qrnn")
"""Models of the suite's own kernels, round dots."""


def drawable(record: SpeedRecord) -> bool:
    """Whether there is anything to show: a picture shows one type of number, on CUDA bfloat16 where that was timed."""
    return bool(_shown(record.shapes, record) or _shown(record.growth, record))


def write_speed_figure(record: SpeedRecord, out: Path) -> None:
    """Draws one hardware to a PNG; the same record gives the same bytes."""
    save(draw_speed_figure(record), out)


def draw_speed_figure(record: SpeedRecord) -> "Figure":
    """The picture itself, for a notebook."""
    shapes, growth = _shown(record.shapes, record), _shown(record.growth, record)
    title = f"Speed: {record.hardware.name}, {(shapes or growth)[0].dtype}"
    with canvas(1600, 1040, title, _notes(record, shapes)) as figure:
        heights = [1.25] * bool(shapes) + [1.0] * bool(growth)
        parts = [row[0] for row in figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)]
        if shapes:
            named = [entry for entry in shapes if entry.paper_ms] or shapes[:2]
            widths = [1.0] * len(named) + [1.35]
            *bars, last = parts.pop(0).subplots(1, len(widths), gridspec_kw={"width_ratios": widths})
            for axes, entry in zip(bars, named, strict=True):
                _times(axes, entry)
                if axes is not bars[0]:
                    axes.tick_params(labelleft=False)
            _ratios(last, shapes)
        if growth:
            for axes, axis in zip(parts.pop(0).subplots(1, 3, sharey=True), AXES, strict=True):
                _growth(axes, growth, axis)
    return figure


def _shown(entries: Sequence[Entry], record: SpeedRecord) -> list[Entry]:
    dtype = min((entry.dtype for entry in (*record.shapes, *record.growth)), default="")
    return [entry for entry in entries if entry.dtype == dtype and not entry.stepwise]


_BARS = "forward pale, forward+backward full"


def _notes(record: SpeedRecord, shapes: Sequence[Entry]) -> list[str]:
    stamps = [entry.measured for entry in (*record.shapes, *record.growth)]
    backends = ", ".join(dict.fromkeys(stamp.backend.name for stamp in stamps))
    errors = {row.label: why for entry in shapes for row in entry.rows if (why := row.why_not("training"))}
    bars = "forward+backward, pale as called, full as a CUDA graph" if _graphed(shapes) else _BARS
    peers = "nn.LSTM padded, on its fastest path"
    if any(map(several_types, shapes)):
        peers = "of nn.LSTM and nn.GRU, padded, the fastest type, which is named"
    if any("(probes)" in row.label for entry in shapes for row in entry.rows):
        peers += " (float16 and TF32 by probes)"
    timings = [
        row.timing(mode)
        for entry in (*shapes, *_shown(record.growth, record))
        for row in entry.rows
        for mode in (*MODES, "graph_training")
    ]
    disturbed = marked("", *(timing.processor for timing in timings))
    return [
        f"Bars: {bars}; in brackets, times as fast as nn.LSTM; hair lines: quartiles. "
        f"Medians of interleaved rounds in one process; {peers}; convolutions are causal, "
        f"without anything between layers. Recurrences on back end {backends}, torch {stamps[0].torch}.",
        *(f"Not measured: {label} ({error})." for label, error in errors.items()),
        *([f"{LEGEND}; at the least{disturbed}."] if disturbed else []),
    ]


def _graphed(entries: Sequence[Entry]) -> bool:
    """Whether SRU was timed as a CUDA graph."""
    return any(row.graph_training for entry in entries for row in entry.rows if row.contender == "sru")


def _own(entry: Entry) -> list[Timed]:
    """A row a model."""
    return [row for row in entry.rows if not row.dtype]


def _in_any_type(entry: Entry, row: Timed, mode: str) -> Timed:
    """The row in whichever type it is fastest."""
    return entry.fastest((row.contender or "",), mode) or row


def _times(axes: "Axes", entry: Entry) -> None:
    """Two bars a model, the quicker one in a lighter shade; at the end of the longer one its times as fast as LSTM."""
    rows = _own(entry)
    modes = ("training", "graph_training") if _graphed([entry]) else MODES
    for place, model in enumerate(rows):
        for mode, offset, alpha in zip(modes, (-0.2, 0.2), (0.45, 1.0), strict=True):
            row = _in_any_type(entry, model, mode)
            timing = row.timing(mode)
            if timing.median_s is None:
                continue
            known = (timing.median_s, timing.q1_s or timing.median_s, timing.q3_s or timing.median_s)
            middle, low, high = (1e3 * seconds for seconds in known)
            shade, spread = colour(row.contender or ""), [[middle - low], [high - middle]]
            axes.barh(place + offset, middle, 0.36, color=shade, alpha=alpha, xerr=spread, ecolor=GREY)
            text = marked(significant(middle) + (f" {row.dtype}" if row.dtype else ""), timing.processor)
            faster = against_lstm(entry, row, mode)
            if faster and row is not entry.baseline(mode):
                text += f"  ({faster:.1f}×)"
            end = (high, place + offset)
            axes.annotate(text, end, (5, 0), textcoords="offset points", va="center", fontsize=10)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_xlim(0, axes.get_xlim()[1] * (1.5 if several_types(entry) else 1.3))
    axes.grid(axis="x")
    axes.set_title("\n".join(textwrap.wrap(entry.label, 30)))
    axes.set_xlabel("ms per batch")


def _ratios(axes: "Axes", shapes: Sequence[Entry]) -> None:
    """A line a shape, a dot a model: forward and backward, times as fast as LSTM; where graphs were timed, of graphs,
    with a hollow dot for SRU in a plain loop."""
    labels, shown = {}, [1.0]
    mode = "graph_training" if _graphed(shapes) else "training"
    for place, entry in enumerate(shapes):
        for row in _own(entry):
            name, value = row.contender or "", against_lstm(entry, _in_any_type(entry, row, mode), mode)
            plain = against_lstm(entry, row, "training") if name == "sru" and mode != "training" else None
            if plain is not None:
                shown.append(plain)
                axes.scatter(
                    plain,
                    place,
                    s=60,
                    facecolor="white",
                    edgecolor=colour(name),
                    marker=marker(name),
                    zorder=3,
                )
            if value is None or name == "lstm":
                continue
            labels[name] = row.label
            shown.append(value)
            axes.scatter(
                value,
                place,
                s=95 if name == "sru" else 48,
                color=colour(name),
                marker=marker(name),
                edgecolor="white",
                lw=0.8,
                zorder=3 + (name in OURS),
            )
            if name == "sru":
                where = (value, place)
                text = f"{value:.1f}×"
                axes.annotate(text, where, (0, 9), textcoords="offset points", ha="center", fontsize=11)
    axes.axvline(1, color=colour("lstm"), lw=2, zorder=1)
    axes.set_yticks(range(len(shapes)), [two_lines(entry.label) for entry in shapes], fontsize=10.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(shapes) - 0.5, -0.6)
    times_axis(axes, min(shown) * 0.85, max(shown) * 1.18)
    axes.grid(axis="y", ls=":")
    than = "the fastest nn.LSTM" if any(map(several_types, shapes)) else "nn.LSTM"
    way = "as graphs (hollow: a plain loop), " if mode != "training" else ""
    axes.set_title("\n".join(textwrap.wrap(f"forward+backward, {way}times as fast as {than}", 50)))
    name_dots(axes, labels, (1.04, -0.07), size=48)


def name_dots(
    axes: "Axes",
    labels: Mapping[str, str],
    anchor: tuple[float, float],
    size: float | None = None,
    columnspacing: float | None = None,
) -> None:
    """Whose dot is whose, below the axes: `labels` by contender, the upper right corner at `anchor` (of the axes)."""
    for contender, label in labels.items():
        axes.scatter([], [], color=colour(contender), marker=marker(contender), s=size, label=label)
    axes.legend(
        loc="upper right",
        bbox_to_anchor=anchor,
        ncols=4,
        frameon=False,
        fontsize=10,
        handletextpad=0.1,
        columnspacing=columnspacing,
    )


def marker(contender: str) -> str:
    """The shape of a model's dot."""
    return "o" if contender in OURS else "D"


def two_lines(label: str) -> str:
    """The label of a shape, its sizes in a line of their own."""
    return label.replace(", L", ",\nL")


def times_axis(axes: "Axes", low: float, high: float) -> None:
    """An axis of "times as fast", by factors."""
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100) if low <= tick <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}×"))
    axes.grid(axis="x")


def _sizes(entry: Entry) -> dict[str, int]:
    return {"L": entry.length, "B": entry.batch, "d": entry.hidden_size}


def _growth(axes: "Axes", growth: Sequence[Entry], axis: str) -> None:
    """Microseconds a token, SRU and LSTM, along one axis around the shape that all three share."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    base = max(growth, key=lambda entry: sum(_neighbours(entry, other) for other in growth))
    fixed = {name: size for name, size in _sizes(base).items() if name != axis}
    points = sorted(
        (entry for entry in growth if fixed.items() <= _sizes(entry).items()),
        key=lambda entry: _sizes(entry)[axis],
    )
    for name, label in (("sru", "SRU"), ("lstm", "nn.LSTM")):
        for mode, dashes, passes in (("inference", "--", "forward"), ("training", "-", "forward+backward")):
            found = {
                _sizes(entry)[axis]: 1e6 * value / entry.tokens
                for entry in points
                if (row := entry.fastest((name,), mode)) and (value := row.seconds(mode)) is not None
            }
            if found:
                what, points_of = f"{label}, {passes}", (list(found), list(found.values()))
                axes.plot(*points_of, dashes, color=colour(name), marker="o", ms=5, lw=2, label=what)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator([_sizes(entry)[axis] for entry in points]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid()
    around = ", ".join(f"{name} {size}" for name, size in fixed.items())
    axes.set_title(f"µs per token against {axis}  ({around}, one layer)")
    if axis == "L":
        axes.legend(fontsize=10, frameon=False, handlelength=3.2, markerscale=0)


def _neighbours(one: Entry, other: Entry) -> bool:
    """Whether they agree in two of three sizes: the shape that lies on every axis has most neighbours."""
    return sum(_sizes(one)[axis] == _sizes(other)[axis] for axis in AXES) == 2
