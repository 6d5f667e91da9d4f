"""word2vec's binary format: a line `<words> <dimensions>`, then of each word its bytes, a blank, its numbers (float32,
little-endian), and with some writers a line end. Rows that are not wanted are passed over.
"""

import io
from collections.abc import Set

import numpy as np

from ...core.errors import DataError
from .packing import PROBE
from .vector_rows import SHOWN, Foreign, Rows, check_dimension, check_row
from .vector_text import is_text

_BLOCK, _LONGEST_WORD = 1 << 20, 10_000
_FASTTEXT = b"\xba\x16\x4f\x2f"


def read_binary(stream: io.BufferedReader, name: str, wanted: Set[str], dim: int) -> Rows:
    """The vectors of the wanted words; `name` is what errors call the file.

    Raises:
        DataError: it is of another format or dimension, or goes on behind its last word.
        EOFError: it is cut.
    """
    start = stream.peek(PROBE)
    if start.startswith(_FASTTEXT):
        raise DataError(
            f"{name}: expected word vectors, found a model of fastText; use its vectors, name.vec"
        )
    header = stream.readline(100).split()
    if len(header) != 2 or not all(number.isdigit() for number in header):
        text = "; these are rows of text: name the file ...txt" if is_text(start) else ""
        raise DataError(
            f"{name}: expected a line '<words> <dimensions>' at the start of word2vec's format, found none{text}"
        )
    if is_text(start):
        raise DataError(
            f"{name}: expected word2vec's binary format, found rows of text; name the file ...txt"
        )
    count = int(header[0])
    check_dimension(name, int(header[1]), dim)
    words, rows, foreign = {word.encode(): word for word in wanted}, Rows(), Foreign(name, wanted)
    content, place, size = b"", 0, 4 * dim
    for number in range(1, count + 1):
        blank = content.find(b" ", place)
        while blank < 0 or len(content) - blank - 1 < size:
            if blank < 0 and len(content) - place > _LONGEST_WORD:
                raise DataError(
                    f"{name}: expected a word as number {number:,}, found {_LONGEST_WORD:,} bytes of none"
                )
            if not (block := stream.read(_BLOCK)):
                raise EOFError(f"{number - 1:,} of {count:,} word vectors in it")
            content, place = content[place:] + block, 0
            blank = content.find(b" ")
        word = content[place:blank].lstrip(b"\n")
        place = blank + 1 + size
        if number <= SHOWN:
            rows.begins(word)
        if word in words:
            row = np.frombuffer(content, "<f4", dim, blank + 1).astype(np.float32)
            rows.take(words[word], check_row(name, words[word], row))
        elif not word.isascii():
            foreign.note(word, number)
    if (content[place:] + stream.read(PROBE)).strip(b"\n"):
        raise DataError(
            f"{name}: expected {count:,} word vectors, as the first line says, found more bytes behind the last"
        )
    if not count:
        raise DataError(f"{name}: expected some word vectors, found 0")
    foreign.refuse(rows)
    return rows
