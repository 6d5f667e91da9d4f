"""A folder of prepared data that is made once, and found again by what it was made from.

It holds what its builder wrote, and `meta.json`: what it was made from, what the builder said, the sizes of its files.
It is written under another name and renamed when it is whole, so a reader sees all of it or nothing, and two runs that
prepare the same data do no harm. Its fingerprint is taken again whenever it is used: one that is cut or changed is made
again.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import DataError
from .fetch import fingerprint

CACHE_VARIABLE = "SRU_REPRO_CACHE"
"""Environment variable with the folder for prepared data; the data folder itself may be read-only."""

VERSION = 1
"""Part of every key: a change of the format, or of what is prepared, makes old folders strange."""

Facts = Mapping[str, Any]
"""What a builder has to say beside its files, in JSON's types."""


@dataclass(frozen=True)
class Kept:
    """A whole folder of the cache, what its builder said, and the fingerprint of both."""

    folder: Path
    facts: Facts
    fingerprint: str


def kept_folder(
    name: str,
    key: Mapping[str, object],
    build: Callable[[Path], Facts],
    mark: Callable[[Path, Facts], str] | None = None,
) -> Kept:
    """The folder `NAME-...` that `key` names, from the cache or built.

    Args:
        name: how the folder's name begins.
        key: what the data are made from, in JSON's types.
        build: gets an empty folder, writes files into it, and says what there is to say.
        mark: makes the fingerprint of folder and facts; without it, that depends on the contents of the files and on
            the facts, not on the key.

    Raises:
        DataError: the cache cannot be written, or `build` refuses its data.
    """
    marked = mark or _mark
    key = json.loads(json.dumps({"version": VERSION, **key}))
    cache = Path(os.environ.get(CACHE_VARIABLE, "runs/.cache"))
    kept = cache / f"{name}-{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]}"
    if (found := _read(kept, key, marked)) is not None:
        return found
    made = [place for place in (cache, *cache.parents) if not place.exists()]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="part-", dir=cache) as part:
            folder = Path(part, name)
            folder.mkdir()
            facts = build(folder)
            files = sorted(folder.iterdir())
            meta = {
                "key": key,
                "facts": facts,
                "fingerprint": marked(folder, facts),
                "sizes": {path.name: path.stat().st_size for path in files},
            }
            (folder / "meta.json").write_text(json.dumps(meta))
            if _read(kept, key, marked) is None:
                shutil.rmtree(kept, ignore_errors=True)
                with suppress(OSError):  # another run may have been faster; whether it was is seen below
                    folder.rename(kept)
    except DataError:  # data that are refused leave nothing behind
        with suppress(OSError):
            for place in made:
                place.rmdir()
        raise
    except OSError as error:
        raise DataError(
            f"{cache}: expected a folder with room for prepared data ({error.strerror or error}); "
            f"name another one by {CACHE_VARIABLE}"
        ) from error
    if (found := _read(kept, key, marked)) is None:
        raise DataError(f"{kept}: expected the data just prepared, found others; delete this folder")
    return found


def _mark(folder: Path, facts: Facts) -> str:
    """A fingerprint of all files and facts."""
    files = sorted(path for path in folder.iterdir() if path.name != "meta.json")
    return fingerprint(files, {"facts": facts})


def _read(folder: Path, key: Mapping[str, object], mark: Callable[[Path, Facts], str]) -> Kept | None:
    """A folder of the cache; None when it is missing, another key's, or a byte of it is not what was written."""
    try:
        meta = json.loads((folder / "meta.json").read_bytes())
        if meta["key"] != key:
            return None
        if any((folder / name).stat().st_size != size for name, size in meta["sizes"].items()):
            return None
        if {path.name for path in folder.iterdir()} != {*meta["sizes"], "meta.json"}:
            return None
        if mark(folder, meta["facts"]) != meta["fingerprint"]:
            return None
        return Kept(folder, meta["facts"], meta["fingerprint"])
    except (DataError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_strings(folder: Path, name: str, strings: Iterable[str]) -> None:
    """Many strings as `Strings` reads them."""
    ends, end = [], 0
    with (folder / f"{name}.txt").open("wb") as out:
        for string in strings:
            end += out.write(string.encode())
            ends.append(end)
    np.array(ends, dtype=np.int64).tofile(folder / f"{name}.ends")
