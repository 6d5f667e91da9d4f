"""The picture of a table, `results/<task>.svg` and `.png`: two panels that answer its question.

Rows that trained for the same time are ranked by the test figure, with the paper's numbers, beside their learning
curves over wall clock. Rows that trained for the same epochs have their curves over epochs and over wall clock,
and test figures at their ends. Where other work had a part of the processor, time is that of the processor, as in the
answer. It shows the first section of the table (the paper's profile before short ones, then the
fullest). Where a reference loop ran, it says that its times are not those of a fused one.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import DataError
from ..answer import Answer
from ..canvas import HEIGHT, WIDTH, canvas, save
from ..findings import clocks
from ..marks import LEGEND, marked
from . import cells, columns
from .costs import clock
from .line import REFERENCE, Line, Row
from .panels import Curve, curves, paper_number, ranked, ranking
from .records import RunRecord
from .sections import TASKS, TableSection, sections

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_figure(
    table: str, records: Sequence[RunRecord], rows: Sequence[Row], out: Path, answer: Answer | None = None
) -> list[Path]:
    """Draws the first section as SVG and PNG of 1400 x 700 pixels; the files. Raises DataError when no run has
    finished."""
    return save(draw_figure(table, records, rows, answer), out)


def draw_figure(
    table: str, records: Sequence[RunRecord], rows: Sequence[Row], answer: Answer | None = None
) -> "Figure":
    """The picture itself, for a notebook: the question of the table as title, the answer beneath."""
    found = sections(table, records, rows)
    if not found:
        raise DataError(f"{table}: expected finished runs to draw, found none; run the table first")
    section = found[0]
    title, subtitle = (answer.question, answer.short) if answer else (f"{table}: {section.title}", "")
    with canvas(WIDTH, HEIGHT, title=title, subtitle=subtitle, notes=_notes(table, section)) as figure:
        if table in TASKS:
            _small_multiples(figure, section)
            return figure
        lines = ranked(section.lines())
        metric = lines[0].metric
        kind = _clock(lines)
        longest = max(
            (
                clocks.seconds(run, run.epochs[-1].wall_s, kind)
                for line in lines
                for run in line.runs
                if run.epochs
            ),
            default=0.0,
        )
        unit, seconds = clock(longest)
        along = f"{kind}, {unit}" if kind == clocks.PROCESSOR else f"training time, {unit}"
        timed = [_curve(line, seconds, kind) for line in lines]
        if _by_epochs(lines):
            left, right = figure.subplots(1, 2, sharey=True)
            curves(left, [_curve(line, 0.0) for line in lines], metric, "epochs", named=False)
            told = [replace(curve, detail=_told(line)) for curve, line in zip(timed, lines, strict=True)]
            curves(right, told, metric, along)
            right.set_title("")
        else:
            left, right = figure.subplots(1, 2)
            ranking(left, lines)
            curves(right, timed, metric, along)
    return figure


def _shared(lines: Sequence[Line]) -> str:
    """What time of the processor is."""
    low, high = (f"{100 * share:.0f}" for share in clocks.shares(lines))
    had = low if low == high else f"{low} to {high}"
    return (
        f"Processor time: wall clock times the share of the processor that each run had ({had} %), as other work ran "
        "beside."
    )


def _by_epochs(lines: Sequence[Line]) -> bool:
    """Whether all trained for the same epochs and were validated after each: then epochs are a second axis."""
    runs = [run for line in lines for run in line.runs]
    budgets = {tuple(entry.epoch for entry in run.epochs) for run in runs}
    return len(budgets) == 1 and (only := budgets.pop()) == tuple(range(len(only))) and len(only) > 1


def _clock(lines: Sequence[Line]) -> str:
    """The kind of time on the axis; where a run's share of the processor is not known, the clock's, with marks."""
    return clocks.comparable(lines) or clocks.CLOCK


def _curve(line: Line, seconds: float, kind: str = clocks.CLOCK) -> Curve:
    """The validations of a row's runs in the units of the table, against time of that kind in so many seconds; 0:
    against epochs."""
    points = [
        [
            (
                clocks.seconds(run, entry.wall_s, kind) / seconds if seconds else entry.epoch + 1.0,
                entry.figures[key] * line.metric.scale,
            )
            for entry in run.epochs
            if math.isfinite(entry.figures.get(key := run.validated, math.nan))
        ]
        for run in line.runs
    ]
    label = line.label if kind == clocks.PROCESSOR else marked(line.label, line.processor)
    return Curve(label, line.name, line.model, [found for found in points if found])


def _told(line: Line) -> str:
    """What a row came to on the test set, and in the paper."""
    split = line.metric.split or line.runs[0].headline.rpartition("/")[0]
    paper = f"; paper {paper_number(line)}" if line.paper_number else ""
    return f"{split} {cells.number(line.mean, line.deviation, line.metric)}{paper}"


def _small_multiples(figure: "Figure", section: TableSection) -> None:
    """One panel per data set that was run, with a common column of names."""
    by_task = {task: ranked(section.lines(task)) for task in section.tasks}
    drawn = {task: lines for task, lines in by_task.items() if lines}
    order = [line.name for line in next(iter(drawn.values()))]
    for (task, lines), axes in zip(
        drawn.items(), figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0], strict=True
    ):
        ranking(
            axes,
            sorted(lines, key=lambda line: (line.name not in order, order.index(line.name))),
            numbers=False,
        )
        axes.set_title(f"{task.upper()}, {axes.get_title(loc='left')}")


def _notes(table: str, section: TableSection) -> list[str]:
    """What the signs mean, what forbids a comparison, the data, a warning about times of the reference loop."""
    lines = section.lines()
    repeated = any(len(line.runs) > 1 for line in lines)
    papers = columns.has_paper(section)
    reasons = "; ".join(dict.fromkeys(why for line in lines if line.paper_number for why in line.why_not))
    signs = []
    if table not in TASKS and _by_epochs(ranked(lines)):
        signs += ["lines: means over the runs; bands: lowest to highest run"] if repeated else []
        signs += ["test: mean ± deviation over the runs"] if repeated else []
        papers_are = "paper"
    else:
        signs += (
            ["● mean; bar: its 95 % interval, from three runs on; small dots: single runs"]
            if repeated
            else []
        )
        signs += ["bands: lowest to highest run"] if repeated and table not in TASKS else []
        papers_are = "◇ paper"
    if papers:
        signs.append(f"{papers_are}: as printed there" + (f", not comparable: {reasons}" if reasons else ""))
    if any(line.paper_number and cells.unconfirmed(line, "metric") for line in lines):
        signs.append("?: its source could not be checked")
    notes = [f"{'; '.join(signs)}."] if signs else []
    data = [*section.descriptions, *(f"word vectors {name}" for name in section.vectors)]
    if any(run.data.part < 1 for run in section.runs):
        data.append("part of the data")
    notes.append(f"{section.title[0].upper()}{section.title[1:]}. Data: {'; '.join(data)}.")
    slow = dict.fromkeys(line.label for line in lines if REFERENCE in line.backends)
    if slow and table not in TASKS:
        names = "; ".join(slow)
        notes.append(f"Run by the {REFERENCE}, so that their times are not those of a fused one: {names}.")
    if mixed := [line.label for line in lines if line.runs and line.mixed]:
        notes.append(f"Not drawn, as their runs are of different states of the data: {'; '.join(mixed)}.")
    drawn = ranked(lines)
    if table in TASKS or not any(marked("", line.processor) for line in drawn):
        return notes
    notes.append(_shared(drawn) if _clock(drawn) == clocks.PROCESSOR else f"{LEGEND}.")
    return notes
