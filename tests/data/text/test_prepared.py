"""Prepared texts: three splits of one memory map, and a fingerprint of what they hold."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from sru_repro.data.text.prepared import Meta, Prepared, prepared, progress


def load(name: str = "x", shift: int = 0, **options: object) -> Prepared:
    """Ten numbers in three splits, from `shift` on."""

    def build(folder: Path) -> Meta:
        np.arange(shift, shift + 10, dtype=np.uint16).tofile(folder / "ids")
        return Meta("uint16", (6, 8, 10), ("a", "b"), {"test_unknown": 1})

    return prepared({"files": [[name, 1, 2]]}, options, build)


def test_built_and_mapped(tmp_path: Path) -> None:
    first, second = load(), load()
    for found in (first, second):
        assert [split.tolist() for split in found.splits] == [[0, 1, 2, 3, 4, 5], [6, 7], [8, 9]]
        assert all(isinstance(split, np.memmap) and not split.flags.writeable for split in found.splits)
        assert (found.symbols.items, found.counts) == (("a", "b"), {"test_unknown": 1})
    assert first.fingerprint == second.fingerprint
    (folder,) = (tmp_path / "cache").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["ids", "meta.json"]


def test_fingerprint_depends_on_numbers_and_options_not_on_files() -> None:
    one = load("x")
    assert load("y").fingerprint == one.fingerprint
    assert load("x", level="words").fingerprint != one.fingerprint
    assert load("z", shift=1).fingerprint != one.fingerprint


def test_the_fingerprint_that_records_hold() -> None:
    """It must never change: runs made before would be done again."""
    assert load("x", level="words").fingerprint == "36fa9f441604c586"


def test_a_bar_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for kind, quiet in ((io.StringIO, True), (Terminal, False)):
        screen = kind()
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setenv("TERM", "xterm")
        with progress("preparing a text", 10) as advance:
            advance(10)
        assert (screen.getvalue() == "") is quiet
    assert "preparing a text" in screen.getvalue() and "100%" in screen.getvalue()
