"""Folders of the cache: built once, made again when cut or strange, never half there."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.squad.split import Strings
from sru_repro.data.store.cache import Facts, Kept, kept_folder, write_strings


class Builder:
    """Writes a file of numbers, and counts how often it was asked to."""

    def __init__(self, number: int = 0) -> None:
        self.calls, self.number = 0, number

    def __call__(self, folder: Path) -> Facts:
        self.calls += 1
        assert list(folder.iterdir()) == []
        np.full(10, self.number).tofile(folder / "numbers")
        return {"count": 10}


def load(build: Builder, name: str = "x") -> Kept:
    return kept_folder("squad", {"origin": name}, build)


def test_built_once(tmp_path: Path) -> None:
    build = Builder()
    first, second = load(build), load(build)
    assert build.calls == 1 and first == second and first.facts == {"count": 10}
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [first.folder.name]
    assert sorted(path.name for path in first.folder.iterdir()) == ["meta.json", "numbers"]


def test_fingerprint_depends_on_contents_not_on_the_key() -> None:
    one = load(Builder(), "x")
    assert load(Builder(), "y").fingerprint == one.fingerprint
    assert load(Builder(1), "z").fingerprint != one.fingerprint


def test_the_names_and_fingerprints_that_caches_and_records_hold() -> None:
    """They must not change: data would be prepared again, and runs made before would be done again."""
    kept = load(Builder())
    assert (kept.folder.name, kept.fingerprint) == ("squad-f14b1b11e9b269b4a48d16e9", "1db21b247697df23")


@pytest.mark.parametrize(
    "damage", ["cut", "longer", "missing", "no meta", "meta cut", "meta strange", "foreign"]
)
def test_damaged_folders_are_made_again(damage: str) -> None:
    good = load(Builder())
    numbers, meta = good.folder / "numbers", good.folder / "meta.json"
    if damage == "cut":
        numbers.write_bytes(numbers.read_bytes()[:-1])
    elif damage == "longer":
        numbers.write_bytes(numbers.read_bytes() + b"\0\0")
    elif damage == "missing":
        numbers.unlink()
    elif damage == "no meta":
        meta.unlink()
    elif damage == "meta cut":
        meta.write_bytes(meta.read_bytes()[:-5])
    elif damage == "meta strange":
        meta.write_text("[]")
    else:
        other = load(Builder(3), "other")
        shutil.rmtree(good.folder)
        other.folder.rename(good.folder)
    build = Builder()
    assert load(build) == good and load(build) == good
    assert build.calls == 1
    assert np.fromfile(numbers, dtype=int).tolist() == [0] * 10


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> Facts:
        (folder / "numbers").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_folder("squad", {}, fail)
    assert list((tmp_path / "cache").iterdir()) == []


def test_data_that_are_refused_leave_no_folder_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> Facts:
        raise DataError("wrong")

    monkeypatch.setenv("SRU_REPRO_CACHE", str(tmp_path / "runs/.cache"))
    with pytest.raises(DataError, match="wrong"):
        kept_folder("squad", {}, refuse)
    assert list(tmp_path.iterdir()) == []


def test_another_run_was_faster(tmp_path: Path) -> None:
    inner = Builder()

    def slow(folder: Path) -> Facts:
        load(inner)
        return Builder()(folder)

    found = kept_folder("squad", {"origin": "x"}, slow)
    assert inner.calls == 1 and found == load(inner) and inner.calls == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [found.folder.name]


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SRU_REPRO_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"file: expected a folder with room .*SRU_REPRO_CACHE"):
        load(Builder())


def test_strings(tmp_path: Path) -> None:
    strings = ["", "a", "北京", "", "🐫b"]
    write_strings(tmp_path, "some", strings)
    assert list(Strings(tmp_path, "some")) == strings
    write_strings(tmp_path, "none", [""])
    assert list(Strings(tmp_path, "none")) == [""]
