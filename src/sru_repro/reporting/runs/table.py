"""The page of a table, `results/<task>.md`: its answer, the picture, one table; everything else is folded away.

The page is the first section of the table (`sections.py`); each other one, of another budget, data or hardware, is a
folded part with its answer in a line. A terminal shows the answer and the one table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import facts
from ..answer import Answer
from ..document import (
    Block,
    Bullets,
    Heading,
    Paragraph,
    Picture,
    Text,
    generated,
    markdown,
    terminal,
    write_document,
)
from ..findings import answer, section_answer
from ..findings.elsewhere import with_other_data
from ..findings.kinds import NAMES
from ..layout import folded, lead, why
from . import columns, costs
from .figure import write_figure
from .line import Row
from .ranked import on_a_terminal, ranked_table
from .records import FOLDS, RunRecord
from .sections import TASKS, TableSection, not_run, sections, unfinished

if TYPE_CHECKING:
    from rich.console import RenderableType

TITLES = NAMES | {
    "sentences": "CR, SUBJ, MR, TREC and MPQA",
    "text": "A text of one's own",
    "ablation": "Ablation of SRU",
}
"""Of pages; any other table is called by its name."""

LEGEND = """\
A number is the mean over seeds ± the sample deviation over all n runs (in a cross-validation each fold is \
one); speed is a ratio of means, against the LSTM of the same section. Rows are compared by Welch's test over seeds, \
folds pair by pair, with Holm's correction over the best row against each other and SRU against LSTM; reversed pairs \
are a family of their own. Order is Kendall's tau, its interval that of a parametric bootstrap."""

VERDICTS = """\
*As in the paper?* compares our mean with the paper's by Welch's t-test at 95 %: *no* when they differ, *yes* when the \
difference is known to lie within two of the paper's deviations, *cannot say* when there are too few runs, or other \
data, training or settings. A single run is judged by the paper's deviation. Of an order: *yes* where the whole \
interval of tau is above 0 and no reversed pair is significant, *no* where one is."""

ENCODER_ALONE = """\
Encoder alone: its passes forwards and backwards over a sample of the training batches after the run, \
scaled to an epoch"""

IN_TURNS = """\
Rows trained in turns of a second: speed is that of the median turn, against LSTM the median over turns one after the \
other, with its 95 % interval"""


def write_table(table: str, records: Sequence[RunRecord], rows: Sequence[Row], folder: Path) -> list[Path]:
    """Writes `<table>.md` and, when a run has finished, `<table>.svg` and `.png`; the files written.

    The same records give the same bytes.
    """
    found, drawn = answer(table, records, rows), []
    if sections(table, records, rows):
        drawn = write_figure(table, records, rows, folder / f"{table}.svg", found)
    place = folder / f"{table}.md"
    links = list(why(folder, table)) if folder.is_dir() else []
    write_document(place, _blocks(table, records, rows, found, drawn[0].name if drawn else "", links))
    return [place, *drawn]


def render_table(table: str, records: Sequence[RunRecord], rows: Sequence[Row], figure: str = "") -> str:
    """The Markdown text. `figure` is the file name of the table's picture."""
    return markdown(_blocks(table, records, rows, answer(table, records, rows), figure))


def console_table(table: str, records: Sequence[RunRecord], rows: Sequence[Row]) -> list["RenderableType"]:
    """What `rich` prints: the answer and the one table of the first section; beneath it what failed."""
    found, failures = sections(table, records, rows), unfinished(table, records)
    if not found:
        return terminal([Bullets([f"{table}: no run has finished", *failures])])
    first = section_answer(table, found[0])
    shown = replace(on_a_terminal(ranked_table(table, found[0])), title=f"{table}: {found[0].title}")
    told = [Paragraph(f"{first.question} {first.short}")] if first else []
    return terminal([*told, replace(shown, notes=[*shown.notes, *failures])])


def _blocks(
    table: str,
    records: Sequence[RunRecord],
    rows: Sequence[Row],
    told: Answer | None,
    figure: str,
    links: Sequence[Block] = (),
) -> Iterator[Block]:
    found, failures = sections(table, records, rows), unfinished(table, records)
    yield Heading(TITLES.get(table, table), 1)
    yield generated("the run records")
    yield from lead(told)
    yield from links
    if not found:
        yield Text("No run has finished yet.")
    elif figure:
        yield Picture(figure, f"{table}: {told.short if told else 'results and learning curves'}")
    for place, section in enumerate(found):
        shown, told_of = ranked_table(table, section), Bullets(list(_facts(section)))
        if not place:
            yield shown
            yield from folded(
                f"The whole table, and its conditions: {_conditions(table, section)}",
                [columns.table_of(table, section), told_of],
            )
            continue
        its = section_answer(table, section)
        what = "; ".join(filter(None, (_conditions(table, section), with_other_data(found[0], section))))
        yield from folded(
            what[:1].upper() + what[1:], [*([Paragraph(its.short)] if its else []), shown, told_of]
        )
    if rest := not_run(table, records, rows):
        headline = next((run.headline for run in records if run.table == table and run.headline), "")
        sources = Bullets(_sources([row.paper.source for row in rest if row.paper]))
        yield from folded(
            f"Profile paper: {len(rest)} rows not run yet", [columns.waiting(table, rest, headline), sources]
        )
    yield from folded("Runs without a result", [Bullets(failures)] if failures else [])
    if found:
        papers = any(map(columns.has_paper, found))
        yield from folded("How to read this", [Text(LEGEND), *([Text(VERDICTS)] if papers else [])])


def _conditions(table: str, section: TableSection) -> str:
    """A section in a line: profile, budget, seeds, hardware, data."""
    data = f"{FOLDS}-fold cross-validation" if table in TASKS else section.descriptions[0]
    return "; ".join([section.title, data, *section.vectors])


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
    yield from _not_comparable(section)
    for line in lines:
        if line.changed_settings:
            yield f"Runs of {line.label} ({line.task}) differ in {', '.join(line.changed_settings)}"
    stamps = [run.stamp for run in runs]
    yield facts.code(stamps)
    yield facts.processor(run.throughput for run in runs)
    minutes = sum(run.wall_s for run in runs) / 60
    yield f"Run: {facts.days(stamps)}, {minutes:,.0f} minutes in all; number of runs: {len(runs)}"
    yield from _sources([line.paper.source for line in lines])


def _not_comparable(section: TableSection) -> list[str]:
    """What forbids a comparison with the paper, with the rows that it holds for where it is not all."""
    lines = [line for line in section.lines() if line.runs and line.paper_number]
    found: dict[str, list[str]] = {}
    for line in lines:
        for reason in line.why_not:
            found.setdefault(reason, []).append(line.label)
    return [
        f"Not as in the paper: {reason}" + f" ({'; '.join(facts.unique(whose))})" * (len(whose) < len(lines))
        for reason, whose in found.items()
    ]


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
