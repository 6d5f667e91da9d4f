"""The small cut of section `models`."""

from pathlib import Path

from sru_repro import models
from sru_repro.torture import Cut, Promise, outcome_of
from sru_repro.torture.models import PROMISES

NAMES = {promise.name: promise for promise in PROMISES}


def holds(promise: Promise, cut: Cut, tries: int) -> None:
    outcome = outcome_of(promise, cut)
    assert outcome.broken == [] and outcome.held == outcome.tries >= tries


def test_padding_is_nothing(tmp_path: Path) -> None:
    holds(NAMES["padding"], Cut(tmp_path, share=0.2), len(models.names()))


def test_a_packed_batch_comes_back_as_it_came(tmp_path: Path) -> None:
    holds(NAMES["packed sequences"], Cut(tmp_path, share=0.1), len(models.names()) - 1)


def test_a_damaged_kernel_is_built_again_once(tmp_path: Path) -> None:
    holds(NAMES["kernel cache"], Cut(tmp_path, share=0.1), 6)
