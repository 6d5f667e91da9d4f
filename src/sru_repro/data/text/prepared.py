"""Texts that were numbered once: kept on disk (`data/store/cache.py`), memory-mapped by every run after.

A prepared text is the file `ids`: the numbers, one split after the other, nothing else.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..store.cache import Facts, kept_folder
from ..store.fetch import fingerprint
from .files import Advance
from .symbols import Symbols

Ids = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Meta:
    """What a builder found: type of the numbers, where each split ends, the vocabulary, other counts."""

    dtype: str
    ends: tuple[int, int, int]
    items: tuple[int, ...] | tuple[str, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Prepared:
    """The three `splits` as read-only memory maps, (N,) each, what they stand for, and the builder's counts."""

    splits: tuple[Ids, Ids, Ids]
    symbols: Symbols
    counts: Mapping[str, int]
    fingerprint: str


def prepared(
    key: Mapping[str, object], options: Mapping[str, object], build: Callable[[Path], Meta]
) -> Prepared:
    """The text that `key` and `options` name, from the cache or built.

    Args:
        key: which files the text comes from.
        options: what the fingerprint depends on besides the numbers and the vocabulary.
        build: gets an empty folder and writes the file `ids` into it.

    Raises:
        DataError: the cache cannot be written, or `build` refuses the text.
    """

    def facts(folder: Path) -> Facts:
        return vars(build(folder))

    def mark(folder: Path, found: Facts) -> str:
        return text_fingerprint(folder / "ids", Meta(**found), options)

    kept = kept_folder("text", {**key, "options": options}, facts, mark)
    meta = Meta(
        kept.facts["dtype"],
        tuple(kept.facts["ends"]),
        tuple(kept.facts["items"]),
        kept.facts["counts"],
    )
    return open_ids(kept.folder / "ids", meta, kept.fingerprint)


def text_fingerprint(ids: Path, meta: Meta, options: Mapping[str, object]) -> str:
    """The fingerprint of a text in numbers: it depends on these, on what they stand for, and on the options.

    Raises:
        DataError: the file `ids` cannot be read.
    """
    vocabulary = hashlib.sha256(json.dumps(meta.items).encode()).hexdigest()
    return fingerprint([ids], {**options, "ends": meta.ends, "vocabulary": vocabulary})


def open_ids(ids: Path, meta: Meta, fingerprint: str) -> Prepared:
    """A file of numbers as three memory maps."""
    mapped = np.memmap(ids, dtype=meta.dtype, mode="r")
    train, val, _ = meta.ends
    splits = (mapped[:train], mapped[train:val], mapped[val:])
    return Prepared(splits, Symbols(meta.items), meta.counts, fingerprint)


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """A bar with the time left, on standard error where that is a terminal; calls add up to `total`."""
    if not sys.stderr.isatty():
        yield lambda amount: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda amount: bar.advance(task, amount)
