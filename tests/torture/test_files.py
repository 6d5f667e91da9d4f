"""Damaged and hostile data files, a small cut of each promise."""

from pathlib import Path

from sru_repro.records.reliability import Outcome
from sru_repro.torture import Cut, files, outcome_of


def tried(name: str, folder: Path, share: float) -> Outcome:
    promise = next(promise for promise in files.PROMISES if promise.name == name)
    outcome = outcome_of(promise, Cut(folder, share=share))
    assert outcome.broken == [] and outcome.skipped is None
    assert outcome.tries == outcome.held > 0
    return outcome


def test_damaged_data(tmp_path: Path) -> None:
    outcome = tried("damaged data", tmp_path, 0.16)
    assert "refused" in outcome.figure and "read the same" in outcome.figure


def test_damaged_prepared_data(tmp_path: Path) -> None:
    tried("damaged prepared data", tmp_path, 0.1)


def test_no_file(tmp_path: Path) -> None:
    tried("no file", tmp_path, 0.1)


def test_hostile_archives(tmp_path: Path) -> None:
    tried("hostile archives", tmp_path, 0.1)
