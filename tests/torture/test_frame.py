"""The frame of `make torture`: what is counted, what is written, and that each promise names a test that exists."""

from pathlib import Path

import pytest

from sru_repro.records.base import read
from sru_repro.records.reliability import Reliability
from sru_repro.torture import Cut, Promise, Skip, Tally, _sections, outcome_of
from sru_repro.torture.__main__ import main

ROOT = Path(__file__).parents[2]


def test_a_try_that_raises_is_counted_as_broken_and_the_next_goes_on(tmp_path: Path) -> None:
    def odd(tally: Tally, cut: Cut) -> None:
        for number in range(cut.tries(40)):
            with tally.trying(f"number {number}"):
                assert number % 2, "even"

    outcome = outcome_of(Promise("odd", "All are odd.", "-", odd), Cut(tmp_path, share=0.1))
    assert (outcome.tries, outcome.held) == (4, 2)
    assert [line.partition(":")[0] for line in outcome.broken] == ["number 0", "number 2"]


def test_what_cannot_be_tried_says_why_and_what_fails_to_start_is_broken(tmp_path: Path) -> None:
    def skips(tally: Tally, cut: Cut) -> None:
        raise Skip("no mount")

    def fails(tally: Tally, cut: Cut) -> None:
        raise OSError("gone")

    assert outcome_of(Promise("a", "", "-", skips), Cut(tmp_path)).skipped == "no mount"
    assert outcome_of(Promise("b", "", "-", fails), Cut(tmp_path)).broken == [
        "could not be tried: OSError: gone"
    ]


def test_every_promise_names_a_test_that_exists() -> None:
    for promise in _sections.all_promises():
        file, _, name = promise.test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), promise.test


def test_the_page_is_written_and_a_section_tried_alone_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def holds(tally: Tally, cut: Cut) -> None:
        with tally.trying("once"):
            pass
        tally.figure = "1.5 s at most"

    def breaks(tally: Tally, cut: Cut) -> None:
        with tally.trying("once"):
            raise ValueError("a < b")

    made = {"first": holds, "second": breaks}
    monkeypatch.setattr("sru_repro.torture.__main__.section_names", lambda: list(made))
    monkeypatch.setattr(
        "sru_repro.torture.__main__.promises",
        lambda name: [Promise(name, f"It {name}.", "-", made[name], True)],
    )
    assert main([f"results={tmp_path}", "sections=first"]) == 0
    assert main([f"results={tmp_path}", "sections=second"]) == 1
    record = read(Reliability, tmp_path)
    assert [outcome.held for outcome in record.outcomes] == [1, 0]
    page = (tmp_path / "reliability.md").read_text()
    assert "1 of 2 promises held, in 1 of 2 tries." in page
    assert "1 of 1; 1.5 s at most" in page
    assert "ValueError: a &lt; b" in page
