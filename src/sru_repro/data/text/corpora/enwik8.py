"""enwik8: the first 100,000,000 bytes of English Wikipedia's XML of March 2006, split 90M/5M/5M.

The whole file, its zip archive, or a beginning of it named `enwik8.first<bytes>`, which is split in the same
proportions. The papers count 205 distinct bytes in the whole.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from ....core.errors import DataError
from ...store.fetch import Remote, digest, find, locate
from ...store.packing import packing
from ..corpus import ALL_BYTES, Corpus, Text, TextOptions, amount
from ..files import TextFile
from ..prepare import Check, prepare_bytes
from ..symbols import Level

SIZE = 100_000_000
"""Bytes."""
MD5 = "a1fa5ffddb56f4953e226637dabbb36a"
URL = "http://mattmahoney.net/dc/enwik8.zip"

_RAW = ["enwik8/enwik8", "enwik8"]
_ZIPPED = ["enwik8/enwik8.zip", "enwik8.zip"]
_CHECKED = {4_154_399: "d502ac7ecb9dd47a062e7d19b8dcd3c753b07c142e48b13dcd521cb747116bdd"}
"""SHA-256 of beginnings by their size."""
_BEGINNING = re.compile(r"enwik8\.first(\d+)")


class Enwik8(Corpus):
    """What there is of enwik8: the whole if it is there, else its longest beginning, else the whole, fetched."""

    levels = ("bytes", "symbols")
    published: ClassVar[Mapping[Level, int]] = {"bytes": ALL_BYTES, "symbols": 205}
    instead = "for its words use task.corpus=text task.path=enwik8/enwik8"

    @classmethod
    def load(cls, data_dir: Path, options: TextOptions) -> Text:
        """See `Corpus`.

        Raises:
            DataError: the file is not to be had, cut, or another than its name or checksum says.
        """
        path = (None if find(data_dir, _RAW) else find(data_dir, _ZIPPED)) or _raw(data_dir)
        check = _whole(path) if packing(path) == ".zip" else None
        found = prepare_bytes([[TextFile(path)]], options.level, {"data": "enwik8"}, str(path), check)
        size = sum(map(len, found.splits))
        share = size / SIZE
        part = "" if size == SIZE else f"the first {100 * share:.3g} % of enwik8"
        return Text.of(
            found,
            description=f"{part or 'enwik8'}, {amount(size, 'bytes')}",
            source=str(path.relative_to(data_dir)),
            share=share,
            why_not=part,
            notes=(f"{amount(size, 'bytes')}, {len(found.symbols)} symbols, split 90/5/5 by bytes",),
            warnings=tuple(_not_checked(path)),
        )


def _raw(data_dir: Path) -> Path:
    """The whole file if it is there, else the longest beginning of it, else the whole file, fetched.

    Raises:
        DataError: a beginning is not as long as its name says, or nothing is to be had.
    """
    if find(data_dir, _RAW) is None and (beginnings := sorted(_beginnings(data_dir))):
        size, path = beginnings[-1]
        if path.stat().st_size != size or size > SIZE:
            raise DataError(
                f"{path}: expected the first {size:,} bytes of enwik8, as its name says, "
                f"found {path.stat().st_size:,}: cut, or renamed"
            )
        return path
    also = [*_ZIPPED, "enwik8/enwik8.first<bytes>"]
    return locate(data_dir, [*_RAW, *also], Remote(URL, f"md5:{MD5}", "enwik8"))


def _not_checked(path: Path) -> Iterator[str]:
    """A line for a beginning with other bytes than the one of its size that was checked."""
    expected = _CHECKED.get(path.stat().st_size)
    if expected and (found := digest(path)) != expected:
        yield (
            f"{path}: expected the beginning of enwik8 (sha256 {expected}), found other bytes (sha256 {found}): "
            "damaged; numbers measured on it are not enwik8's"
        )


def _beginnings(data_dir: Path) -> Iterator[tuple[int, Path]]:
    for folder in (data_dir, data_dir / "enwik8"):
        for path in folder.glob("enwik8.first*"):
            if match := _BEGINNING.fullmatch(path.name):
                yield int(match[1]), path


def _whole(path: Path) -> Check:
    """Passes the blocks of an archive on, and raises DataError when they were not those of enwik8."""

    def check(blocks: Iterable[bytes]) -> Iterator[bytes]:
        content = hashlib.md5()
        for block in blocks:
            content.update(block)
            yield block
        if content.hexdigest() != MD5:
            raise DataError(
                f"{path}: expected enwik8 with md5 {MD5} inside, found {content.hexdigest()}: "
                f"another version; delete it to have it fetched from {URL}"
            )

    return check
