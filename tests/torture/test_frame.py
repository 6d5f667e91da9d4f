"""The frame of `make torture`: what is counted, what is written, and that each promise names a test that exists."""

import re
import shutil
from pathlib import Path

import pytest

from sru_repro.records.base import read, write
from sru_repro.records.origin import Hardware
from sru_repro.records.reliability import Outcome, Reliability, Section
from sru_repro.reporting.reliability import reliability_answer, report_reliability
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
    assert "\n1 of 2 promises held, in 1 of 2 tries. They were tried" in page
    assert "1 of 1; 1.5 s at most" in page
    assert "ValueError: a < b" in page


def record_of(*outcomes: Outcome, share: float = 1.0, revision: str = "abc123") -> Reliability:
    section = Section(
        date="2026-11-28T10:00:00Z",
        revision=revision,
        dirty=False,
        torch="2.13.0",
        hardware=Hardware(name="2-core chip", slug="chip"),
        share=share,
        seconds=120.0,
        outcomes=list(outcomes),
    )
    return Reliability(sections={"kills": section})


def outcome(tries: int, held: int, skipped: str | None = None, headline: bool = True) -> Outcome:
    broken = [f"try {place}: OSError: a < b" for place in range(tries - held)]
    return Outcome(
        name=f"{held} of {tries}",
        promise=f"Promise {held} of {tries}.",
        test="tests/torture/test_frame.py::test_the_page_says_its_finding_first",
        headline=headline,
        tries=tries,
        held=held,
        figure="at most 2 s",
        seconds=1.0,
        broken=broken,
        skipped=skipped,
    )


def test_the_page_says_its_finding_first(tmp_path: Path) -> None:
    results = tmp_path / "results"
    readme = "# a\n\n<!-- promises: written by `sru-repro report` -->\n<!-- end of promises -->\n\nb\n"
    (tmp_path / "README.md").write_text(readme)
    tried = (outcome(20, 20), outcome(9, 8, headline=False), outcome(0, 0, "no mount"), outcome(0, 0))
    write(record_of(*tried, share=0.05), results / Reliability.FILE)
    assert report_reliability(results) == [results / "reliability.md", tmp_path / "README.md"]
    page = (results / "reliability.md").read_text()
    question, first = [line for line in page.splitlines()[1:] if line and not line.startswith("<!--")][:2]
    found = "1 of 3 promises held, in 28 of 29 tries; 1 could not be tried. A rehearsal: 5 % of all tries."
    assert question == "**Do the suite's promises hold when things go wrong on purpose?**"
    assert first == (
        f"{found} They were tried on 2026-11-28 for 2 minutes on 2-core chip. Were all tries alike, with 95 % "
        "certainty at most 15 % of such fail; 2 promises were tried fewer than 10 times."
    )
    assert "Tries held by section: kills 28 of 29." in page
    assert (
        "Tried: 2026-11-28, 2 minutes in all, on 2-core chip" in page and "Code: abc123; torch 2.13.0" in page
    )
    assert page.index("## What did not hold") < page.index("| promise | held? |") < page.index("## kills")
    assert "kills, 8 of 9: try 0: OSError: a < b" in page and "kills, 0 of 0: nothing was tried" in page
    assert "| 20 of 20; at most 2 s |" in page and "| did not hold: 8 of 9; at most 2 s |" in page
    shown = page.partition("<details>")[0]
    assert "Promise 20 of 20. | yes | 20 of 20 | at most 2 s |" in shown and "Promise 8 of 9." not in shown
    assert (
        shown.index("| **no** | 0 of 0 |") < shown.index("| yes |") < shown.index("| not tried: no mount |")
    )
    readme = (tmp_path / "README.md").read_text()
    where = "Each promise, its test and what was measured: [reliability](results/reliability.md), 2026-11-28."
    assert f"\n{found} {where}\n" in readme and "Promise" not in readme
    assert readme.startswith("# a\n") and readme.endswith("\n\nb\n")


def test_another_count_is_another_answer(tmp_path: Path) -> None:
    assert reliability_answer(tmp_path) is None
    shorts = []
    for held in (40, 39):
        write(record_of(outcome(40, held)), tmp_path / Reliability.FILE)
        told = reliability_answer(tmp_path)
        assert told is not None and "fewer than 10 times" not in " ".join(told.sentences)
        shorts.append((told.short, told.sentences[2]))
    assert shorts == [
        (
            "1 of 1 promises held, in 40 of 40 tries. 2026-11-28.",
            "Were all tries alike, with 95 % certainty at most 7.2 % of such fail.",
        ),
        (
            "0 of 1 promises held, in 39 of 40 tries. 2026-11-28.",
            "Were all tries alike, with 95 % certainty at most 11 % of such fail.",
        ),
    ]


def test_the_committed_page_and_the_readme_are_those_of_the_record_and_their_tests_exist(
    tmp_path: Path,
) -> None:
    place = ROOT / "results" / Reliability.FILE
    block = re.compile(r"<!-- promises: .*?<!-- end of promises -->", re.DOTALL)
    (found,) = block.findall((ROOT / "README.md").read_text())
    if not place.is_file():
        assert "Not tried yet." in found
        return
    (tmp_path / "results").mkdir()
    (tmp_path / "README.md").write_text((ROOT / "README.md").read_text())
    shutil.copy(place, tmp_path / "results")
    for path in report_reliability(tmp_path / "results"):
        assert path.read_text() == (ROOT / path.relative_to(tmp_path)).read_text(), (
            f"`sru-repro report`: {path}"
        )
    for told in read(Reliability, place).outcomes:
        file, _, name = told.test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), told.test
