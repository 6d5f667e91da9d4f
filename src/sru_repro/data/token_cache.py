"""Texts that were numbered once: kept on disk, memory-mapped by every run after.

A prepared text is a folder with `ids` (the numbers, one split after the other, nothing else) and `meta.json`
(what it was made from, its type and splits, its vocabulary). It is written under another name and renamed when
it is whole, so a reader sees all of it or nothing, and two runs that prepare the same text do no harm.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sru_repro.data.corpus import Ids
from sru_repro.data.fetch import fingerprint
from sru_repro.data.symbols import Symbols
from sru_repro.data.text_files import Advance
from sru_repro.data.vectors import CACHE_VARIABLE
from sru_repro.errors import DataError

VERSION = 1
"""Part of every key: a change of the format makes old folders strange."""


@dataclass(frozen=True)
class Meta:
    """What a builder found: type of the numbers, where each split ends, the vocabulary, other counts."""

    dtype: str
    ends: tuple[int, int, int]
    items: tuple[int, ...] | tuple[str, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Prepared:
    """The three splits as read-only memory maps, what their numbers stand for, and the builder's counts."""

    splits: tuple[Ids, Ids, Ids]
    symbols: Symbols
    counts: Mapping[str, int]
    fingerprint: str


def prepared(
    key: Mapping[str, object], options: Mapping[str, object], build: Callable[[Path], Meta]
) -> Prepared:
    """The text that `key` and `options` name, from the cache or built.

    `build` gets an empty folder and writes the file `ids` into it. The fingerprint depends on the numbers,
    the vocabulary and `options`; `key` says which files the text comes from. Raises DataError when the cache
    cannot be written.
    """
    key = json.loads(json.dumps({"version": VERSION, **key, "options": options}))
    cache = Path(os.environ.get(CACHE_VARIABLE, "runs/.cache"))
    kept = cache / f"text-{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]}"
    if (found := _read(kept, key)) is not None:
        return found
    made = [place for place in (cache, *cache.parents) if not place.exists()]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="part-", dir=cache) as part:
            folder = Path(part, "text")
            folder.mkdir()
            meta = build(folder)
            mark = text_fingerprint(folder / "ids", meta, options)
            (folder / "meta.json").write_text(json.dumps({"key": key, "fingerprint": mark, **vars(meta)}))
            _put(folder, kept, key)
    except DataError:  # a text that is refused leaves nothing behind
        with suppress(OSError):
            for place in made:
                place.rmdir()
        raise
    except OSError as error:
        raise DataError(
            f"{cache}: expected a folder with room for the prepared text ({error.strerror or error}); "
            f"name another one by {CACHE_VARIABLE}"
        ) from error
    found = _read(kept, key)
    if found is None:
        raise DataError(
            f"{kept}: expected the text that was just prepared, found another; delete this folder"
        )
    return found


def text_fingerprint(ids: Path, meta: Meta, options: Mapping[str, object]) -> str:
    """The fingerprint of a text in numbers: it depends on these, on what they stand for, and on the options."""
    vocabulary = hashlib.sha256(json.dumps(meta.items).encode()).hexdigest()
    return fingerprint([ids], {**options, "ends": meta.ends, "vocabulary": vocabulary})


def _put(folder: Path, kept: Path, key: Mapping[str, object]) -> None:
    """Rename a whole folder to its place, unless another run was faster."""
    if _read(kept, key) is None:
        shutil.rmtree(kept, ignore_errors=True)
        try:
            folder.rename(kept)
        except OSError:
            if _read(kept, key) is None:
                raise


def _read(folder: Path, key: Mapping[str, object]) -> Prepared | None:
    """What is in a folder of the cache; None when it is missing, cut, or another text's."""
    try:
        meta: dict[str, Any] = json.loads((folder / "meta.json").read_bytes())
        dtype, ends = np.dtype(meta["dtype"]), [int(end) for end in meta["ends"]]
        if meta["key"] != key or (folder / "ids").stat().st_size != ends[2] * dtype.itemsize:
            return None
        found = Meta(meta["dtype"], (ends[0], ends[1], ends[2]), tuple(meta["items"]), meta["counts"])
        return open_ids(folder / "ids", found, meta["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


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
