"""Text files to memory-mapped numbers: reading, numbering and the cache put together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from ...core.errors import DataError
from ..store.packing import packing
from .files import TextFile, blocks, chunks, starts_with_mark
from .numbering import number_bytes, number_words, split_ends
from .prepared import Meta, Prepared, open_ids, prepared, progress, text_fingerprint
from .symbols import Level, Symbols

Splits = Sequence[Sequence[TextFile]]
"""The files of train, validation and test; or of one text, which is cut 90/5/5."""

_READ = 2
"""Part of every key: a change of how files are read makes texts prepared before strange."""

Check = Callable[[Iterable[bytes]], Iterator[bytes]]
"""Passes blocks on, and raises DataError at their end when they are not what was expected."""


def prepare_bytes(
    splits: Splits, level: Level, options: Mapping[str, object], source: str, check: Check | None = None
) -> Prepared:
    """Byte level: a single plain file is mapped as it is, anything else is unpacked and renumbered once.

    Args:
        splits: the files.
        level: "bytes" or "symbols".
        options: what else the text's fingerprint depends on.
        source: what messages call the text.
        check: looks at the blocks of each split as they pass.

    Raises:
        DataError: a file cannot be read, there is too little text, or the cache cannot be written.
    """
    options = {**options, "level": level}
    files = list(chain.from_iterable(splits))
    plain = level == "bytes" and len(files) == 1 and not packing(files[0].path)
    if plain and not starts_with_mark(files[0].path):
        path = files[0].path
        meta = Meta(
            "uint8", split_ends([path.stat().st_size], "bytes", source), Symbols.all_bytes().items, {}
        )
        try:
            return open_ids(path, meta, text_fingerprint(path, meta, options))
        except OSError as error:
            raise DataError(f"{path}: expected a file to read, found {error.strerror or error}") from error

    def build(folder: Path) -> Meta:
        with progress(f"preparing {source}", _size(files)) as advance:
            read = [chain.from_iterable(blocks(file, advance) for file in split) for split in splits]
            return number_bytes([check(part) for part in read] if check else read, level, folder, source)

    return prepared(_key(splits), options, build)


def prepare_words(
    splits: Splits, vocabulary_size: int, options: Mapping[str, object], source: str
) -> Prepared:
    """Word level: words at white space, `<eos>` at line ends, the vocabulary of the training split.

    Raises:
        DataError: a file is no UTF-8, there is too little text, or the cache cannot be written.
    """

    def build(folder: Path) -> Meta:
        with progress(f"preparing {source}", _size(files)) as advance:
            read = [chain.from_iterable(map(partial(chunks, advance=advance), split)) for split in splits]
            return number_words(read, vocabulary_size, folder, source)

    files = list(chain.from_iterable(splits))
    return prepared(_key(splits), {**options, "level": "words", "vocabulary_size": vocabulary_size}, build)


def _size(files: Sequence[TextFile]) -> int:
    return sum(file.size for file in files)


def _key(splits: Splits) -> Mapping[str, object]:
    return {"read": _READ, "files": [[file.identity() for file in split] for split in splits]}
