"""Text that every machine has: the sources of Python's standard library, read where they are installed.

All library modules in the order of their names: the same text for every installation of one Python release.
"""

import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from ....core.errors import ConfigError, DataError
from ...store.fetch import fingerprint
from ..corpus import ALL_BYTES, Corpus, Text, TextOptions
from ..prepared import Prepared
from ..symbols import Level, Symbols

MIN_BYTES = 20_000
"""Fewer are no text to train on."""

SKIPPED_FOLDERS = {
    *("test", "tests", "idle_test", "idlelib", "site-packages", "dist-packages", "__pycache__"),
    # Long tables of characters and of help texts, unlike the programs around them.
    *("encodings", "pydoc_data"),
}


class StandardLibrary(Corpus):
    """The first `max_bytes` of it, split 90/5/5 by bytes."""

    levels = ("bytes",)
    published: ClassVar[Mapping[Level, int]] = {"bytes": ALL_BYTES}
    takes = ("max_bytes",)

    @classmethod
    def load(cls, data_dir: Path, options: TextOptions) -> Text:
        """See `Corpus`.

        Raises:
            ConfigError: fewer bytes than `MIN_BYTES` are asked for.
            DataError: there is too little source text, as in a Python that is packed into one file.
        """
        return library_text(options.max_bytes, Path(sysconfig.get_path("stdlib")))


def library_text(max_bytes: int, root: Path) -> Text:
    """The first `max_bytes` of the modules below `root`.

    Raises:
        ConfigError: `max_bytes` is below `MIN_BYTES`.
        DataError: there is too little source text, as in a Python that is packed into one file.
    """
    if max_bytes < MIN_BYTES:
        raise ConfigError(f"task.max_bytes={max_bytes}: expected at least {MIN_BYTES}")
    paths, size = [], 0
    for path in _modules(root):
        if size >= max_bytes:
            break
        paths.append(path)
        size += path.stat().st_size
    text = np.frombuffer(b"".join(path.read_bytes() for path in paths)[:max_bytes], dtype=np.uint8)
    if len(text) < MIN_BYTES:
        raise DataError(f"{root}: expected at least {MIN_BYTES} bytes of Python sources, found {len(text)}")
    train, val, test = np.split(text, [len(text) * 90 // 100, len(text) * 95 // 100])
    mark = fingerprint(paths, {"data": "stdlib", "max_bytes": max_bytes})
    return Text.of(
        Prepared((train, val, test), Symbols.all_bytes(), {}, mark),
        description=f"standard library sources, {len(text) / 1e6:.1f} MB",
        source="Python's standard library",
        why_not="not a data set of the papers",
        notes=(f"{len(text):,} bytes of the sources of Python's standard library, split 90/5/5",),
    )


def _modules(root: Path) -> list[Path]:
    """All modules by name. Packages from elsewhere are not even walked through: they may be very many."""
    found = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = set(subfolders) - SKIPPED_FOLDERS
        # _sysconfigdata*.py holds the build settings of one machine.
        found += [
            Path(folder, name) for name in files if name.endswith(".py") and name[:14] != "_sysconfigdata"
        ]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())
