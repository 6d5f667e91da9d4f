"""What tables of runs say, as sentences that follow from their records and from statistics."""

from collections.abc import Sequence
from dataclasses import replace

from ...records.run import RunRecord
from ..answer import Answer
from ..runs.line import Row
from ..runs.sections import TASKS, TableSection, sections
from . import elsewhere, kinds, verdicts
from .order import order
from .standing import Standing, standing

WHOLE = {"ablation": "sru-full"}
"""Tables whose rows each lack a part of one row, and that row."""


def answer(table: str, records: Sequence[RunRecord], rows: Sequence[Row]) -> Answer | None:
    """The finding of a table's page, that is of its first section; None where no run has a figure."""
    found = sections(table, records, rows)
    first = section_answer(table, found[0]) if found else None
    ranked = standings(table, found[0]) if found else []
    if first is None or len(ranked) != 1:
        return first
    more = elsewhere.told(found[0], found[1:], ranked[0])
    starts = (*first.starts, len(first.sentences))
    return replace(first, sentences=(*first.sentences, *more), starts=starts)


def section_answer(table: str, section: TableSection) -> Answer | None:
    """The finding of a section; None where all its runs diverged."""
    found = standings(table, section)
    if not found:
        return None
    if table in TASKS:
        return kinds.several(section, found)
    one = found[0]
    data = kinds.data_name(section)
    if (base := one.called(WHOLE.get(table, ""))) and len(one.ranked) > 1:
        return kinds.parts(section, one, base, data)
    reached = None if one.metric.lower_is_better else kinds.reach(section, one, data)
    return reached or kinds.race(section, one, data)


def standings(table: str, section: TableSection) -> list[Standing]:
    """The rows of a section on each of its tasks, ranked."""
    found = (standing(section, task, WHOLE.get(table, "")) for task in section.tasks)
    return [one for one in found if one is not None]


def as_in_the_paper(table: str, section: TableSection) -> dict[str, verdicts.Compared]:
    """Whether order and levels of a section are the paper's, by data set."""
    return {
        one.ranked[0].task: verdicts.of_table(one.asked, order(one), one.lost)
        for one in standings(table, section)
    }
