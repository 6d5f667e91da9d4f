"""Rows of word vectors kept on disk for the words of a data set, and what is said where a file has few of them."""

import hashlib
import json
import os
import pickle
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ...core.errors import DataError
from .cache import CACHE_VARIABLE
from .packing import require_file
from .vector_files import read_rows
from .vector_rows import SHOWN

ENOUGH = 0.5
"""Of the words, and of their occurrences, that a file should have."""

_VERSION = 2
"""Part of every key: a change of what is read makes old files strange."""


_DAMAGED = (OSError, RuntimeError, EOFError, LookupError, ValueError, TypeError, pickle.PickleError)
"""What torch raises for a file that is missing, cut or another's; RuntimeError for most."""


@dataclass(frozen=True)
class FoundRows:
    """What a file has for some words.

    Attributes:
        rows: by word, (D,) each, float32.
        first: the first words of the file.
        repeated: words that it has more than one row of: the first one counts.
    """

    rows: Mapping[str, Tensor] = field(default_factory=dict)
    first: Sequence[str] = ()
    repeated: Sequence[str] = ()


NOTHING = FoundRows()


def cached_rows(path: Path, wanted: set[str], dim: int) -> FoundRows:
    """`read_rows`, remembered on disk for the same file (name, size, time stamp) and the same words.

    Raises:
        DataError: as `read_rows`.
    """
    require_file(path)
    stat = path.stat()
    key = json.dumps([_VERSION, path.name, stat.st_size, stat.st_mtime_ns, dim, sorted(wanted)])
    cache = Path(os.environ.get(CACHE_VARIABLE, "runs/.cache"))
    kept = cache / f"vectors-{hashlib.sha256(key.encode()).hexdigest()[:24]}.pt"
    # A cache that is absent, cut, damaged or unreadable is only a cache: read the file itself.
    with suppress(
        OSError,
        RuntimeError,
        EOFError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        pickle.PickleError,
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch has to say of another's file
            stored = torch.load(kept, weights_only=True)
        content = {name: stored[name] for name in ("words", "first", "repeated")}
        if stored["sha256"] == _digest(content, stored["rows_VD"]):
            rows = dict(zip(stored["words"], stored["rows_VD"], strict=True))
            return FoundRows(rows, stored["first"], stored["repeated"])
    found = read_rows(path, wanted, dim)
    words = sorted(found)
    rows_VD = torch.stack([torch.from_numpy(found[word]) for word in words]) if words else torch.empty(0, dim)
    content = {"words": words, "first": found.first, "repeated": found.repeated}
    with suppress(OSError, RuntimeError):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as part:
            torch.save(
                {**content, "rows_VD": rows_VD, "sha256": _digest(content, rows_VD)}, Path(part, kept.name)
            )
            os.replace(Path(part, kept.name), kept)
    return FoundRows(dict(zip(words, rows_VD, strict=True)), found.first, found.repeated)


def _digest(content: Mapping[str, object], rows_VD: Tensor) -> str:
    hashed = hashlib.sha256(json.dumps([content, list(rows_VD.shape), str(rows_VD.dtype)]).encode())
    hashed.update(rows_VD.numpy().tobytes())
    return hashed.hexdigest()


def warnings_of(
    path: Path, found: FoundRows, words: Sequence[str], shares: tuple[float, float]
) -> tuple[str, ...]:
    """What the screen says of a file: that it has few of the words (most frequent first), or several rows of one.

    Args:
        path: the file.
        found: what it had.
        words: of the data, the most frequent first.
        shares: of the words, and of their occurrences, that were found; 0 to 1.

    Raises:
        DataError: none was found.
    """
    both = f"its first words are {_shown(found.first)}, those of the data {_shown(words)}"
    if words and not shares[0]:
        raise DataError(
            f"{path}: expected vectors of the words of the data, found none of {len(words):,}; {both}"
        )
    said = []
    if words and min(shares) < ENOUGH:
        said.append(
            f"{path}: word vectors cover {shares[0]:.1%} of the words ({shares[1]:.1%} of their occurrences), "
            f"the others get random rows; {both}"
        )
    if found.repeated:
        some = dict.fromkeys(found.repeated)
        said.append(
            f"{path}: {len(some):,} words have several rows ({_shown(list(some))}); the first is used"
        )
    return tuple(said)


def _shown(words: Sequence[str]) -> str:
    return ", ".join(map(repr, words[:SHOWN])) or "none"
