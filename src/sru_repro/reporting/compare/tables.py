"""Tables of a page, which sort by a click on a head; every text in them is escaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import NamedTuple

from ..document import literal

_LONG = 32
"""Letters of a name that may break."""


class Look(NamedTuple):
    """Colour, "#RRGGBB", and kind of a line: solid, dash, dot, dashdot."""

    colour: str
    dash: str


@dataclass(frozen=True)
class Cell:
    """A text, and the number that it is sorted by where it is one."""

    text: str
    value: float | None = None
    look: Look | None = None
    """Of a row: how its curve is drawn."""


@dataclass(frozen=True)
class Column:
    """A head and its cells. `kind` is "name" for what stays on one line, "text" or "long" for what may not."""

    head: str
    cells: Sequence[Cell]
    number: bool = False
    kind: str = ""


def text(words: str) -> str:
    """Words of a record, taken literally."""
    return escape(literal(words))


def table(columns: Sequence[Column]) -> str:
    """The table; columns in which nothing stands are left out."""
    kept = [column for column in columns if any(cell.text not in ("", "—") for cell in column.cells)]
    lines = ['<div class="wide"><table class="sortable"><thead><tr>']
    lines += [
        f'<th scope="col" class="{_class(column)}"><button type="button">{text(column.head)}</button></th>'
        for column in kept
    ]
    lines.append("</tr></thead><tbody>")
    for row in zip(*(column.cells for column in kept), strict=True):
        lines.append("<tr>" + "".join(map(_cell, kept, row)) + "</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def _class(column: Column) -> str:
    if column.kind == "name" and max((len(cell.text) for cell in column.cells), default=0) > _LONG:
        return "text"
    return "number" if column.number else column.kind


def _cell(column: Column, cell: Cell) -> str:
    known = cell.value is not None and isfinite(cell.value)
    value = f' data-v="{cell.value!r}"' if known else ""
    sample = "" if cell.look is None else swatch(cell.look)
    verdict = " yes" if cell.text == "yes" else ""
    return f'<td class="{_class(column)}{verdict}"{value}>{sample}{text(cell.text)}</td>'


def swatch(look: Look) -> str:
    """A piece of the line that a row has in the curves."""
    kind = {"solid": "solid", "dot": "dotted"}.get(look.dash, "dashed")
    return f'<span class="swatch" style="border-top:3px {kind} {look.colour}"></span>'
