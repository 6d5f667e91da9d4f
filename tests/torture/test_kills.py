"""Runs that are killed, stopped, or left without disk or memory; a small cut of what `make torture` tries."""

from pathlib import Path

import pytest

from sru_repro.torture import Cut, Promise, outcome_of
from sru_repro.torture.kills import PROMISES

HERE = [promise for promise in PROMISES if "test_kills.py" in promise.test]


@pytest.mark.slow
@pytest.mark.parametrize("promise", HERE, ids=lambda promise: promise.name)
def test_a_run_survives(promise: Promise, tmp_path: Path) -> None:
    outcome = outcome_of(promise, Cut(tmp_path, share=0.05))
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert outcome.broken == [] and outcome.tries > 0
