"""The picture of speed, `results/speed-<hardware>.png`.

Above: time per batch at the two shapes of the SRU paper's speed figure, and every shape against LSTM. Below: how the
time of a token grows with length, batch and width.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...record import Record
from ..canvas import STYLE
from ..palette import GREY
from .speed_tables import baseline, ratio, seconds, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PIXELS = (1600, 1040)
_DPI = 100
# Okabe and Ito's colours; what is not a model of the suite, nor LSTM, is paler or grey.
COLOURS = {
    "sru": "#D55E00",
    "sru-v1": "#E69F00",
    "qrnn": "#009E73",
    "lstm": "#0072B2",
    "gru": "#56B4E9",
    "conv2": "#B9B9B9",
    "conv3": "#8A8A8A",
    "authors": "#CC79A7",
}
AXES = {"L": "length", "B": "batch", "d": "hidden_size"}

Entry = Mapping[str, Any]


def write_speed_figure(record: Record, out: Path) -> None:
    """Draws one hardware to a PNG; the same record gives the same bytes."""
    draw_speed_figure(record).savefig(out, dpi=_DPI, metadata={"Software": None})


def draw_speed_figure(record: Record) -> "Figure":
    """The picture itself. Where two types of number were measured, it shows the first, on CUDA bfloat16."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    entries = [entry for section in ("shapes", "growth") for entry in record[section]]
    dtype = min(entry["dtype"] for entry in entries)
    shapes = [entry for entry in record["shapes"] if entry["dtype"] == dtype and not entry["stepwise"]]
    growth = [entry for entry in record["growth"] if entry["dtype"] == dtype]
    with rc_context(STYLE | {"font.size": 12, "axes.titlesize": 13}):
        figure = Figure(figsize=(_PIXELS[0] / _DPI, _PIXELS[1] / _DPI), dpi=_DPI, layout="constrained")
        figure.get_layout_engine().set(rect=(0.01, 0, 0.98, 1), h_pad=0.12)  # type: ignore[union-attr,call-arg]
        _caption(figure, record, shapes, dtype)
        heights = [1.25, 1.0] if shapes and growth else [1.0]
        parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)
        places = [part for row in parts for part in row]
        if shapes:
            named = [entry for entry in shapes if entry.get("paper_ms")] or shapes[:2]
            widths = [1.0] * len(named) + [1.35]
            *bars, last = places.pop(0).subplots(1, len(widths), gridspec_kw={"width_ratios": widths})
            for axes, entry in zip(bars, named, strict=True):
                _times(axes, entry)
                if axes is not bars[0]:
                    axes.tick_params(labelleft=False)
            _ratios(last, shapes)
        if growth:
            for axes, (axis, key) in zip(
                places.pop(0).subplots(1, 3, sharey=True), AXES.items(), strict=True
            ):
                _growth(axes, growth, axis, key)
        return figure


def _caption(figure: "Figure", record: Record, shapes: Sequence[Entry], dtype: str) -> None:
    title = f"Speed: {record['hardware']['name']}, {dtype}"
    figure.suptitle(textwrap.fill(title, 110), x=0.012, ha="left", fontsize=17, fontweight="bold")
    stamps = [entry["measured"] for section in ("shapes", "growth") for entry in record[section]]
    backends = ", ".join(dict.fromkeys(stamp["backend"]["name"] for stamp in stamps))
    notes = [
        "Bars: forward pale, forward+backward full; in brackets, times as fast as nn.LSTM; hair lines: quartiles. "
        "Medians of interleaved rounds in one process; nn.LSTM padded, on its fastest path; convolutions are causal, "
        f"without anything between layers. Recurrences on back end {backends}, torch {stamps[0]['torch']}."
    ]
    errors = {
        row["label"]: row.get("error") or row["training"]["error"]
        for entry in shapes
        for row in entry["rows"]
        if row.get("error") or "error" in row.get("training", {})
    }
    notes += [f"Not measured: {label} ({error})." for label, error in errors.items()]
    text = "\n".join(textwrap.fill(note, 190) for note in notes)
    figure.supxlabel(text, x=0.012, ha="left", fontsize=11.5, color=GREY)


