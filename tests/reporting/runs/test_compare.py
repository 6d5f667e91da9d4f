"""Two runs side by side, and the table in the terminal."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

from rich.console import Console

from sru_repro.records.base import write
from sru_repro.records.run import RunRecord
from sru_repro.reporting.runs.compare import compare
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.table import console_table

Factory = Callable[..., RunRecord]


def saved(path: Path, record: RunRecord) -> Path:
    write(record, path)
    return path


def printed(table: str, records: list[RunRecord], rows: list[Row], width: int = 100) -> str:
    screen = StringIO()
    Console(width=width, file=screen).print(*console_table(table, records, rows))
    return screen.getvalue()


def test_shows_what_differs_and_only_that(tmp_path: Path, record: Factory) -> None:
    a = saved(tmp_path / "a.json", record("sru2", 1, 0.81))
    changed = record(
        "sru2", 2, 0.80, config={"optim": {"lr": 0.01}, "extra": 1}, packages={"torch": "2.14.0"}
    )
    text = compare(a, saved(tmp_path / "b.json", changed))
    lines = [line.split() for line in text.splitlines()]
    assert ["optim.lr", "0.001", "0.01"] in lines and ["extra", "—", "1"] in lines
    assert ["torch", "2.13.0", "2.14.0"] in lines
    assert "data: the same" in text and "hardware: the same" in text and "model.name" not in text
    assert ["test/accuracy", "0.81", "0.8", "−0.01"] in lines
    assert ["8", "81.2", "200", "s", "80.2", "200", "s"] in lines


def test_a_failed_run_compares_too(tmp_path: Path, record: Factory) -> None:
    failed = RunRecord(
        state="failed", error="no data", task="sst", table="sst", row="sru2", profile="short", seed=1
    )
    text = compare(saved(tmp_path / "a.json", record("sru2")), saved(tmp_path / "b.json", failed))
    assert "failed: no data" in text and "validation" not in text
    assert ["test/accuracy", "0.815", "—", "—"] in [line.split() for line in text.splitlines()]


def test_quickstart_fits_a_terminal(language_models: list[RunRecord]) -> None:
    text = printed("quickstart", language_models, [], width=80)
    assert "seed 1, 2-core AMD EPYC" in text
    sru = next(line.split() for line in text.splitlines() if line.split()[:1] == ["SRU"])
    assert sru == ["SRU", "1,234,567", "2.244", "(n=1)", "21,000", "0.34×", "(reference", "loop)"]


def test_language_models_on_a_terminal(small_models: list[RunRecord], enwik8_rows: list[Row]) -> None:
    lines = printed("enwik8", small_models, enwik8_rows, width=120).splitlines()
    assert lines[2].split("  ")[1:] and "training" not in lines[2], "one budget for all: left out"
    gru = next(line.split() for line in lines if line.split()[:1] == ["minGRU"])
    assert gru == ["minGRU", "352,514", "2.112", "(n=1)", "60,000", "3.00×"]
    assert "42M" not in "".join(lines), "a row of another profile"


def test_reasons_and_failures_are_printed_as_they_are(
    sst: list[RunRecord], rows: list[Row], record: Factory
) -> None:
    failed = record("sru8", 4, state="failed", error="optim.lr: expected [0, 1]")
    text = printed("sst", [*sst, failed], rows, width=170)
    assert "not comparable: [1]; [2]" in text and "[2] profile short instead of paper" in text
    assert "sru8, profile short, seed 4: failed: optim.lr: expected [0, 1]" in text
    assert "no run has finished" in printed("sst", [failed], rows)


def test_data_sets_as_columns(cross_validation: list[RunRecord], rows: list[Row]) -> None:
    text = printed("sentences", cross_validation, rows, width=140)
    assert "MPQA" in text and "79.0 ± 0.6 (2 × 10 folds)" in text
