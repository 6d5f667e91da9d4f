"""Prepared texts: built once, mapped after, rebuilt when cut or strange, never half there."""

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.text.prepared import Meta, Prepared, prepared, progress


class Builder:
    """Writes ten numbers, and counts how often it was asked to."""

    def __init__(self, shift: int = 0) -> None:
        self.calls, self.shift = 0, shift

    def __call__(self, folder: Path) -> Meta:
        self.calls += 1
        assert list(folder.iterdir()) == []
        (folder / "ids").write_bytes(np.arange(self.shift, self.shift + 10, dtype=np.uint16).tobytes())
        return Meta("uint16", (6, 8, 10), ("a", "b"), {"test_unknown": 1})


def load(build: Builder, name: str = "x", **options: object) -> Prepared:
    return prepared({"files": [[name, 1, 2]]}, options, build)


def folder(cache: Path) -> Path:
    (found,) = cache.iterdir()
    return found


def test_built_once_and_mapped(tmp_path: Path) -> None:
    build = Builder()
    first, second = load(build), load(build)
    assert build.calls == 1
    for found in (first, second):
        assert [split.tolist() for split in found.splits] == [[0, 1, 2, 3, 4, 5], [6, 7], [8, 9]]
        assert all(isinstance(split, np.memmap) and not split.flags.writeable for split in found.splits)
        assert (found.symbols.items, found.counts) == (("a", "b"), {"test_unknown": 1})
    assert first.fingerprint == second.fingerprint
    assert sorted(path.name for path in folder(tmp_path / "cache").iterdir()) == ["ids", "meta.json"]


def test_fingerprint_depends_on_numbers_and_options_not_on_files() -> None:
    one = load(Builder(), "x")
    assert load(Builder(), "y").fingerprint == one.fingerprint
    assert load(Builder(), "x", level="words").fingerprint != one.fingerprint
    assert load(Builder(shift=1), "z").fingerprint != one.fingerprint


@pytest.mark.parametrize(
    "damage", ["cut", "longer", "no ids", "no meta", "meta cut", "meta strange", "foreign"]
)
def test_damaged_folders_are_made_again(tmp_path: Path, damage: str) -> None:
    good = load(Builder())
    kept = folder(tmp_path / "cache")
    ids, meta = kept / "ids", kept / "meta.json"
    if damage == "cut":
        ids.write_bytes(ids.read_bytes()[:-1])
    elif damage == "longer":
        ids.write_bytes(ids.read_bytes() + b"\0\0")
    elif damage == "no ids":
        ids.unlink()
    elif damage == "no meta":
        meta.unlink()
    elif damage == "meta cut":
        meta.write_bytes(meta.read_bytes()[:-5])
    elif damage == "meta strange":
        meta.write_text("[]")
    else:
        load(Builder(shift=3), "other")
        (other,) = [path for path in kept.parent.iterdir() if path != kept]
        shutil.rmtree(kept)
        other.rename(kept)
    build = Builder()
    found = load(build)
    assert build.calls == 1
    assert (found.splits[0].tolist(), found.fingerprint) == (list(range(6)), good.fingerprint)
    assert load(build).fingerprint == good.fingerprint and build.calls == 1


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> Meta:
        (folder / "ids").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared({}, {}, fail)
    assert list((tmp_path / "cache").iterdir()) == []


def test_another_run_was_faster(tmp_path: Path) -> None:
    inner = Builder()

    def slow(folder: Path) -> Meta:
        load(inner)
        return Builder()(folder)

    found = prepared({"files": [["x", 1, 2]]}, {}, slow)
    assert inner.calls == 1
    assert found.splits[2].tolist() == [8, 9]
    assert json.loads((folder(tmp_path / "cache") / "meta.json").read_text())["facts"]["dtype"] == "uint16"


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SRU_REPRO_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"file: expected a folder with room .*SRU_REPRO_CACHE"):
        load(Builder())


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
