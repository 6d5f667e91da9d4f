"""Text that every machine has: the sources of Python's standard library, read where they are installed."""

import os
import sysconfig
from pathlib import Path

import numpy as np

from ..core.errors import ConfigError, DataError
from .examples import ByteSplits
from .fetch import fingerprint

DEFAULT_MAX_BYTES = 4_000_000
MIN_BYTES = 20_000

SKIPPED_FOLDERS = {
    *("test", "tests", "idle_test", "idlelib", "site-packages", "dist-packages", "__pycache__"),
    # Long tables of characters and of help texts, unlike the programs around them.
    *("encodings", "pydoc_data"),
}


def load_stdlib_text(max_bytes: int = DEFAULT_MAX_BYTES, folder: Path | None = None) -> ByteSplits:
    """The first `max_bytes` of all library modules in the order of their names, split 90/5/5 by bytes.

    The same for every installation of one Python release. `folder` replaces the library. Raises DataError
    when there is too little source text, as in a Python that is packed into one file.
    """
    if max_bytes < MIN_BYTES:
        raise ConfigError(f"max_bytes={max_bytes}: expected at least {MIN_BYTES}")
    root = folder or Path(sysconfig.get_path("stdlib"))
    paths, size = [], 0
    for path in _modules(root):
        if size >= max_bytes:
            break
        paths.append(path)
        size += path.stat().st_size
    text = np.frombuffer(b"".join(path.read_bytes() for path in paths)[:max_bytes], dtype=np.uint8)
    if len(text) < MIN_BYTES:
        raise DataError(f"{root}: expected at least {MIN_BYTES} bytes of Python sources, found {len(text)}")
    train_end, val_end = len(text) * 90 // 100, len(text) * 95 // 100
    return ByteSplits(
        text[:train_end],
        text[train_end:val_end],
        text[val_end:],
        fingerprint(paths, {"data": "stdlib", "max_bytes": max_bytes}),
        "Python's standard library",
        (f"{len(text):,} bytes of the sources of Python's standard library, split 90/5/5",),
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
