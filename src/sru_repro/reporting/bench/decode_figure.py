"""The picture of generation, `results/decode-<hardware>.png`: speed and memory of a stream against context.

A row for each comparison (equal parameters, equal width), a panel for each batch and one for memory.
"""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ..canvas import STYLE
from ..palette import GREY
from .decode_tables import Row, by_context, names, tokens_per_s

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PIXELS = (1600, 1000)
_DPI = 100
# Okabe and Ito's colours; SRU is darker the deeper it is.
_LINES = {
    "sru-2": ("#F2B48A", "-"),
    "sru-4": ("#E8894B", "-"),
    "sru-8": ("#D55E00", "-"),
    "sru-16": ("#8A3D00", "-"),
    "srupp-all": ("#CC79A7", "-"),
    "srupp-last": ("#CC79A7", "--"),
    "lstm": ("#0072B2", "-"),
    "lstm-cells": ("#0072B2", "--"),
    "gru": ("#56B4E9", "-"),
    "mingru": ("#009E73", "-"),
    "transformer-xl": ("#000000", "-"),
}


def write_decode_figure(record: Row, out: Path) -> None:
    """Draws one hardware to a PNG; the same record gives the same bytes."""
    draw_decode_figure(record).savefig(out, dpi=_DPI, metadata={"Software": None})


def draw_decode_figure(record: Row) -> "Figure":
    """The picture itself, for a notebook."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    groups, batches = record["groups"], record["batches"]
    with rc_context(STYLE | {"font.size": 12, "axes.titlesize": 13}):
        figure = Figure(figsize=(_PIXELS[0] / _DPI, _PIXELS[1] / _DPI), dpi=_DPI, layout="constrained")
        figure.get_layout_engine().set(rect=(0.01, 0, 0.98, 1), h_pad=0.12)  # type: ignore[union-attr,call-arg]
        title = f"Generation, token by token: {record['hardware']['name']}, float32"
        figure.suptitle(textwrap.fill(title, 110), x=0.012, ha="left", fontsize=17, fontweight="bold")
        panels = figure.subplots(len(groups), len(batches) + 1, squeeze=False)
        for group, (*speeds, memory) in zip(groups, panels, strict=True):
            for axes, batch in zip(speeds, batches, strict=True):
                _speed(axes, group, batch)
            _memory(axes=memory, group=group, batch=batches[0])
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=11)
        return figure


def _speed(axes: "Axes", group: Row, batch: int) -> None:
    """Tokens/s of all streams, a line a model."""
    for name in names(group):
        rows = by_context(group, name, batch)
        points = {context: pace for context, row in rows.items() if (pace := tokens_per_s(row)) is not None}
        _line(axes, name, next(iter(rows.values()))["label"], points)
    _scales(axes, group)
    streams = "one stream" if batch == 1 else f"{batch} streams at once"
    axes.set_title(f"{group['label']}\ntokens/s, {streams}")


def _memory(axes: "Axes", group: Row, batch: int) -> None:
    """Kilobytes that a stream keeps."""
    for name in names(group):
        rows = by_context(group, name, batch)
        points = {c: row["state_bytes"] / 1e3 for c, row in rows.items() if row.get("state_bytes")}
        _line(axes, name, name, points)
    _scales(axes, group)
    axes.set_title("state of a stream, KB")


def _line(axes: "Axes", name: str, label: str, points: dict[int, float]) -> None:
    colour, style = _LINES.get(name, (GREY, ":"))
    axes.plot(list(points), list(points.values()), style, color=colour, marker="o", ms=4.5, lw=2, label=label)


def _scales(axes: "Axes", group: Row) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    contexts = sorted({row["context"] for row in group["rows"]})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(contexts))
    axes.xaxis.set_minor_locator(NullLocator())
    # Powers of two lie too close for their digits in full.
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:.0f}" if value % 1024 else f"{value / 1024:.0f}Ki")
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axes.grid()
    axes.set_xlabel("tokens before")
