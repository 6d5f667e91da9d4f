"""Close-set tables for a terminal, of `rich`: no frames, one line a row, and what is too wide is folded, not lost."""

from collections.abc import Collection, Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from ..document import literal

if TYPE_CHECKING:
    from rich.console import RenderableType

NAME, LEAST = 20, 10
"""Letters of a row's name on a line, at most and at least."""


def words(text: str) -> "RenderableType":
    """A paragraph, taken literally."""
    from rich.text import Text

    return Text(literal(text))


def grid(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    names: int = 0,
    heads_shown: bool = True,
) -> "RenderableType":
    """A table; `right` are the places of columns that are flush right. Where it is too wide all give way; with `names`
    none: the second, which holds the names of rows, has so many letters a line."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        show_header=heads_shown,
        header_style="",
        title=Text(literal(title)) if title else None,
        title_justify="left",
        title_style="",
    )
    for place, head in enumerate(heads):
        table.add_column(
            Text(literal(head)),
            justify="right" if place in right else "left",
            overflow="fold",
            no_wrap=names > 0 and place != 1,
            width=names if names and place == 1 else None,
            vertical="bottom" if names else "top",
        )
    for row in rows:
        table.add_row(*(Text(literal(cell)) for cell in row))
    return table


def printed(blocks: Iterable["RenderableType"], width: int) -> str:
    """The blocks as text of that width, an empty line between them."""
    from rich.console import Console

    texts = []
    for block in blocks:
        screen = StringIO()
        # In a notebook rich would show the blocks by itself, and write nothing.
        console = Console(file=screen, width=width, color_system=None, force_jupyter=False)
        console.print(block)
        texts.append("\n".join(line.rstrip() for line in screen.getvalue().splitlines()).strip("\n"))
    return "\n\n".join(texts)
