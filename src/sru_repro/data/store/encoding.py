"""What a file's first bytes say of its encoding: UTF-16 and UTF-32, which are no UTF-8, with their marks or without."""

import codecs

from ...core.errors import DataError

MARK = "\ufeff"
"""The byte-order mark, as a character."""

UTF8_MARK = codecs.BOM_UTF8

_MARKS = {
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
_UNMARKED = {"utf-32-le": 4, "utf-32-be": 4, "utf-16-le": 2, "utf-16-be": 2}
_ENOUGH = 16
"""Bytes below which only a mark tells."""


def wide(start: bytes) -> str:
    """ "UTF-16" or "UTF-32" for the beginning of a file in it, else "".

    Without a mark it takes what no other text has: many zero bytes, all at the same place of their unit, and characters
    that can be printed. Chinese without a mark is not told by this: few of its bytes are zero.
    """
    for name, marks in _MARKS.items():
        if start.startswith(marks) and _printable(start, name):
            return name
    if len(start) < _ENOUGH or start.count(0) * 20 < len(start):
        return ""
    for name, size in _UNMARKED.items():
        columns = [start[place::size].count(0) for place in range(size)]
        high = columns[1:] if name.endswith("le") else columns[:-1]
        low = columns[0] if name.endswith("le") else columns[-1]
        if low == 0 and max(high) * 10 >= len(start) // size and _printable(start, name):
            return name[:6].upper()
    return ""


def _printable(start: bytes, name: str) -> bool:
    text = codecs.getincrementaldecoder(name)("replace").decode(start)
    return sum(map(_is_text, text)) * 20 >= len(text) * 19


def _is_text(character: str) -> bool:
    return character != "\ufffd" and (character.isprintable() or character.isspace() or character == MARK)


def refuse_wide(name: str, start: bytes) -> None:
    """Refuses the beginning of a file in UTF-16 or UTF-32.

    Raises:
        DataError: it is in one of them; the line says how to convert the file.
    """
    if found := wide(start):
        raise DataError(
            f"{name}: expected UTF-8 text, found {found}; convert it (iconv -f {found} -t UTF-8 OLD > NEW)"
        )
