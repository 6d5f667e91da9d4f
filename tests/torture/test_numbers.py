"""The small cut of section `numbers`."""

from pathlib import Path

from sru_repro.torture import Cut, Promise, numbers, outcome_of

NAMES = {promise.name: promise for promise in numbers.PROMISES}


def holds(promise: Promise, cut: Cut, tries: int) -> None:
    outcome = outcome_of(promise, cut)
    assert outcome.broken == [] and outcome.held == outcome.tries >= tries


def test_faults_stop_a_training(tmp_path: Path) -> None:
    holds(NAMES["NaN or infinite loss"], Cut(tmp_path, share=0.1), 3)


def test_mixed_precision_is_within_noise(tmp_path: Path) -> None:
    holds(NAMES["mixed precision"], Cut(tmp_path, share=0.2), 1)


def test_a_seed_tells_all(tmp_path: Path) -> None:
    holds(NAMES["the same seed"], Cut(tmp_path, share=0.12), 2)


def test_memory_does_not_grow(tmp_path: Path) -> None:
    holds(NAMES["memory"], Cut(tmp_path, share=0.1), 2)
