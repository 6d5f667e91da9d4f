"""The section `world` of `make torture`, cut small."""

from pathlib import Path

import pytest

from sru_repro.torture import Cut, outcome_of
from sru_repro.torture._sections import promises

CUT = {promise.name: promise for promise in promises("world")}


def holds(name: str, folder: Path, share: float) -> None:
    outcome = outcome_of(CUT[name], Cut(folder, share=share))
    assert not outcome.broken and outcome.tries


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)


def test_schedulers_change_no_digit(tmp_path: Path) -> None:
    holds("schedulers", tmp_path, 0.3)


def test_several_processes_are_refused(tmp_path: Path) -> None:
    holds("one process a run", tmp_path, 1.0)


def test_notices_are_saved_and_resumed_bit_by_bit(tmp_path: Path) -> None:
    holds("notices", tmp_path, 0.25)


def test_keys_and_home_folders_stay_where_they_are(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    holds("private", tmp_path, 0.1)


def test_hours_of_logging_do_not_slow_a_step(tmp_path: Path) -> None:
    holds("ten hours", tmp_path, 0.1)
