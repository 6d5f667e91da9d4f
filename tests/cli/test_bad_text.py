"""Texts that no language model can be trained or measured on: one line, nothing left behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

WORDS = (
    "task=text",
    "model.hidden_size=8",
    "profile=smoke",
    "logger=csv",
    "trainer=cpu",
    "hydra.run.dir=run",
)
SHORT = b"a few words\n" * 10
LONG = b"some words of a text, one after the other\n" * 300


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (b"", (), "text.txt: "),
        (b"caf\xe9 \n" * 900, ("task.level=words",), "text.txt:1: "),
        (SHORT, (), "expected more than task.unroll=128 symbols to train on"),
        (b"ab", (), "text.txt: "),
    ],
    ids=["empty", "latin-1", "shorter than a segment", "nothing to split"],
)
def test_a_text_that_cannot_be_read(
    content: bytes, words: tuple[str, ...], message: str, sru_repro: Command, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_bytes(content)
    called = sru_repro("train", *WORDS, "task.path=text.txt", *words, cwd=tmp_path)
    assert called.status == 2 and called.out == ""
    (line,) = called.err.splitlines()
    assert message in line, line
    assert not (tmp_path / "run").exists()


def test_a_text_that_is_not_there(sru_repro: Command, tmp_path: Path) -> None:
    for path in ("task.path=nowhere.txt", "task.path="):
        called = sru_repro("train", *WORDS, path, cwd=tmp_path)
        assert called.status == 2 and len(called.err.splitlines()) == 1, called.err
    assert "task.path" in called.err


@pytest.mark.parametrize("words", [(), ("task.level=words", "task.embedding_size=8")])
def test_a_checkpoint_is_not_measured_with_another_vocabulary(
    words: tuple[str, ...], sru_repro: Command, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_bytes(LONG)
    level = words or ("task.level=symbols",)
    small = ("task.batch_size=4", "task.unroll=16")
    called = sru_repro("train", *WORDS, "task.path=text.txt", *level, *small, cwd=tmp_path)
    assert called.status == 0, called.err
    assert sru_repro("evaluate", "run=run", cwd=tmp_path).status == 0
    (tmp_path / "text.txt").write_bytes(LONG.replace(b"text", b"test"))  # as many symbols, not the same ones
    if not words:
        (tmp_path / "text.txt").write_bytes(LONG.replace(b"x", b"z"))
    called = sru_repro("evaluate", "run=run", cwd=tmp_path)
    assert called.status == 2
    assert "expected the vocabulary of the data at hand" in called.err


def test_a_text_longer_than_any_window_trains_with_one(sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(LONG)
    words = ("model=srupp", "model.projection_size=4", "task.eval_window=1000000", "task.path=text.txt")
    called = sru_repro("train", *WORDS, *words, cwd=tmp_path)
    assert called.status == 0, called.err
