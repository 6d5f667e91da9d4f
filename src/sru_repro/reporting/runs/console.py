"""The table of a task for the terminal: the same rows as in Markdown, without memory, seeds and lesser figures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import columns, costs
from .records import Record
from .sections import TASKS, Row, sections, unfinished

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_LEFT_OUT = {
    *("peak memory", "seeds", "paper's size", "paper's exact match, %"),
    *(costs.GPU_HOURS, costs.EPOCH_MINUTES, costs.ENCODER_SECONDS, *costs.PAPER_SPEEDS),
}


def console_table(table: str, records: Sequence[Record], rows: Sequence[Row]) -> "Table | Text":
    """What `rich` prints: the first section of the table, reasons and failures beneath it."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    found = sections(table, records, rows)
    failures = unfinished(table, records)
    if not found:
        return Text("\n".join([f"{table}: no run has finished", *failures]))
    section = found[0]
    notes = columns.shared_reasons(section)
    beneath = [*(f"[{place}] {note}" for place, note in enumerate(notes, 1)), *failures]
    shown = Table(
        title=escape(f"{table}: profile {section.profile}, {section.seed_list}, {section.hardware}"),
        caption=escape("\n".join(beneath)) or None,
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    if table in TASKS:
        heads, body = columns.wide(section, notes, "\n")
    else:
        heads, body = columns.narrow(section, notes)
    dropped = [head in _LEFT_OUT or head.startswith(costs.TRAINING) for head in heads]
    kept = [place for place, drop in enumerate(dropped) if not drop]
    for place in kept:
        words = heads[place] in columns.LEFT
        # Folded, so that in a narrow window nothing is lost.
        shown.add_column(heads[place], justify="left" if words else "right", overflow="fold")
    for line in body:
        shown.add_row(*(escape(line[place]) for place in kept))
    return shown
