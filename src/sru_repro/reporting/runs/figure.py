"""The picture of a table, `results/<task>.png`: our numbers beside the paper's, and learning over time.

It shows the first section of the table (the paper's profile before short ones, then the fullest). No panel
shows a speed-up; where a reference loop ran, the picture says that its times are not those of a fused one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import DataError
from ..canvas import canvas, save
from ..marks import LEGEND, marked
from . import columns
from .line import REFERENCE, Line, Row
from .panels import Curve, curves, numbers
from .records import RunRecord
from .sections import TASKS, TableSection, sections

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PIXELS = (1600, 700)


def write_figure(table: str, records: Sequence[RunRecord], rows: Sequence[Row], out: Path) -> None:
    """Draws the first section to a PNG of 1600 x 700 pixels. Raises DataError when no run has finished."""
    save(draw_figure(table, records, rows), out)


def draw_figure(table: str, records: Sequence[RunRecord], rows: Sequence[Row]) -> "Figure":
    """The picture itself, for a notebook."""
    found = sections(table, records, rows)
    if not found:
        raise DataError(f"{table}: expected finished runs to draw, found none; run the table first")
    section = found[0]
    with canvas(*_PIXELS, f"{table}: {section.title}", _notes(table, section), letters=13) as figure:
        if table in TASKS:
            _small_multiples(figure, section)
        else:
            left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1, 1.15)})
            lines = section.lines(section.tasks[0])
            numbers(left, lines)
            curves(right, section.runs[0].headline, [_curve(line) for line in lines])
        return figure


def _notes(table: str, section: TableSection) -> list[str]:
    """What the signs mean, the data, a warning about times of the reference loop, what forbids a comparison."""
    data = [*section.descriptions, *(f"word vectors {name}" for name in section.vectors)]
    if any(run.data.part < 1 for run in section.runs):
        data.append("part of the data")
    lines = section.lines()
    notes = [f"Data: {'; '.join(data)}."]
    repeated = any(len(line.runs) > 1 for line in lines)
    dots = " (small dots: single runs)" if repeated else ""
    if columns.has_paper(section):
        notes.insert(0, f"● this suite{dots}    ◇ paper    bars: deviation")
    elif repeated:
        notes.insert(0, f"● mean{dots}    bars: deviation")
    slow = dict.fromkeys(line.label for line in lines if REFERENCE in line.backends)
    if slow and table not in TASKS:
        names = "; ".join(slow)
        notes.append(f"Run by the {REFERENCE}, so that their times are not those of a fused one: {names}.")
    if any(marked("", line.processor) for line in lines) and table not in TASKS:
        notes.append(f"{LEGEND}.")
    reasons = dict.fromkeys(why for line in lines if line.paper_number for why in line.why_not)
    if reasons:
        notes.append(f"Not comparable with the paper: {'; '.join(reasons)}.")
    return notes


def _curve(line: Line) -> Curve:
    """The validations of a row's runs, in the units of the table."""
    points = [
        [
            (float(entry.wall_s), entry.figures[run.validated] * line.metric.scale)
            for entry in run.epochs
            if run.validated in entry.figures
        ]
        for run in line.runs
    ]
    return Curve(
        marked(line.label, line.processor), line.name, line.model, [found for found in points if found]
    )


def _small_multiples(figure: "Figure", section: TableSection) -> None:
    """One panel per data set that was run, with a common column of names."""
    tasks = [task for task in section.tasks if any(line.runs for line in section.lines(task))]
    for task, axes in zip(tasks, figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0], strict=True):
        numbers(axes, section.lines(task), room=0.3)
        axes.set_title(f"{task.upper()}, {axes.get_title(loc='left')}")
