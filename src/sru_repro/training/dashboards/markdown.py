"""Things to look at as Markdown, which TensorBoard and trackio show: tables, and texts taken literally."""

from collections.abc import Sequence

from ._base import ConfusionMedia, TableMedia, TextMedia

_LITERAL = str.maketrans(
    {sign: f"&#{ord(sign)};" for sign in "\\`*_{}[]<>()#+-.!|~&$"} | {"\n": " ", "\r": " ", "\t": " "}
)


def as_markdown(media: TableMedia | TextMedia | ConfusionMedia) -> str:
    """A text stands in a block of code; a table's cells mean nothing to Markdown, whatever they hold."""
    if isinstance(media, TextMedia):
        return "".join(f"    {line}\n" for line in media.text.splitlines() or [""])
    table = as_table(media) if isinstance(media, ConfusionMedia) else media
    lines = [_line(table.heads), _line(["---"] * len(table.heads), literal=False)]
    return "\n".join([*lines, *map(_line, table.rows)])


def as_table(media: ConfusionMedia) -> TableMedia:
    """A row for each class, a column for each that it was taken for."""
    rows: list[list[str | int | float]] = [
        [name, *counts] for name, counts in zip(media.classes, media.counts, strict=True)
    ]
    return TableMedia(heads=["class", *(f"taken for {name}" for name in media.classes)], rows=rows)


def _line(cells: Sequence[str | int | float], literal: bool = True) -> str:
    shown = (f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
    return f"| {' | '.join(cell.translate(_LITERAL) if literal else cell for cell in shown)} |"