def _times(axes: "Axes", entry: Entry) -> None:
    """Two bars a model, forward in a lighter shade; at the end of the longer one its times as fast as LSTM."""
    rows = entry["rows"]
    for place, row in enumerate(rows):
        colour = COLOURS.get(row["contender"], GREY)
        for mode, offset, alpha in (("inference", -0.2, 0.45), ("training", 0.2, 1.0)):
            value = seconds(row, mode)
            if value is None:
                continue
            spread = [[1e3 * (value - row[mode]["q1_s"])], [1e3 * (row[mode]["q3_s"] - value)]]
            axes.barh(place + offset, 1e3 * value, 0.36, color=colour, alpha=alpha, xerr=spread, ecolor=GREY)
            text = significant(1e3 * value)
            lstm = baseline(entry, mode)
            faster = ratio(seconds(lstm, mode), value)
            if faster and row is not lstm:
                text += f"  ({faster:.1f}×)"
            end = (1e3 * row[mode]["q3_s"], place + offset)
            axes.annotate(text, end, (5, 0), textcoords="offset points", va="center", fontsize=10)
    axes.set_yticks(range(len(rows)), [row["label"] for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_xlim(0, axes.get_xlim()[1] * 1.3)
    axes.grid(axis="x")
    axes.set_title("\n".join(textwrap.wrap(entry["label"], 30)))
    axes.set_xlabel("ms per batch")


def _ratios(axes: "Axes", shapes: Sequence[Entry]) -> None:
    """A line a shape, a dot a model: forward and backward, times as fast as LSTM."""

    labels, shown = {}, []
    for place, entry in enumerate(shapes):
        rows = {row["contender"]: row for row in entry["rows"]}
        for name, row in rows.items():
            value = ratio(seconds(baseline(entry, "training"), "training"), seconds(row, "training"))
            if value is None or name == "lstm":
                continue
            labels[name] = row["label"]
            shown.append(value)
            ours = name in ("sru", "sru-v1", "qrnn")
            colour, size = COLOURS.get(name, GREY), 95 if name == "sru" else 48
            marker = "o" if ours else "D"
            axes.scatter(
                value, place, s=size, color=colour, marker=marker, edgecolor="white", lw=0.8, zorder=3 + ours
            )
            if name == "sru":
                axes.annotate(
                    f"{value:.1f}×",
                    (value, place),
                    (0, 9),
                    textcoords="offset points",
                    ha="center",
                    fontsize=11,
                )
    axes.axvline(1, color=COLOURS["lstm"], lw=2, zorder=1)
    names = ["\n".join(textwrap.wrap(entry["label"].replace(", L", ",\nL"), 30)) for entry in shapes]
    names = [entry["label"].replace(", L", ",\nL") for entry in shapes]
    axes.set_yticks(range(len(shapes)), names, fontsize=10.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(shapes) - 0.5, -0.6)
    times_axis(axes, min([*shown, 1.0]) * 0.85, max([*shown, 1.0]) * 1.18)
    axes.grid(axis="y", ls=":")
    axes.set_title("forward+backward, times as fast as nn.LSTM")
    for name in labels:
        marker = "o" if name in ("sru", "sru-v1", "qrnn") else "D"
        axes.scatter([], [], color=COLOURS.get(name, GREY), marker=marker, s=48, label=labels[name])
    axes.legend(
        loc="upper right",
        bbox_to_anchor=(1.04, -0.07),
        ncols=4,
        frameon=False,
        fontsize=10,
        handletextpad=0.1,
    )


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


def _growth(axes: "Axes", growth: Sequence[Entry], axis: str, key: str) -> None:
    """Microseconds a token, SRU and LSTM, along one axis around the shape that all three share."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    base = next((entry for entry in growth if _is_base(entry, growth)), growth[0])
    others = [other for other in AXES.values() if other != key]
    points = sorted(
        (entry for entry in growth if all(entry[other] == base[other] for other in others)),
        key=lambda entry: entry[key],
    )
    for name, label in (("sru", "SRU"), ("lstm", "nn.LSTM")):
        for mode, style in (("inference", "--"), ("training", "-")):
            found = []
            for entry in points:
                row = next((row for row in entry["rows"] if row["contender"] == name), None)
                value = seconds(row, mode)
                if value is not None:
                    found.append((entry[key], 1e6 * value / (entry["length"] * entry["batch"])))
            what = f"{label}, {'forward' if mode == 'inference' else 'forward+backward'}"
            if found:
                axes.plot(
                    *zip(*found, strict=True), style, color=COLOURS[name], marker="o", ms=5, lw=2, label=what
                )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator([entry[key] for entry in points]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid()
    fixed = ", ".join(f"{name} {base[other]}" for name, other in AXES.items() if other != key)
    axes.set_title(f"µs per token against {axis}  ({fixed}, one layer)")
    if axis == "L":
        axes.legend(fontsize=10, frameon=False, handlelength=3.2, markerscale=0)


def _is_base(entry: Entry, growth: Sequence[Entry]) -> bool:
    """Whether it lies on every axis: it is the one that agrees with most others in two of three sizes."""

    def neighbours(one: Entry) -> int:
        return sum(sum(one[key] == other[key] for key in AXES.values()) == 2 for other in growth)

    return neighbours(entry) == max(map(neighbours, growth))
