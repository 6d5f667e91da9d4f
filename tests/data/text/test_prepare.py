"""Files to numbers: mapped where possible, bounded memory where not, the same for every packing."""

import lzma
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.text import files as text_files
from sru_repro.data.text import numbering, prepare
from sru_repro.data.text.files import TextFile
from sru_repro.data.text.prepare import prepare_bytes, prepare_words
from sru_repro.data.text.prepared import Prepared

TEXT = b"a cat sat on the mat ,\nand so on .\n" * 40


def words(path: Path, size: int = 0) -> Prepared:
    return prepare_words([[TextFile(path)]], size, {"data": "x"}, "x")


def test_a_plain_file_is_mapped_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    found = prepare_bytes([[TextFile(path)]], "bytes", {"data": "x"}, "x")
    assert b"".join(split.tobytes() for split in found.splits) == TEXT
    assert isinstance(found.splits[0], np.memmap) and found.splits[0].filename == path
    assert not (tmp_path / "cache").exists()


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)

    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(prepare, "text_fingerprint", refuse)
    with pytest.raises(DataError, match=r"a.txt: expected a file to read, found Permission denied"):
        prepare_bytes([[TextFile(path)]], "bytes", {}, "x")


def test_packing_does_not_change_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(TEXT))
    plain, packed = (
        prepare_bytes([[TextFile(tmp_path / name)]], "bytes", {"data": "x"}, "x")
        for name in ("a.txt", "a.txt.xz")
    )
    assert plain.fingerprint == packed.fingerprint
    assert all(np.array_equal(*both) for both in zip(plain.splits, packed.splits, strict=True))
    assert words(tmp_path / "a.txt").fingerprint == words(tmp_path / "a.txt.xz").fingerprint


def test_fingerprint_follows_bytes_and_options(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    levels = [prepare_bytes([[TextFile(path)]], level, {}, "x").fingerprint for level in ("bytes", "symbols")]
    assert len({*levels, words(path).fingerprint, words(path, 5).fingerprint}) == 4
    before = path.stat()
    path.write_bytes(TEXT.replace(b"cat", b"dog", 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000))
    assert prepare_bytes([[TextFile(path)]], "bytes", {}, "x").fingerprint != levels[0]
    assert "dog" in words(path).symbols.items


def test_memory_does_not_grow_with_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as much text takes no more memory, and far less than the text."""
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 1 << 14)
    monkeypatch.setattr(numbering, "SLICE", 1 << 14)
    (tmp_path / "warm.txt").write_bytes(TEXT)
    words(tmp_path / "warm.txt")  # imports
    peaks = {}
    for copies in (100, 1000):
        path = tmp_path / f"{copies}.txt.xz"
        path.write_bytes(lzma.compress(TEXT * copies, preset=0))
        tracemalloc.start()
        words(path)
        prepare_bytes([[TextFile(path)]], "symbols", {}, "x")
        peaks[copies] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[1000] < 1.1 * peaks[100] + 100_000
    assert peaks[1000] < 3_000_000  # of a text of 1.4 MB that as a list of words would take 24 MB
