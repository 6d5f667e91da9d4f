"""Files of word vectors, read for the wanted rows only: word2vec binary, word2vec text, GloVe text, cut ones.

A cut file, `ORIGINAL NAME.cut.npz`, holds some rows of another, in half precision: `words` (uint8), their UTF-8 bytes
one behind the other; `ends` (int64), where each ends; `rows` (float16), V words by D features.
"""

import io
import zipfile
from collections.abc import Mapping, Set
from pathlib import Path
from typing import cast

import numpy as np

from ...core.errors import DataError
from .packing import DAMAGED, PROBE, SUFFIXES, members, opened, packing, plain_name, require_file
from .vector_binary import read_binary
from .vector_rows import SHOWN, FloatArray, Rows, check_dimension, check_row
from .vector_text import is_text, read_text

TEXT_SUFFIXES = (".txt", ".vec")
CUT_SUFFIX = ".cut.npz"


def holds_vectors(path: Path) -> bool:
    """Whether the name says so, in either case of its letters."""
    return path.name.lower().endswith(CUT_SUFFIX) or _is_binary(path) or _is_text(path) or _is_either(path)


def _is_binary(path: Path) -> bool:
    return plain_name(path).endswith(".bin")


def _is_text(path: Path) -> bool:
    return plain_name(path).endswith(TEXT_SUFFIXES) or packing(path) == ".zip"


def _is_either(path: Path) -> bool:
    """Packed files of gensim's, word2vec-google-news-300.gz (binary) and glove-twitter-25.gz (text), say no more."""
    return bool(packing(path)) and "." not in plain_name(path)


def read_rows(path: Path, wanted: Set[str], dim: int) -> Rows:
    """The vectors (D,) of the wanted words that the file has; of a word's rows the first.

    Raises:
        DataError: another dimension than `dim`, an unknown kind of file, numbers that are none or beyond all measure, a
            file that is cut; the line names the file and, of text, the line.
    """
    if not holds_vectors(path):
        names = ", ".join((".bin", *TEXT_SUFFIXES, CUT_SUFFIX))
        raise DataError(
            f"{path}: expected word vectors in a file whose name ends in {names} (all but the last also with "
            f"{', '.join(SUFFIXES)} behind)"
        )
    require_file(path)
    try:
        if path.name.lower().endswith(CUT_SUFFIX):
            return _read_cut(path, wanted, dim)
        with opened(path, lambda archive: _member(archive, path, dim)) as stream:
            buffered = cast(io.BufferedReader, stream)
            text = not _is_text(path) and _is_either(path) and is_text(buffered.peek(PROBE))
            read = read_text if text or _is_text(path) else read_binary
            return read(buffered, str(path), wanted, dim)
    except (*DAMAGED, ValueError) as error:
        raise DataError(
            f"{path}: expected whole word vectors, found a cut or damaged file ({error})"
        ) from error


def _member(archive: zipfile.ZipFile, path: Path, dim: int) -> str:
    """The one file of an archive; of several, that of these dimensions.

    Raises:
        DataError: there is not exactly one.
    """
    names = members(archive, path)
    fitting = [name for name in names if f".{dim}d." in name] or names
    if len(fitting) != 1:
        raise DataError(
            f"{path}: expected one file of {dim} dimensions, found {', '.join(names[:4]) or 'none'}"
        )
    return fitting[0]


def _read_cut(path: Path, wanted: Set[str], dim: int) -> Rows:
    """What `write_cut` has written.

    Raises:
        ValueError: it is cut, or its arrays do not fit together.
    """
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        names = {"words", "ends", "rows"}
        if missing := names - {name.removesuffix(".npy") for name in archive.namelist()}:
            raise ValueError(f"no {', '.join(sorted(missing))} in it")
    with np.load(path) as stored:
        words, ends, rows_VD = (stored[name] for name in ("words", "ends", "rows"))
    if (words.dtype, ends.dtype, rows_VD.dtype, rows_VD.ndim) != (np.uint8, np.int64, np.float16, 2):
        raise ValueError("its arrays are of other types or shapes")
    check_dimension(str(path), rows_VD.shape[1], dim)
    if len(ends) != len(rows_VD) or (np.diff(ends, prepend=0) <= 0).any() or ends[-1:].sum() != len(words):
        raise ValueError(f"words and their {len(rows_VD):,} rows do not fit together")
    text = words.tobytes()
    starts = [0, *ends[:-1].tolist()]
    found = (text[start:end].decode() for start, end in zip(starts, ends.tolist(), strict=True))
    rows = Rows()
    rows.first = [text[start:end].decode() for start, end in zip(starts[:SHOWN], ends.tolist(), strict=False)]
    for word, row in zip(found, rows_VD, strict=True):
        if word in wanted:
            rows.take(word, check_row(str(path), word, row.astype(np.float32)))
    return rows


def write_cut(path: Path, rows: Mapping[str, FloatArray]) -> None:
    """Write some rows (D,), at least one, as `read_rows` reads them: rounded to half precision, in their order.

    Raises:
        DataError: a number that half precision does not hold.
    """
    words = [word.encode() for word in rows]
    for word, row in rows.items():
        if (largest := float(np.abs(row).max())) > np.finfo(np.float16).max:
            most = f"{np.finfo(np.float16).max:,.0f}"
            raise DataError(
                f"{path}: expected numbers up to {most}, found {largest:g} in the row of {word!r}"
            )
    np.savez(
        path,
        words=np.frombuffer(b"".join(words), dtype=np.uint8),
        ends=np.cumsum([len(word) for word in words], dtype=np.int64),
        rows=np.stack(list(rows.values())).astype(np.float16),
    )
