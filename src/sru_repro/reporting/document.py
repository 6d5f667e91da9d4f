"""The one writer of documents: blocks that are told once, and shown as Markdown or on a terminal.

Text of records may hold anything, so every block but `Text` is taken literally, except for what we write into them
ourselves: a bold beginning (`layout.bold`), `code`, and links to pages beside. `Text` is Markdown that we write.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.files import write_text
from .marks import DAGGER, LEGEND
from .marks import NONE as NONE

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Heading:
    """A head of level 1 to 6."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph, in Markdown."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Sentences that hold text of records: taken literally."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A line each, such as the facts that numbers follow from."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Code:
    """Lines to be copied, taken literally."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A file beside the document, and the words for whoever cannot see it."""

    file: str
    words: str


@dataclass(frozen=True)
class Table:
    """Heads and rows of text; in a cell, a line feed begins a new line.

    words    heads of the columns of words, flush left as the first column is; the others hold numbers, flush right
    notes    lines beneath
    """

    title: str
    heads: Sequence[str]
    body: Sequence[Sequence[str]]
    words: Collection[str] = ()
    notes: Sequence[str] = ()
    level: int = 3
    """Of the title as a head."""

    def left(self) -> list[bool]:
        """Which columns are flush left."""
        return [not place or head in self.words for place, head in enumerate(self.heads)]

    def without(self, heads: Collection[str]) -> "Table":
        """The table without the columns of these heads."""
        kept = [place for place, head in enumerate(self.heads) if head not in heads]
        body = [[row[place] for place in kept] for row in self.body]
        return replace(self, heads=[self.heads[place] for place in kept], body=body)


Block = Heading | Text | Paragraph | Bullets | Code | Picture | Table


def generated(source: str) -> Text:
    """The warning at the top of a file that is made from others."""
    return Text(f"<!-- Generated from {source} by `sru-repro report`; edits are lost. -->")


def write_document(place: Path, blocks: Iterable[Block]) -> Path:
    """Writes the Markdown; the same blocks give the same bytes. Returns its place."""
    write_text(place, markdown(blocks))
    return place


def markdown(blocks: Iterable[Block]) -> str:
    """The text of a Markdown file. Bullets without lines leave nothing behind; where a mark stands, it is explained."""
    text = "\n\n".join(text for block in blocks if (text := _markdown(block)))
    return text + (f"\n\n{LEGEND}." if DAGGER in text else "") + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_plain(block.text)}"
        case Text():
            return block.text
        case Paragraph():
            return _plain(block.text)
        case Bullets():
            return "\n".join(f"- {_plain(line)}" for line in block.lines)
        case Code():
            return "\n".join(f"    {line}" for line in literal(block.text).split("\n"))
        case Picture():
            words = re.sub(r"[][]", r"\\\g<0>", _plain(block.words))
            return f"![{words}]({block.file})"
        case Table():
            lines = [list(map(_plain, block.heads)), ["---" if left else "--:" for left in block.left()]]
            lines += [list(map(_cell, row)) for row in block.body]
            grid = "\n".join(f"| {' | '.join(line)} |" for line in lines)
            title = _markdown(Heading(block.title, block.level)) if block.title else ""
            return "\n\n".join(part for part in (title, grid, "  \n".join(map(_plain, block.notes))) if part)


def literal(text: str) -> str:
    """The text with an escape for each sign that would steer a terminal or turn the direction of writing; line feeds
    stay."""
    return "".join(
        sign.encode("unicode_escape").decode()
        if sign != "\n" and (unicodedata.category(sign) in ("Cc", "Cs") or sign in _TURNING)
        else sign
        for sign in text
    )


_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def _plain(text: str) -> str:
    """Nothing of it is taken for markup, and it is one line."""
    return _escaped(text).replace("\n", " ")


def _cell(text: str) -> str:
    return _escaped(text).replace("|", "\\|").replace("\n", "<br>") or NONE


def _escaped(text: str) -> str:
    """Signs that would begin markup, each with a backslash; a `<` before a space begins none."""
    text = _TAG.sub("&lt;", literal(text))
    bold = _BOLD.match(text)
    if bold:
        return f"**{_signs(bold[1])}**{_signs(text[bold.end() :])}"
    return _signs(text)


def _signs(text: str) -> str:
    parts = _CODE.split(text)
    parts[::2] = [_LINK.sub("]\\\\(", _SIGN.sub(r"\\\g<0>", part)) for part in parts[::2]]
    return "".join(parts)


_TAG = re.compile(r"<(?! )")
_BOLD = re.compile(r"\*\*(.+?)\*\*(?!\*)")
_CODE = re.compile(r"(`[^`]+`)")
_SIGN = re.compile(r"[*`]|(?<![^\W_])_|_(?![^\W_])")
"""Not the underscore within a word."""
_LINK = re.compile(r"\]\((?![\w./-]+\.md\))")


def terminal(blocks: Iterable[Block]) -> list["RenderableType"]:
    """What `rich` prints, a block each; pictures are left out."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table as Grid
    from rich.text import Text as Words

    shown: list[RenderableType] = []
    blocks = list(blocks)
    if DAGGER in markdown(blocks):
        blocks.append(Text(f"{LEGEND}."))
    for block in blocks:
        match block:
            case Heading() | Text() | Paragraph() | Code():
                shown.append(Words(literal(block.text)))
            case Bullets():
                shown += [Words(literal(line)) for line in block.lines]
            case Table():
                grid = Grid(
                    title=escape(literal(block.title)),
                    caption=escape(literal("\n".join(block.notes))) or None,
                    title_justify="left",
                    caption_justify="left",
                    box=SIMPLE_HEAD,
                )
                for head, left in zip(block.heads, block.left(), strict=True):
                    # Folded, so that in a narrow window nothing is lost.
                    grid.add_column(
                        escape(literal(head)), justify="left" if left else "right", overflow="fold"
                    )
                for row in block.body:
                    grid.add_row(*(escape(literal(cell)) or NONE for cell in row))
                shown.append(grid)
    return shown
