"""A small cut of the section `measures` of `make torture`."""

from pathlib import Path

import pytest

from sru_repro.torture import Cut, measures, outcome_of

PROMISES = {promise.name: promise for promise in measures.PROMISES}


@pytest.mark.slow
def test_a_training_beside_busy_loops_is_marked(tmp_path: Path) -> None:
    outcome = outcome_of(PROMISES["disturbed"], Cut(tmp_path, share=0.01))
    assert (outcome.broken == [] and outcome.held == outcome.tries == 1) or outcome.skipped


@pytest.mark.slow
def test_smoke_runs_quote_nothing(tmp_path: Path) -> None:
    outcome = outcome_of(PROMISES["smoke"], Cut(tmp_path, share=0.01))
    assert outcome.broken == [] and outcome.held == outcome.tries == 1
