"""enwik8: the first 100,000,000 bytes of English Wikipedia's XML of March 2006, split 90M/5M/5M.

The whole file, its zip archive, or a beginning of it named `enwik8.first<bytes>`, which is split in the same
proportions. The papers count 205 distinct bytes in the whole.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..core.errors import ConfigError, DataError
from .corpus import Corpus, amount
from .fetch import Remote, find, locate
from .prepare import Check, prepare_bytes
from .symbols import Level
from .text_files import TextFile

SIZE = 100_000_000
MD5 = "a1fa5ffddb56f4953e226637dabbb36a"
URL = "http://mattmahoney.net/dc/enwik8.zip"

_RAW = ["enwik8/enwik8", "enwik8"]
_ZIPPED = ["enwik8/enwik8.zip", "enwik8.zip"]
_BEGINNING = re.compile(r"enwik8\.first(\d+)")


def load_enwik8(data_dir: Path, level: Level) -> Corpus:
    """What there is of enwik8 below `data_dir`, else the whole, fetched; level `bytes` or `symbols`.

    Raises DataError for a file that is neither the whole nor the beginning that its name promises.
    """
    if level == "words":
        raise ConfigError(
            "task.level=words: expected bytes or symbols with enwik8; "
            "for its words use task.corpus=text task.path=enwik8/enwik8"
        )
    path = (None if find(data_dir, _RAW) else find(data_dir, _ZIPPED)) or _raw(data_dir)
    check = _whole(path) if path.suffix == ".zip" else None
    found = prepare_bytes([[TextFile(path)]], level, {"data": "enwik8"}, str(path), check)
    size = sum(map(len, found.splits))
    share = size / SIZE
    part = "" if size == SIZE else f"the first {100 * share:.3g} % of enwik8"
    train, val, test = found.splits
    return Corpus(
        train=train,
        val=val,
        test=test,
        symbols=found.symbols,
        fingerprint=found.fingerprint,
        description=f"{part or 'enwik8'}, {amount(size, 'bytes')}",
        source=str(path.relative_to(data_dir)),
        share=share,
        comparable=not part,
        why_not=part,
        notes=(f"{amount(size, 'bytes')}, {len(found.symbols)} symbols, split 90/5/5 by bytes",),
    )


def _raw(data_dir: Path) -> Path:
    """The whole file if it is there, else the longest beginning of it, else the whole file, fetched."""
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
