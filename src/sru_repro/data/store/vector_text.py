"""Word vectors as text, as people have them: a word and its numbers on a line, parted by blanks or tabs.

With or without word2vec's first line `<words> <dimensions>`; with a byte-order mark, any line ends, blanks at the end
of lines, empty lines, words that hold blanks (GloVe 840B has some). Of a word's rows the first counts, as in gensim.
"""

from collections import Counter
from collections.abc import Iterator, Set
from itertools import chain, islice
from typing import IO, NoReturn

import numpy as np

from ...core.errors import DataError
from .encoding import UTF8_MARK, refuse_wide
from .lines import excerpt
from .packing import PROBE
from .vector_rows import SHOWN, FloatArray, Foreign, Rows, check_dimension, wrong_number

_BLOCK, _LONGEST = 1 << 20, 16 << 20
_NUMBERS = 3
"""In a word that holds blanks; with more it is a row before this one, whose line end is lost."""
_CONTROLS = tuple(bytes([sign]) for sign in range(32) if sign != 9)
_JUDGED = 64
"""Rows by which the dimension of a file is told."""


def read_text(stream: IO[bytes], name: str, wanted: Set[str], dim: int) -> Rows:
    """The vectors of the wanted words in a text; `name` is what errors call it.

    Raises:
        DataError: with the line, for a row that is none; for another dimension, or fewer rows than the first line says.
    """
    words, rows, count = {word.encode(): word for word in wanted}, Rows(), 0
    lines = enumerate(_lines(stream, name), 1)
    head = [(number, line) for number, line in islice(lines, _JUDGED) if line.strip()]
    expected, head = _header(name, head, dim)
    foreign = Foreign(name, wanted)
    for number, line in chain(head, lines):
        line = _stripped(line)
        word = line[: line.find(b" ")]
        plain = word and line.count(b" ") == dim and b"\t" not in line
        if plain and count >= SHOWN and word not in words:  # nearly all of 5.6 GB: no more than this
            count += 1
            if not word.isascii():
                foreign.note(word, number)
            continue
        if not line:
            continue
        found = _row(line, dim)
        if found is None:
            _refuse_row(name, number, line, dim)
        word, numbers = found
        if len(rows.first) < SHOWN:
            rows.begins(word)
        if word in words or not count:
            row = _numbers(name, number, word, numbers)
            if word in words:
                rows.take(words[word], row)
        elif not word.isascii():
            foreign.note(word, number)
        count += 1
    if count == 0 or (expected and count != expected):
        said = " (as many as the first line says: cut? correct that line if you cut it yourself)"
        raise DataError(
            f"{name}: expected {expected or 'some'} word vectors, found {count:,}{said * bool(expected)}"
        )
    foreign.refuse(rows)
    return rows


def _stripped(line: bytes) -> bytes:
    """A line without control signs and byte-order marks around it, which joined files leave; a first blank or tab
    stays: the vector of a blank begins so."""
    line = line.rstrip()
    if line and (line[0] < 32 or line[0] == UTF8_MARK[0]):
        while line.startswith((UTF8_MARK, *_CONTROLS)):
            line = line.removeprefix(UTF8_MARK).lstrip(b"".join(_CONTROLS))
    return line


def is_text(start: bytes) -> bool:
    """Whether these are rows of text: a word and numbers on the first line that is no header."""
    lines = [line.split() for line in start.split(b"\n")[:3] if line.strip()]
    row = next((line for line in lines if len(line) > 2), [])
    return bool(row) and all(map(_is_number, row[-2:]))


def _lines(stream: IO[bytes], name: str) -> Iterator[bytes]:
    """The lines of a stream; where the first block has carriage returns only, they end lines.

    Raises:
        DataError: a line is longer than any row can be, or the text is in UTF-16 or UTF-32.
    """
    rest, end, first = b"", b"\n", True
    while block := stream.read(_BLOCK):
        if first:
            refuse_wide(name, block[:PROBE])
            block, first = block.removeprefix(UTF8_MARK), False
            end = b"\r" if b"\r" in block and b"\n" not in block else end
        *found, rest = (rest + block).split(end)
        if len(rest) > _LONGEST:
            raise DataError(
                f"{name}: expected a word and its numbers on a line, found {_LONGEST:,} bytes without a line end"
            )
        yield from found
    if rest:
        yield rest


def _header(name: str, head: list[tuple[int, bytes]], dim: int) -> tuple[int, list[tuple[int, bytes]]]:
    """The number of rows that the first line speaks of (0: it is a row) and the other lines.

    Raises:
        DataError: the rows are of another dimension.
    """
    first = head[0][1].split() if head else []
    if len(first) == 2 and all(part.isdigit() for part in first) and (dim > 1 or first[1] == b"1"):
        check_dimension(name, int(first[1]), dim)
        return int(first[0]), head[1:]
    if head and _row(head[0][1].rstrip(), dim) is None:
        sizes = Counter(_trailing_numbers(line) for _, line in head)
        check_dimension(name, sizes.most_common(1)[0][0] or dim, dim)
    return 0, head


def _row(line: bytes, dim: int) -> tuple[bytes, list[bytes]] | None:
    """A word and its numbers; None for a line that is no row.

    Tabs part a word from its numbers without doubt. Where blanks do, a word that holds some must not end in a number:
    one number too many would look the same.
    """
    fields = line.split(b"\t")
    if len(fields) == dim + 1:
        return fields[0].strip(), fields[1:]
    if len(fields) == 2 and len(numbers := fields[1].split()) == dim:
        return fields[0].strip(), numbers
    parts = line.split()
    if len(parts) == dim + 1:
        return parts[0], parts[1:]
    if len(parts) == dim and line[:1].isspace():
        return b"", parts  # the vector of a blank, which no text asks for
    words = parts[:-dim]
    if len(words) > 1 and not _is_number(words[-1]) and sum(map(_is_number, words)) <= _NUMBERS:
        return b" ".join(words), parts[-dim:]
    return None


def _refuse_row(name: str, number: int, line: bytes, dim: int) -> NoReturn:
    found: object = _trailing_numbers(line)
    if not found:
        found = excerpt(line.decode("utf-8", "replace"))
        found = f"{found} (commas between numbers? put blanks)" if line.count(b",") >= dim else found
    raise DataError(f"{name}:{number}: expected a word and {dim} numbers, found {found}")


def _trailing_numbers(line: bytes) -> int:
    parts = line.split()
    words = next((i for i, part in enumerate(reversed(parts)) if not _is_number(part)), len(parts) - 1)
    return max(0, words)


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return b"_" not in text  # 1_000 is one to Python alone


def _numbers(name: str, number: int, word: bytes, numbers: list[bytes]) -> FloatArray:
    try:
        with np.errstate(over="ignore"):
            row = np.array(numbers).astype(np.float32)
        wrong = next((i for i, text in enumerate(numbers) if b"_" in text), wrong_number(row))
    except ValueError:
        wrong = next((i for i, text in enumerate(numbers) if not _is_number(text)), 0)
    if wrong is None:
        return row
    text = numbers[wrong].decode("utf-8", "replace")
    comma = " (a decimal comma? write points)" if "," in text else ""
    shown = excerpt(word.decode("utf-8", "replace"))
    raise DataError(f"{name}:{number}: expected numbers in the row of {shown}, found {text[:40]!r}{comma}")
