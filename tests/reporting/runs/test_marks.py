"""Speeds that other work disturbed are marked wherever they stand; figures of smoke runs say that they are none."""

from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from sru_repro.records.base import write
from sru_repro.records.run import NO_RESULT, RunRecord, Throughput, Turns
from sru_repro.reporting.compare import compare
from sru_repro.reporting.marks import DAGGER, LEGEND, marked
from sru_repro.reporting.numbers import median_interval
from sru_repro.reporting.runs.figure import draw_figure
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.table import console_table, render_table

Factory = Callable[..., RunRecord]


def with_share(record: RunRecord, share: float | None) -> RunRecord:
    if share is not None:
        record.throughput.processor = share
    return record


def words_of(picture: Figure) -> str:
    """Its title and its notes, as one line."""
    return " ".join(" ".join(text.get_text() for text in picture.texts).split())


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((0.8,), "1.0×"),
        ((None,), "1.0×"),
        ((), "1.0×"),
        ((0.79, None, 0.9), "1.0× †79 %"),
        ((0.9, 0.1), "1.0× †10 %"),
    ],
)
def test_the_mark_tells_the_smallest_share(shares: tuple[float | None, ...], expected: str) -> None:
    assert marked("1.0×", *shares) == expected
    assert marked("—", *shares) == "—"


def test_a_disturbed_run_is_marked_in_sentence_table_terminal_and_picture(
    record: Factory, rows: list[Row]
) -> None:
    runs = [with_share(record("sru2"), 0.5), with_share(record("lstm"), 0.99), record("cnn")]
    page = render_table("sst", runs, rows)
    ranked = page.partition("<details>")[0]
    line = {cells[1].strip(): cells for row in ranked.splitlines() if len(cells := row.split("|")) > 2}
    assert " 25.0 †50 % " in line["SRU, 2 layers"], line["SRU, 2 layers"]
    assert "1.24×" not in ranked, "the clock compares nothing, and CNN's time of the processor is not known"
    assert " 1.24× (reference loop) †50 % " in page
    assert DAGGER not in "".join(line["CNN"]) and DAGGER not in "".join(line["LSTM, 2 layers"])
    assert page.count(LEGEND) == 1
    assert "Other work had a part of the processor, so speeds are not compared here" in page
    shown = str([getattr(block, "plain", "") for block in console_table("sst", runs, rows)])
    assert LEGEND in shown
    picture = draw_figure("sst", runs, rows)
    assert LEGEND in words_of(picture)
    labels = [text.get_text() for axes in picture.axes for text in axes.texts]
    assert "SRU, 2 layers †50 %" in labels and "LSTM, 2 layers" in labels
    quiet = [with_share(run.model_copy(deep=True), 0.9) for run in runs]
    assert DAGGER not in render_table("sst", quiet, rows)


def test_the_mark_of_a_base_marks_what_is_told_against_it(record: Factory, rows: list[Row]) -> None:
    page = render_table("sst", [record("sru2"), with_share(record("lstm"), 0.31)], rows)
    assert "1.24× (reference loop) †31 %" in page and "31.0 †31 %" in page
    assert "| 25.0 |" in page


def test_compare_marks_speeds_alone(record: Factory, tmp_path: Path) -> None:
    for name, share in (("a", 0.4), ("b", 0.9)):
        write(with_share(record("sru2"), share), tmp_path / name / "run.json")
    text = compare(tmp_path / "a", tmp_path / "b")
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert lines["throughput/seconds_per_epoch"].count("†40 %") == 1
    assert DAGGER not in lines["test/accuracy"] + lines["parameters"] + lines["throughput/processor"]


def test_rows_in_turns_are_compared_turn_by_turn(record: Factory, rows: list[Row]) -> None:
    """A burst of other work, in which both are ten times as slow: the ratio stays, and its interval with it."""
    pace = [10_000.0] * 20 + [1_000.0] * 10
    sru, lstm = record("sru2"), record("lstm")
    for run, factor in ((sru, 1.07), (lstm, 1.0)):
        turns = [value * factor * (1 + 0.01 * (place % 3)) for place, value in enumerate(pace)]
        run.metrics = {"test/bpc": 2.4}
        run.headline, run.higher_is_better = "test/bpc", False
        run.throughput = Throughput(
            tokens_per_s=sum(turns) / 30, turns=Turns(session="s", tokens_per_s=turns)
        )
    base = lstm.throughput.turns
    assert base is not None
    base.tokens_per_s.append(5.0)  # a turn that the other did not need
    page = render_table("sst", [sru, lstm], rows)
    assert "1.07× (1.07–1.07)" in page and "| 10,700 |" in page
    base.session = "another day"
    assert "1.07× (1" not in render_table("sst", [sru, lstm], rows)


@pytest.mark.parametrize(("count", "outside"), [(1, 0), (5, 0), (8, 0), (9, 1), (11, 1), (20, 5), (40, 13)])
def test_the_interval_of_a_median(count: int, outside: int) -> None:
    """Conover, Practical Nonparametric Statistics: of 20 values the 6th and 15th, of 40 the 14th and 27th."""
    assert median_interval([float(value) for value in range(count, 0, -1)]) == (1 + outside, count - outside)


def test_smoke_is_no_result_and_beside_no_papers_number(
    record: Factory, rows: list[Row], tmp_path: Path
) -> None:
    runs = [record(name, profile="smoke") for name in ("sru2", "lstm", "cnn")]
    page = render_table("sst", runs, rows)
    assert page.count(NO_RESULT) >= 7, "the conditions, and every figure"
    for words in ("paper's", "89.2", "88.1", "as in the paper?", "204k"):
        assert words not in page, words
    assert f"81.5 (n=1; {NO_RESULT})" in page
    picture = draw_figure("sst", runs, rows)
    assert NO_RESULT in words_of(picture)
    texts = [text.get_text() for axes in picture.axes for text in axes.texts]
    assert "89.2" not in texts and "◇" not in words_of(picture)
    mixed = render_table("sst", [*runs, record("sru2")], rows)
    first, _, second = mixed.partition(f"<summary>Profile {NO_RESULT}")
    assert "89.2 ± 0.3" in first and "89.2" not in second
    write(runs[0], tmp_path / "run.json")
    assert NO_RESULT in compare(tmp_path, tmp_path)
