"""Alignment of answers, and what happens when no process can be started."""

import numpy as np
import pytest

from sru_repro.data.squad import prepare as squad_prepare
from sru_repro.data.squad.prepare import align
from sru_repro.data.squad.tokens import Tokenizer

TEXT = "Boats (two) pass."


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [
        ("Boats", (0, 0)),
        ("(two)", (1, 3)),
        ("two) pass", (2, 4)),
        ("pass.", (4, 5)),
        ("Boats (two) pass.", (0, 5)),
        ("oats", None),
        ("Boat", None),
        ("Boats ", None),
        (" (", None),
        ("pas", None),
    ],
)
def test_answers_cover_whole_tokens_or_none(answer: str, tokens: tuple[int, int] | None) -> None:
    spans_L2 = Tokenizer("none")(TEXT).spans_L2
    start = TEXT.index(answer)
    assert align(spans_L2, start, start + len(answer)) == tokens


def test_beyond_the_last_token() -> None:
    assert align(np.array([[0, 3]], dtype=np.int32), 4, 5) is None
    assert align(np.array([[0, 3]], dtype=np.int32), 0, 5) is None


def test_processes_that_die_leave_the_work_to_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squad_prepare, "_cores", lambda: 2)
    monkeypatch.setattr(squad_prepare, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(squad_prepare, "CHUNK", 2)
    monkeypatch.setattr(squad_prepare, "start_worker", exit)  # ends every process that calls it
    texts = ["one two", "three", "four five six"]
    chunks = list(squad_prepare._chunks(texts, Tokenizer("none")))
    assert [chunk.lengths.tolist() for chunk in chunks] == [[2, 1], [3]]
