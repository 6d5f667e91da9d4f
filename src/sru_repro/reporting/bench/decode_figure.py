"""The picture of generation, `results/decode-<hardware>.png`: speed and memory of a stream against context.

A row for each comparison (equal parameters, equal width), a panel for each batch and one for memory.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.palette import Dashes, styles
from ...records.decode import Comparison, DecodeRecord
from ..canvas import canvas, save
from ..marks import LEGEND, marked
from .decode_tables import streams

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Looks = Mapping[str, tuple[str, Dashes]]
"""Colour and dashes of every model."""


def write_decode_figure(record: DecodeRecord, out: Path) -> None:
    """Draws one hardware to a PNG; the same record gives the same bytes."""
    save(draw_decode_figure(record), out)


def draw_decode_figure(record: DecodeRecord) -> "Figure":
    """The picture itself, for a notebook."""
    names = dict.fromkeys(name for group in record.groups for name in group.contenders())
    looks = dict(zip(names, styles([(name, "") for name in names]), strict=True))
    title = f"Generation, token by token: {record.hardware.name}, float32"
    timings = [
        timing for group in record.groups for row in group.rows for timing in (row, row.graph) if timing
    ]
    disturbed = marked("", *(timing.processor for timing in timings))
    notes = [f"{LEGEND}; at the least{disturbed}."] if disturbed else []
    with canvas(1600, 1000, title, notes) as figure:
        panels = figure.subplots(len(record.groups), len(record.batches) + 1, squeeze=False)
        for group, (*speeds, memory) in zip(record.groups, panels, strict=True):
            for axes, batch in zip(speeds, record.batches, strict=True):
                _speed(axes, group, batch, looks)
            _memory(memory, group, record.batches[0], looks)
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=11)
    return figure


def _speed(axes: "Axes", group: Comparison, batch: int, looks: Looks) -> None:
    """Tokens/s of all streams, a line a model; as graphs, where those were measured."""
    graph = group.graphs
    for name in group.contenders():
        rows = group.by_context(name, batch)
        paces = {context: row.pace(graph=graph) for context, row in rows.items()}
        points = {context: pace for context, pace in paces.items() if pace is not None}
        _line(axes, looks[name], next(iter(rows.values())).label, points)
    _scales(axes, group)
    axes.set_title(f"{group.label}\ntokens/s, {streams(batch)}{', as a CUDA graph' * graph}")


def _memory(axes: "Axes", group: Comparison, batch: int, looks: Looks) -> None:
    """Kilobytes that a stream keeps."""
    for name in group.contenders():
        rows = group.by_context(name, batch)
        points = {context: row.state_bytes / 1e3 for context, row in rows.items() if row.state_bytes}
        _line(axes, looks[name], name, points)
    _scales(axes, group)
    axes.set_title("state of a stream, KB")


def _line(axes: "Axes", look: tuple[str, Dashes], label: str, points: dict[int, float]) -> None:
    colour, dashes = look
    axes.plot(
        list(points), list(points.values()), dashes, color=colour, marker="o", ms=4.5, lw=2, label=label
    )


def _scales(axes: "Axes", group: Comparison) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sorted({row.context for row in group.rows})))
    axes.xaxis.set_minor_locator(NullLocator())
    # Powers of two lie too close for their digits in full.
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:.0f}" if value % 1024 else f"{value / 1024:.0f}Ki")
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axes.grid()
    axes.set_xlabel("tokens before")
