"""The picture of generation, `results/decode-<hardware>.svg` and `.png`: tokens a second against context, for one
stream and for the most that were measured, of models of equal parameters.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ...core.palette import styles
from ...records.decode import Comparison, DecodeRecord
from ..answer import Answer
from ..canvas import HEIGHT, WIDTH, canvas, save
from ..labels import End, folded, label_ends
from ..limits import bulk
from ..marks import LEGEND, marked
from .decode_tables import streams

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LETTERS = 13.0
"""Points, of the names at the ends."""


def write_decode_figure(record: DecodeRecord, out: Path, answer: Answer | None = None) -> list[Path]:
    """Draws one hardware as SVG and PNG, the files; the same record gives the same bytes."""
    return save(draw_decode_figure(record, answer), out)


def draw_decode_figure(record: DecodeRecord, answer: Answer | None = None) -> "Figure":
    """The picture itself, for a notebook."""
    told = f"Generation, token by token: {record.hardware.name}, float32"
    title, subtitle = (answer.question, answer.short) if answer else (told, "")
    group = record.groups[0]
    batches = dict.fromkeys((record.batches[0], record.batches[-1]))
    with canvas(WIDTH, HEIGHT, title=title, subtitle=subtitle, notes=_notes(record, group)) as figure:
        for axes, batch in zip(figure.subplots(1, len(batches), squeeze=False)[0], batches, strict=True):
            _speed(axes, group, batch)
    return figure


def _notes(record: DecodeRecord, group: Comparison) -> list[str]:
    """What is compared, how it was measured, and what other work disturbed."""
    timings = [timing for row in group.rows for timing in (row, row.graph) if timing]
    disturbed = marked("", *(timing.processor for timing in timings))
    how = "as a CUDA graph" if group.graphs else "a call each"
    return [
        f"{group.label}; {record.hardware.name}, float32, {how}, medians of interleaved rounds, back end "
        f"{record.backend.name}; broken lines: further models of a colour.",
        *([f"{LEGEND}; at the least{disturbed}."] if disturbed else []),
    ]


def _speed(axes: "Axes", group: Comparison, batch: int) -> None:
    """Tokens/s of all streams, a line a model; as graphs, where those were measured."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    names = group.contenders()
    ends, paces = [], []
    for name, (own, dashes) in zip(names, styles([(name, "") for name in names]), strict=True):
        rows = group.by_context(name, batch)
        known = {context: row.pace(graph=group.graphs) for context, row in rows.items()}
        points = [(context, pace) for context, pace in known.items() if pace is not None]
        if not points:
            continue
        axes.plot(*zip(*points, strict=True), color=own, ls=dashes, marker="o", ms=4.5, lw=2.2)
        ends.append(End(folded(next(iter(rows.values())).label, 24), own, *points[-1]))
        paces += [pace for _, pace in points]
    if not paces:
        axes.set_axis_off()
        return
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    low, high = bulk(paces)
    axes.set_ylim(low / 1.2, high * 1.2)
    axes.xaxis.set_major_locator(FixedLocator(sorted({row.context for row in group.rows})))
    axes.xaxis.set_minor_locator(NullLocator())
    # Powers of two lie too close for their digits in full.
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:.0f}" if value % 1024 else f"{value / 1024:.0f}Ki")
    )
    steps = [part * 10**power for power in range(7) for part in (1, 2, 5)]
    axes.yaxis.set_major_locator(FixedLocator([step for step in steps if low / 1.2 <= step <= high * 1.2]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.grid()
    axes.set_xlabel("tokens before")
    axes.set_title(f"tokens/s, {streams(batch)}{', as a CUDA graph' * group.graphs}")
    label_ends(axes, ends, _LETTERS)
