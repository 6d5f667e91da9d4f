"""README and results/README.md in ten lines: each page's question, its answer, and whether it is the papers'."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...records.run import RunRecord
from .. import facts
from ..answer import Answer
from ..document import Block, Bullets, Paragraph, Table
from ..findings import answer, as_in_the_paper
from ..findings.kinds import NAMES, data_name
from ..findings.verdicts import HEAD, KINDS
from ..numbers import listed
from .line import Row
from .sections import TASKS, sections

MOST = 10
"""Lines of the table."""
FIRST = ("sst", "sentences", "squad", "enwik8", "wikitext103", "wikitext2", "text")
"""The order of the papers; other tables follow by name."""

SERIOUS = (KINDS[4], KINDS[0], KINDS[1], KINDS[3], KINDS[2])
"""Of several data sets the last of these is said of all."""


@dataclass(frozen=True)
class Finding:
    """A page, what it answers, and whether that is as in the paper."""

    page: str
    answer: Answer
    beside: str = ""
    kind: str = ""
    """One of KINDS, of a table of runs."""
    name: str = ""
    """Its data set."""
    note: str = ""
    """What has to stand beside that name where it is told with its kind."""
    profile: str = ""
    hardware: str = ""


def findings(
    records: Sequence[RunRecord], rows_by_table: Mapping[str, Sequence[Row]], machines: Sequence[Finding] = ()
) -> list[Finding]:
    """The answer of each table with runs, then those of the machines."""
    found = []
    for table in sorted({run.table for run in records if run.table}, key=_place):
        own = [run for run in records if run.table == table]
        rows = rows_by_table.get(table, ())
        told = answer(table, own, rows)
        if told is None:
            continue
        section = sections(table, own, rows)[0]
        beside = as_in_the_paper(table, section)
        kinds = [compared.kind for compared in beside.values()]
        of_data = table not in TASKS and table in section.tasks
        name = data_name(section) if of_data else NAMES.get(table, table)
        cells = {task: compared.told for task, compared in beside.items()}
        alike, each = (
            len(set(cells.values())) == 1,
            [f"{task.upper()}: {text}" for task, text in cells.items()],
        )
        found.append(
            Finding(
                page=f"{table}.md",
                answer=told,
                beside=next(iter(cells.values())) if alike else "\n".join(each),
                kind=max(kinds, key=SERIOUS.index),
                name=name,
                note="; ".join(facts.unique(compared.note for compared in beside.values())),
                profile=section.profile,
                hardware=section.hardware,
            )
        )
    return [*found, *machines]


def overview(found: Sequence[Finding], folder: str = "") -> list[Block]:
    """What was reproduced and what was not; the answers; the conditions. `folder` leads to the pages."""
    shown = list(found)
    while len(shown) > MOST:  # the last tables of runs are told by results/README.md's list of pages
        shown.remove(next(one for one in reversed(shown) if one.kind))
    heads = ("question", "answer", HEAD)
    body = [[f"[{one.answer.question}]({folder}{one.page})", one.answer.short, one.beside] for one in shown]
    blocks: list[Block] = [Paragraph(said)] if (said := _reproduced(found)) else []
    blocks.append(Table("", heads, body, words=heads))
    if profiles := facts.unique(one.profile for one in found):
        where = {one.hardware: [its.name for its in found if its.hardware == one.hardware] for one in found}
        told = f"Trained with the budget of profile {listed(profiles)}"
        machines = [
            f"{told} on {name}."
            if len(profiles) == 1 and len(where) == 1
            else f"{listed(of)} trained on {name}."
            for name, of in where.items()
            if name
        ]
        whole = [] if len(machines) == 1 else [f"{told}."]
        blocks.append(Bullets([*whole, *machines, "Each page has its conditions."]))
    return blocks


def _reproduced(found: Sequence[Finding]) -> str:
    """What was, what was not, and what nobody can say yet."""
    parts = []
    for kind in KINDS:
        names = [one.name + f" ({one.note})" * bool(one.note) for one in found if one.kind == kind]
        if names or kind in KINDS[:1]:
            parts.append(f"{kind}: {listed(names) if names else 'nothing yet'}.")
    return " ".join(parts) if any(one.kind for one in found) else ""


def _place(table: str) -> tuple[int, str]:
    return (FIRST.index(table) if table in FIRST else len(FIRST), table)
