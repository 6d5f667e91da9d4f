"""What tests of data share: a SQuAD of a few questions, written on the spot; a Hub that answers."""

import json
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sru_repro.data.store import hub as hub_module

Passages = Mapping[str, Sequence[tuple[str, ...]]]
"""Of each passage its questions: the question, then its answers, each where it first occurs."""

TRAIN: Passages = {
    "Łódź\u00a0lies\tin Poland; Poland's flag is red.": [
        ("Where is Łódź?", "Poland"),
        ("Which colour has Poland's flag?", "red"),
        ("Which land?", "Polan"),
    ],
    "北京是中国的首都。": [("What is 北京?", "北京是中国的首都")],
    "القاهرة عاصمة مصر 🐫 .": [("Which animal is it?", "🐫"), ("Of what is القاهرة the capital?", "مصر")],
}
DEV: Passages = {
    "Red wine and red meat.": [
        ("Which wine?", "Red", "ed", "Red wine"),
        ("Which meat?", "mea", "red meat"),
        ("What?", "win"),
    ],
}


def contents(split: str, passages: Passages) -> dict[str, Any]:
    """A file of SQuAD's format with one article; ids are `SPLIT-0`, `SPLIT-1`, ..."""
    paragraphs, number = [], 0
    for passage, asked in passages.items():
        qas = []
        for question, *answers in asked:
            found = [{"text": text, "answer_start": passage.index(text)} for text in answers]
            qas.append({"id": f"{split}-{number}", "question": question, "answers": found})
            number += 1
        paragraphs.append({"context": passage, "qas": qas})
    return {"version": "1.1", "data": [{"title": "Places", "paragraphs": paragraphs}]}


@pytest.fixture
def squad_dir(tmp_path: Path) -> Callable[..., Path]:
    """Writes both files, by default of TRAIN and DEV, and returns the data folder."""

    def write(train: Passages = TRAIN, dev: Passages = DEV, place: str = "squad") -> Path:
        folder = tmp_path / "data" / place
        folder.mkdir(parents=True, exist_ok=True)
        for split, passages in (("train", train), ("dev", dev)):
            text = json.dumps(contents(split, passages), ensure_ascii=False)
            (folder / f"{split}-v1.1.json").write_text(text, encoding="utf-8")
        return tmp_path / "data"

    return write


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, ...]]]:
    """`hub(rows)`: `datasets` gives `rows(split)` for every split; returns what it has been asked for, call by call."""

    def answer(rows: Callable[[str], list[Any]]) -> list[tuple[str, ...]]:
        calls: list[tuple[str, ...]] = []

        def load_dataset(*names: str, split: str) -> list[Any]:
            calls.append((*names, split))
            return rows(split)

        fake = types.SimpleNamespace(load_dataset=load_dataset, disable_progress_bars=lambda: None)
        monkeypatch.setitem(sys.modules, "datasets", fake)
        monkeypatch.setattr(hub_module, "connection_problem", lambda url: None)
        return calls

    return answer
