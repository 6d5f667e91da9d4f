"""Files of word vectors, read for the wanted rows only: word2vec binary, word2vec text, GloVe text, cut ones.

A cut file, `ORIGINAL NAME.cut.npz`, holds some rows of another, in half precision: `words` (uint8), their UTF-8 bytes
one behind the other; `ends` (int64), where each ends; `rows` (float16), V words by D features.
"""

import gzip
import zipfile
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from ...core.errors import DataError

FloatArray = npt.NDArray[np.float32]
Rows = dict[str, FloatArray]

BINARY_SUFFIXES = (".bin", ".bin.gz", "-300.gz")
TEXT_SUFFIXES = (".txt", ".txt.gz", ".vec", ".zip")
CUT_SUFFIX = ".cut.npz"
SUFFIXES = (*BINARY_SUFFIXES, *TEXT_SUFFIXES, CUT_SUFFIX)


def read_rows(path: Path, wanted: Set[str], dim: int) -> Rows:
    """The vectors of the wanted words that the file has.

    Raises DataError, naming the file, for another dimension, an unknown kind of file, or one that is cut.
    """
    if not path.name.endswith(SUFFIXES):
        raise DataError(f"{path}: expected word vectors in a file whose name ends in {', '.join(SUFFIXES)}")
    cut, binary = path.name.endswith(CUT_SUFFIX), path.name.endswith(BINARY_SUFFIXES)
    try:
        return (_read_cut if cut else _read_binary if binary else _read_text)(path, wanted, dim)
    except ImportError as error:
        raise DataError(
            f"{path}: expected gensim to read word2vec's binary format with, found none; install it, or cut the file "
            "where it is installed (sru-repro pack)"
        ) from error
    except (EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: expected whole word vectors, found a cut or damaged file ({error})"
        ) from error


def _read_binary(path: Path, wanted: Set[str], dim: int) -> Rows:
    """word2vec's binary format by way of gensim, which is told to forget the other words.

    gensim makes room for every word of the file, but memory that is never written to is never taken: the
    three million vectors of Google News (3.6 GB) pass through a small machine.
    """
    from gensim.models import KeyedVectors

    class WantedVectors(KeyedVectors):
        """Gives rows to the wanted words only."""

        def add_vector(self, key: str, vector: FloatArray) -> int:
            return int(super().add_vector(key, vector)) if key in wanted else int(self.next_index)

        def set_vecattr(self, key: str, attr: str, val: object) -> None:
            """Leave out the word frequencies, which gensim makes up for this format."""

    with _opened(path, dim) as file:
        header = file.readline(100).split()
    if len(header) != 2 or not all(number.isdigit() for number in header):
        raise DataError(f"{path}: expected a line '<words> <dimensions>' at the start of word2vec's format")
    _check_dimension(path, int(header[1]), dim)
    vectors = WantedVectors.load_word2vec_format(str(path), binary=True, unicode_errors="replace")
    return {word: vectors.vectors[row] for word, row in vectors.key_to_index.items()}


def _read_text(path: Path, wanted: Set[str], dim: int) -> Rows:
    """Lines of a word and its numbers, with or without word2vec's line `<words> <dimensions>` before them.

    Some words of GloVe 840B hold spaces, so the numbers are split off from the right. Lines of no interest,
    nearly all of 5.6 GB, cost no more than the search for their first space.
    """
    words = {word.encode(): word for word in wanted}
    rows: Rows = {}
    number = expected = 0
    with _opened(path, dim) as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                first = line.split()
                expected = int(first[0]) if len(first) == 2 else 0
                _check_dimension(path, int(first[1]) if expected else len(first) - 1, dim)
                if expected:
                    continue
            start = line[: line.find(b" ")]
            if start not in words and line.endswith(b"\n"):
                continue
            word, *numbers = line.rstrip().rsplit(b" ", dim)
            if len(numbers) != dim:
                raise DataError(f"{path}:{number}: expected a word and {dim} numbers, found {len(numbers)}")
            if word in words:
                rows.setdefault(words[word], np.array(numbers).astype(np.float32))
    if number == 0 or (expected and number - 1 != expected):
        raise DataError(f"{path}: expected {expected or 'some'} word vectors, found {max(0, number - 1)}")
    return rows


def _read_cut(path: Path, wanted: Set[str], dim: int) -> Rows:
    """What `write_cut` has written."""
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        names = {"words", "ends", "rows"}
        if missing := names - {name.removesuffix(".npy") for name in archive.namelist()}:
            raise ValueError(f"no {', '.join(sorted(missing))} in it")
    with np.load(path) as stored:
        words, ends, rows_VD = (stored[name] for name in ("words", "ends", "rows"))
    if (words.dtype, ends.dtype, rows_VD.dtype, rows_VD.ndim) != (np.uint8, np.int64, np.float16, 2):
        raise ValueError("its arrays are of other types or shapes")
    _check_dimension(path, rows_VD.shape[1], dim)
    if len(ends) != len(rows_VD) or (np.diff(ends, prepend=0) <= 0).any() or ends[-1:].sum() != len(words):
        raise ValueError(f"words and their {len(rows_VD):,} rows do not fit together")
    text = words.tobytes()
    starts = [0, *ends[:-1].tolist()]
    found = (text[start:end].decode() for start, end in zip(starts, ends.tolist(), strict=True))
    return {word: row.astype(np.float32) for word, row in zip(found, rows_VD, strict=True) if word in wanted}


def write_cut(path: Path, rows: Mapping[str, FloatArray]) -> None:
    """Write some rows, at least one, as `read_rows` reads them: rounded to half precision, in their order."""
    words = [word.encode() for word in rows]
    np.savez(
        path,
        words=np.frombuffer(b"".join(words), dtype=np.uint8),
        ends=np.cumsum([len(word) for word in words], dtype=np.int64),
        rows=np.stack(list(rows.values())).astype(np.float16),
    )


@contextmanager
def _opened(path: Path, dim: int) -> Iterator[IO[bytes]]:
    """The bytes of a plain, gzipped or zipped file; an archive of several files holds one per dimension."""
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            yield file  # type: ignore[misc]
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            fitting = [name for name in names if f".{dim}d." in name] or names
            if len(fitting) != 1:
                raise DataError(f"{path}: expected one file of {dim} dimensions, found {', '.join(names)}")
            with archive.open(fitting[0]) as file:
                yield file
    else:
        with path.open("rb") as file:
            yield file


def _check_dimension(path: Path, found: int, expected: int) -> None:
    if found != expected:
        raise DataError(f"{path}: expected word vectors of {expected} dimensions, found {found}")
