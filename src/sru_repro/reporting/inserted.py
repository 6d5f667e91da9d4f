"""Generated blocks inside pages that people write: a table of results in README.md, tables of keys in results/.

A block stands between `<!-- NAME: written by `sru-repro report` -->` and `<!-- end of NAME -->`.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from ..core.errors import DataError
from ..core.files import write_text
from ..records.base import Part
from .document import Block, Table, markdown


def insert(place: Path, name: str, blocks: Iterable[Block]) -> Path:
    """Replaces the block of that name in a page. Returns the page's place.

    Raises:
        DataError: the page has no such block, or more than one.
    """
    first, last = f"<!-- {name}: written by `sru-repro report` -->", f"<!-- end of {name} -->"
    page = place.read_text(encoding="utf-8")
    between = re.compile(rf"{re.escape(first)}\n.*?{re.escape(last)}", re.DOTALL)
    found = len(between.findall(page))
    if found != 1:
        raise DataError(f"{place}: expected the lines {first} and {last} once, found them {found} times")
    text = f"{first}\n\n{markdown(blocks)}\n{last}"
    write_text(place, between.sub(lambda _: text, page))
    return place


def keys_of(kind: type[Part]) -> Table:
    """The keys of a record with what its class says of each."""
    body = [
        [f"`{field.alias or name}`", " ".join((field.description or "").split())]
        for name, field in kind.model_fields.items()
    ]
    return Table("", ("key", "holds"), body, words=("holds",))
