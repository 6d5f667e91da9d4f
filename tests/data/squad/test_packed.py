"""SQuAD in numbers, packed: the same as from its files, without spaCy; parts, other tokens, broken folders."""

import json
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data.squad import dataset as module
from sru_repro.data.squad.dataset import Squad, load_squad, pack_squad
from sru_repro.data.squad.packed import FOLDER
from sru_repro.data.squad.split import Split

Write = Callable[..., Path]


@pytest.fixture
def packed(squad_dir: Write, tmp_path: Path) -> Callable[..., Path]:
    """Packs the questions of `squad_dir` and returns the data folder."""

    def pack(first: int = 0) -> Path:
        pack_squad(load_squad(squad_dir(), tagger="none"), tmp_path / "there" / FOLDER, first)
        return tmp_path / "there"

    return pack


def check_same(one: Squad, other: Squad) -> None:
    """Everything that is said of both, and every question with all that belongs to it."""
    for field in fields(Squad):
        if field.name not in ("train", "dev", "warnings"):  # said where the files are, when they are packed
            assert getattr(one, field.name) == getattr(other, field.name), field.name
    for name in ("train", "dev"):
        splits: list[Split] = [getattr(squad, name) for squad in (one, other)]
        assert len(splits[0]) == len(splits[1])
        for index in range(len(splits[0])):
            for a, b in zip(*(split.question(index) for split in splits), strict=True):
                if isinstance(a, np.ndarray):
                    np.testing.assert_array_equal(a, b)
                    assert a.dtype == b.dtype
                else:
                    assert a == b
        np.testing.assert_array_equal(splits[0].passage_lengths(), splits[1].passage_lengths())
        counts = [split.form_counts(len(one.forms)) for split in splits]
        np.testing.assert_array_equal(counts[0], counts[1])


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 9])
def test_the_same_as_from_the_files(
    packed: Callable[..., Path], squad_dir: Write, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = packed()
    whole = load_squad(squad_dir(), tagger="none", limit=limit)
    monkeypatch.setitem(sys.modules, "spacy", None)
    check_same(load_squad(folder, limit=limit), whole)
    check_same(load_squad(folder, tagger="none", limit=limit), whole)


@pytest.mark.parametrize("first", [1, 2, 4])
def test_a_packed_part_is_the_first_questions(
    packed: Callable[..., Path], squad_dir: Write, first: int
) -> None:
    folder = packed(first)
    part = load_squad(squad_dir(), tagger="none").first(first)
    assert "only the first" in part.why_not
    check_same(load_squad(folder), part)
    check_same(load_squad(folder, limit=100), part)
    check_same(load_squad(folder, limit=1), part.part(1))
    assert len(load_squad(folder).train.store.questions) == first + min(first, 3)


def test_the_files_come_first(
    packed: Callable[..., Path], squad_dir: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = packed()
    for name in ("train-v1.1.json", "dev-v1.1.json"):
        (there / f"squad/{name}").write_bytes((squad_dir() / f"squad/{name}").read_bytes())
    monkeypatch.setattr(module, "open_packed", None)
    assert len(load_squad(there, tagger="none").train) == 5


def test_tokens_by_another_tokenizer(packed: Callable[..., Path], tmp_path: Path) -> None:
    folder = packed()
    with pytest.raises(
        ConfigError, match=r"task.tagger=en_core_web_sm: expected auto or none with the tokens"
    ):
        load_squad(folder, tagger="en_core_web_sm")
    meta = json.loads((folder / FOLDER / "meta.json").read_text())
    meta["record"] |= {"tagged": True, "tagger": "en_core_web_sm 3.8.0"}
    (folder / FOLDER / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ConfigError, match=r"task.tagger=none: expected auto or en_core_web_sm .*3.8.0$"):
        load_squad(folder, tagger="none")


def check_refused(folder: Path, path: Path, content: bytes | None, line: str) -> None:
    """With this content of a file, or without the file, loading ends in that line."""
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=line):
        load_squad(folder)


@pytest.mark.parametrize("name", ["spans", "texts.txt", "forms", "lower"])
def test_broken_files(packed: Callable[..., Path], name: str) -> None:
    folder = packed()
    path = folder / FOLDER / name
    content = path.read_bytes()
    expected = f"{name}: expected the file that was packed, found"
    for broken in (content[:-1], b"\1" + content[1:], b""):
        check_refused(folder, path, broken, f"{expected} another; unpack")
    check_refused(folder, path, None, f"{expected} none; unpack")


def test_broken_descriptions(packed: Callable[..., Path]) -> None:
    folder = packed()
    path = folder / FOLDER / "meta.json"
    content = path.read_bytes()
    meta = json.loads(content)
    damaged = r"meta.json: expected what `sru-repro pack` writes, found it damaged"
    others: dict[str, list[Any]] = {
        damaged: [[], {**meta, "first": "x"}, {"version": 1}],
        r"prepared: expected data of version \d+, found 0; pack them again$": [{**meta, "version": 0}],
        r"prepared: expected data of this version of the code; pack them again$": [
            {**meta, "record": {**meta["record"], "colour": "red"}}
        ],
    }
    check_refused(folder, path, content[:-9], damaged)
    for line, wrong in others.items():
        for other in wrong:
            check_refused(folder, path, json.dumps(other).encode(), line)
    check_refused(folder, path, None, damaged)


def test_raw_files_without_spacy(squad_dir: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(
        ConfigError, match=r"expected spaCy to cut texts into tokens with, found none; install it"
    ):
        load_squad(squad_dir())
