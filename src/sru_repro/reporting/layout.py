"""The order of a page of results: what was found, the notes that say why, then what is folded away."""

import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .answer import Answer
from .document import Block, Paragraph, Text, literal

_EXPLAINS = re.compile(r"^<!-- explains: (?P<pages>[^>]*) -->$", re.MULTILINE)
_TITLE = re.compile(r"^# (?P<title>.+)$", re.MULTILINE)


def lead(answer: Answer | None) -> Iterator[Block]:
    """The question, and the sentences that answer it; nothing without an answer."""
    if answer is None:
        return
    yield Paragraph(f"**{answer.question}**")
    yield from map(Paragraph, answer.paragraphs)


def why(results: Path, page: str) -> Iterator[Block]:
    """A line with links to the notes in `results` that say that they explain this page, by its name without suffix."""
    found = []
    for path in sorted(results.glob("*-log.md")):
        text = path.read_text(encoding="utf-8")
        explains, title = _EXPLAINS.search(text), _TITLE.search(text)
        if explains and title and page in explains["pages"].replace(",", " ").split():
            found.append(f"[{title['title']}]({path.name})")
    if found:
        yield Text(f"Why: {'; '.join(found)}.")


def folded(summary: str, blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks that are shown when a reader opens them; without any, nothing."""
    blocks = list(blocks)
    if blocks:
        yield Text(f"<details><summary>{_in_html(summary)}</summary>")
        yield from blocks
        yield Text("</details>")


def _in_html(text: str) -> str:
    """Text of records on one line of HTML, in which neither HTML nor Markdown finds anything to read."""
    shown = html.escape(literal(" ".join(text.split())), quote=False)
    return re.sub(r"[\[\]*_`]", lambda sign: f"&#{ord(sign[0])};", shown)


def bold(cell: str) -> str:
    """The best of a column or row."""
    return f"**{cell}**"
