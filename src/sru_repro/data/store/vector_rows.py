"""Rows of word vectors as they are read, whatever the file's format: which count, and what no row may hold."""

from collections.abc import Set

import numpy as np
import numpy.typing as npt

from ...core.errors import DataError

FloatArray = npt.NDArray[np.float32]

LARGEST = 1e15
"""Of a number: its square must be one, too, as rows are scaled to length 1."""


SHOWN = 4
"""Words that an error or a warning shows of a file."""


class Rows(dict[str, FloatArray]):
    """Vectors by word.

    `repeated` are the words that had another row further on, which was left out, as in gensim; `first` are the file's
    first words, to be shown where few are found.
    """

    def __init__(self) -> None:
        super().__init__()
        self.repeated: list[str] = []
        self.first: list[str] = []

    def begins(self, word: bytes) -> None:
        """A word of the file; the first few are kept."""
        if len(self.first) < SHOWN:
            self.first.append(word.decode("utf-8", "replace"))

    def take(self, word: str, row: FloatArray) -> None:
        """Takes the `row` of a word, (D,), unless it has one."""
        if not np.array_equal(self.setdefault(word, row), row):
            self.repeated.append(word)


class Foreign:
    """Words of a file in no UTF-8, by which no text finds them: whether one of them is wanted, read as Latin-1."""

    def __init__(self, name: str, wanted: Set[str]) -> None:
        self._name, self._wanted = name, wanted
        self._found: dict[str, int] = {}

    def note(self, word: bytes, number: int) -> None:
        """A word that is not ASCII, and its line (in a binary file: how manieth it is)."""
        try:
            word.decode()
        except UnicodeDecodeError:
            if (text := word.decode("latin-1")) in self._wanted:
                self._found.setdefault(text, number)

    def refuse(self, rows: Rows) -> None:
        """Refuses a file with a wanted word that was found in Latin-1 alone.

        Raises:
            DataError: there is one; the line says how to convert the file.
        """
        for text, number in self._found.items():
            if text not in rows:
                raise DataError(
                    f"{self._name}:{number}: expected words in UTF-8, found {text!r} in Latin-1; "
                    "convert the file (iconv -f latin1 -t UTF-8 OLD > NEW)"
                )


def wrong_number(row: FloatArray) -> int | None:
    """The place in `row`, (D,), of the first number that is none (NaN, infinity) or beyond all measure."""
    return next(iter(np.flatnonzero(~(np.abs(row) < LARGEST)).tolist()), None)


def check_row(name: str, word: str, row: FloatArray) -> FloatArray:
    """The row (D,) of a word.

    Raises:
        DataError: a number in it is NaN, infinite, or beyond `LARGEST`.
    """
    if (wrong := wrong_number(row)) is not None:
        raise DataError(f"{name}: expected numbers in the row of {word!r}, found {row[wrong]}")
    return row


def check_dimension(name: str, found: int, expected: int) -> None:
    """Refuses a file whose vectors are of another dimension.

    Raises:
        DataError: they are.
    """
    if found != expected:
        raise DataError(f"{name}: expected word vectors of {expected} dimensions, found {found}")
