"""The table in the terminal."""

from collections.abc import Callable
from io import StringIO

from rich.console import Console

from sru_repro.records.run import RunRecord
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.table import console_table

Factory = Callable[..., RunRecord]


def printed(table: str, records: list[RunRecord], rows: list[Row], width: int = 100) -> str:
    screen = StringIO()
    Console(width=width, file=screen).print(*console_table(table, records, rows))
    return screen.getvalue()


def test_quickstart_fits_a_terminal(language_models: list[RunRecord]) -> None:
    text = printed("quickstart", language_models, [], width=80)
    assert "seed 1, 2-core AMD EPYC" in text
    sru = next(line.split() for line in text.splitlines() if line.split()[:1] == ["SRU"])
    assert sru == ["SRU", "2.244", "(n=1)", "21,000", "0.34×", "(reference", "loop)"]
    assert "Which model of 1.2 million parameters is best on quickstart? SRU: 2.244 bits per" in text


def test_language_models_on_a_terminal(small_models: list[RunRecord], enwik8_rows: list[Row]) -> None:
    lines = printed("enwik8", small_models, enwik8_rows, width=120).splitlines()
    gru = next(line.split() for line in lines if line.split()[:1] == ["minGRU"])
    assert gru == ["minGRU", "2.112", "(n=1)", "60,000", "3.00×"]
    assert "42M" not in "".join(lines), "a row of another profile"


def test_reasons_and_failures_are_printed_as_they_are(
    sst: list[RunRecord], rows: list[Row], record: Factory
) -> None:
    failed = record("sru8", 4, state="failed", error="optim.lr: expected [0, 1]")
    text = printed("sst", [*sst, failed], rows, width=170)
    assert text.count(" cannot say ") == 8 and "SRU (4 layers) 81.8 %, 1.5 points ahead of LSTM" in text
    assert "sru8, profile short, seed 4: failed: optim.lr: expected [0, 1]" in text
    assert "no run has finished" in printed("sst", [failed], rows)


def test_data_sets_as_columns(cross_validation: list[RunRecord], rows: list[Row]) -> None:
    text = printed("sentences", cross_validation, rows, width=140)
    assert "CR" in text and "79.0 ± 0.6 (2 × 10 folds)" in text and "**" not in text
