"""Processes that take turns: one at a time, in order, also when one ends or the parent goes."""

import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from sru_repro.core.turns import VARIABLE, Turn, Turns


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Turns:
    turns = Turns("2026-01-01T00:00:00Z")
    for name, value in turns.environment.items():
        monkeypatch.setenv(name, value)
    return turns


def test_a_turn_goes_from_one_to_the_next(asked: Turns) -> None:
    first = Turn.asked_for()
    assert first is not None and first.session == "2026-01-01T00:00:00Z"
    assert not asked.heard(1, 0.01), "it has the turn, and is known from now on"
    first.hand_on()
    assert asked.heard(1, 5)
    second = Turn.asked_for()
    assert second is not None
    second.hand_on()
    while not asked.heard(2, 5):
        pass
    assert not first.mine(0.01) and not second.mine(0.01)
    asked.give(1)
    assert first.mine(5) and not second.mine(0.01) and not first.alone
    asked.close()
    assert second.mine(5) and second.alone, "the parent has gone: it goes on without turns"
    second.hand_on()
    assert second.mine(0)
    first.close()
    second.close()


def test_who_ends_is_not_waited_for(asked: Turns) -> None:
    gone = Turn.asked_for()
    assert gone is not None and not asked.heard(1, 0.01)
    gone.close()
    assert not asked.heard(1, 5) and not asked.heard(1, 0.01)
    asked.give(1)
    asked.close()


def test_who_is_stopped_before_it_has_read_is_gone(asked: Turns) -> None:
    gone = Turn.asked_for()
    assert gone is not None and not asked.heard(1, 0.01)
    gone.hand_on()
    assert asked.heard(1, 5)
    asked.give(1)
    gone.close()  # with a letter unread, which the system calls a reset
    assert not asked.heard(1, 5) and not asked.heard(1, 0.01)
    asked.close()


def test_who_does_not_read_stops_nobody(asked: Turns) -> None:
    asleep = Turn.asked_for()
    assert asleep is not None and not asked.heard(1, 0.01)
    for _ in range(10_000):
        asked.give(1)
    asleep.close()
    asked.close()


def test_a_temporary_folder_of_a_long_name_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * 110)))
    (tmp_path / ("x" * 110)).mkdir()
    with closing(Turns("s")) as turns:
        assert len(turns.environment[VARIABLE]) < 100


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_folder_serves_where_there_are_no_abstract_names(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    turns = Turns("s")
    monkeypatch.setenv(VARIABLE, turns.environment[VARIABLE])
    mine = Turn.asked_for()
    assert mine is not None and mine.session == "s"
    mine.close()
    turns.close()
    assert Turn.asked_for() is None, "the parent is dead"


def test_nobody_takes_turns_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert Turn.asked_for() is None
