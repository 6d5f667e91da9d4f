"""Hostile content, a small cut of each promise."""

from pathlib import Path

import pytest

from sru_repro.torture import Cut, content, outcome_of


def tried(name: str, folder: Path) -> None:
    promise = next(promise for promise in content.PROMISES if promise.name == name)
    outcome = outcome_of(promise, Cut(folder, share=0.1))
    assert outcome.broken == [] and outcome.skipped is None
    assert outcome.tries == outcome.held > 0


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_pickles_that_run(tmp_path: Path) -> None:
    tried("pickles that run", tmp_path)


def test_configurations_that_call(tmp_path: Path) -> None:
    tried("configurations that call", tmp_path)


@pytest.mark.filterwarnings("ignore:constrained_layout not applied")
def test_records_with_markup(tmp_path: Path) -> None:
    tried("records with markup", tmp_path)


def test_addresses_of_local_files(tmp_path: Path) -> None:
    tried("addresses of local files", tmp_path)
