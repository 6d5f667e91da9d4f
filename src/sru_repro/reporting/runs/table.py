"""The table of a task, `results/<task>.md`: a section per profile, data and hardware; a terminal shows the first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import facts
from ..document import (
    Block,
    Bullets,
    Heading,
    Picture,
    Text,
    generated,
    markdown,
    terminal,
    write_document,
)
from . import columns, costs
from .figure import write_figure
from .line import Row
from .records import FOLDS, RunRecord
from .sections import TASKS, TableSection, not_run, sections, unfinished

if TYPE_CHECKING:
    from rich.console import RenderableType

LEGEND = """\
A number is the mean over seeds ± the sample deviation over all n runs (in a cross-validation each fold is \
one); speed is a ratio of means, against the LSTM of the same section."""

VERDICTS = """\
The verdict compares our mean with the paper's by Welch's t-test at 95 %: *off* when they differ, *matches* \
when the difference is known to lie within two of the paper's deviations, *within noise* when there are too \
few runs to say so. A single run is judged by the paper's deviation."""

ENCODER_ALONE = """\
Encoder alone: its passes forwards and backwards over a sample of the training batches after the run, \
scaled to an epoch"""

IN_TURNS = """\
Rows trained in turns of a second: speed is that of the median turn, against LSTM the median over turns one after the \
other, with its 95 % interval"""

_NOT_ON_A_TERMINAL = {
    *("peak memory", "seeds", "paper's size", "paper's exact match, %"),
    *(costs.GPU_HOURS, costs.EPOCH_MINUTES, costs.ENCODER_SECONDS, *costs.PAPER_SPEEDS),
}


def write_table(table: str, records: Sequence[RunRecord], rows: Sequence[Row], folder: Path) -> list[Path]:
    """Writes `<table>.md` and, when a run has finished, `<table>.png`; the files written.

    The same records give the same bytes.
    """
    picture = folder / f"{table}.png"
    drawn = [picture] if sections(table, records, rows) else []
    place = folder / f"{table}.md"
    write_document(place, _blocks(table, records, rows, picture.name if drawn else ""))
    if drawn:
        write_figure(table, records, rows, picture)
    return [place, *drawn]


def render_table(table: str, records: Sequence[RunRecord], rows: Sequence[Row], figure: str = "") -> str:
    """The Markdown text: rows in the order of `rows`, also those without a run; rows only in records last. `figure` is
    the file name of the table's picture."""
    return markdown(_blocks(table, records, rows, figure))


def console_table(table: str, records: Sequence[RunRecord], rows: Sequence[Row]) -> list["RenderableType"]:
    """What `rich` prints: the first section, without memory, seeds and lesser figures; beneath it what failed."""
    found, failures = sections(table, records, rows), unfinished(table, records)
    if not found:
        return terminal([Bullets([f"{table}: no run has finished", *failures])])
    shown = columns.table_of(table, found[0])
    left_out = {head for head in shown.heads if head in _NOT_ON_A_TERMINAL or head.startswith(costs.TRAINING)}
    shown = replace(shown.without(left_out), title=f"{table}: {found[0].title}")
    return terminal([replace(shown, notes=[*shown.notes, *failures])])


def _blocks(table: str, records: Sequence[RunRecord], rows: Sequence[Row], figure: str) -> Iterator[Block]:
    found, failures = sections(table, records, rows), unfinished(table, records)
    yield Heading(table, 1)
    yield generated("the run records")
    if not found:
        yield Text("No run has finished yet.")
    elif figure:
        yield Picture(figure, f"{table}: results and learning curves")
    for section in found:
        data = f"{FOLDS}-fold cross-validation" if table in TASKS else section.descriptions[0]
        what = "; ".join([data, *section.vectors])
        yield Heading(f"Profile {section.profile_told}: {what}; {section.hardware}")
        yield columns.table_of(table, section)
        yield Bullets(list(_facts(section)))
    if rest := not_run(table, records, rows):
        headline = next((run.headline for run in records if run.table == table and run.headline), "")
        yield Heading("Profile paper: not run yet")
        yield columns.waiting(table, rest, headline)
        yield Bullets(_sources([row.paper.source for row in rest if row.paper]))
    if failures:
        yield Heading("Runs without a result")
        yield Bullets(failures)
    if found:
        yield Text(LEGEND)
    if any(map(columns.has_paper, found)):
        yield Text(VERDICTS)


def _facts(section: TableSection) -> Iterator[str]:
    """What the numbers of a section follow from."""
    runs, lines = section.runs, [line for line in section.lines() if line.runs]
    yield from (f"Data: {text}" for text in _data(section))
    if section.vectors:
        yield f"Word vectors: {', '.join(section.vectors)}"
    yield from (f"Note: {note}" for note in _notes(section))
    for backend in sorted({backend for line in lines for backend in line.backends}):
        names = facts.unique(line.label for line in lines if backend in line.backends)
        yield f"Back end {backend}: {'; '.join(names)}"
    if any(run.throughput.turns for run in runs):
        yield IN_TURNS
    if any(line.throughput(costs.ENCODER) for line in lines):
        yield ENCODER_ALONE
    yield from facts.unique(
        f"Deviation of {line.label}: {line.paper.deviation}" for line in lines if line.paper.deviation
    )
    for line in lines:
        if line.changed_settings:
            yield f"Runs of {line.label} ({line.task}) differ in {', '.join(line.changed_settings)}"
    stamps = [run.stamp for run in runs]
    yield facts.code(stamps)
    yield facts.processor(run.throughput for run in runs)
    minutes = sum(run.wall_s for run in runs) / 60
    yield f"Run: {facts.days(stamps)}, {minutes:,.0f} minutes in all; number of runs: {len(runs)}"
    yield from _sources([line.paper.source for line in lines])


def _sources(found: Sequence[str | None]) -> list[str]:
    return [f"Paper's numbers: {source}" for source in facts.unique(source or "" for source in found)]


def _data(section: TableSection) -> Iterator[str]:
    for run in section.first_runs:
        data = run.data
        origin = f", from {data.source}" if data.source else ""
        part = "" if data.part == 1 else f", {100 * data.part:.3g} % of it"
        which = "fingerprint" if run.fold is None else f"of fold {run.fold}; fingerprint"
        yield f"{data.description}{origin}{part} ({which} {data.fingerprint})"


def _notes(section: TableSection) -> list[str]:
    """What the data's readers remark; of folds, only what holds for all of them; whom, where it is not all rows."""
    notes: list[str] = []
    for task in section.tasks:
        lines = [line for line in section.lines(task) if line.runs]
        runs = [run for line in lines for run in line.runs]
        folded = any(run.fold is not None for run in runs)
        for note in facts.unique(note for run in runs for note in run.data.notes):
            whose = [line.label for line in lines if any(note in run.data.notes for run in line.runs)]
            if folded:
                notes += [note] if all(note in run.data.notes for run in runs) else []
            else:
                notes.append(note if len(whose) == len(lines) else f"{note} ({'; '.join(whose)})")
    return facts.unique(notes)
