"""Two runs side by side."""

from collections.abc import Callable
from pathlib import Path

from sru_repro.records.base import write
from sru_repro.records.run import RunRecord
from sru_repro.reporting.compare import compare

Factory = Callable[..., RunRecord]


def saved(path: Path, record: RunRecord) -> Path:
    write(record, path)
    return path


def test_shows_what_differs_and_only_that(tmp_path: Path, record: Factory) -> None:
    a = saved(tmp_path / "a.json", record("sru2", 1, 0.81))
    changed = record(
        "sru2", 2, 0.80, config={"optim": {"lr": 0.01}, "extra": 1}, packages={"torch": "2.14.0"}
    )
    text = compare(a, saved(tmp_path / "b.json", changed))
    lines = [line.split() for line in text.splitlines()]
    assert ["optim.lr", "0.001", "0.01"] in lines and ["extra", "—", "1"] in lines
    assert ["torch", "2.13.0", "2.14.0"] in lines
    assert "data, code, hardware: the same" in text and "model.name" not in text
    assert ["test/accuracy", "0.81", "0.8", "−0.01"] in lines
    assert ["8", "81.2", "200", "s", "80.2", "200", "s"] in lines


def test_a_failed_run_compares_too(tmp_path: Path, record: Factory) -> None:
    failed = RunRecord(
        state="failed", error="no data", task="sst", table="sst", row="sru2", profile="short", seed=1
    )
    text = compare(saved(tmp_path / "a.json", record("sru2")), saved(tmp_path / "b.json", failed))
    assert "failed: no data" in text and "validation" not in text
    assert ["test/accuracy", "0.815", "—", "—"] in [line.split() for line in text.splitlines()]


def test_figures_of_other_tasks_are_not_compared(tmp_path: Path, record: Factory) -> None:
    a = saved(tmp_path / "a.json", record("sru2", 1, 0.81))
    text = compare(a, saved(tmp_path / "b.json", record("sru2", 1, 0.7, task="cr", fold=3)))
    assert "The tasks differ: their figures are not compared." in text and "validation accuracy" not in text
    assert ["test/accuracy", "0.81", "0.7", "other", "task"] in [line.split() for line in text.splitlines()]
    assert "cr, sru2, profile short, seed 1, fold 3, finished" in text and "fingerprint" in text


def test_a_long_curve_is_told_in_twelve_lines(tmp_path: Path, record: Factory) -> None:
    runs = [record("sru2", seed) for seed in (1, 2)]
    for run in runs:
        run.epochs *= 10
    text = compare(*(saved(tmp_path / f"{run.seed}.json", run) for run in runs))
    lines = text.partition("validation accuracy, %")[2].splitlines()[2:]
    assert len(lines) == 12 and lines[0].split()[0] == "1" and lines[-1].split()[0] == "80"
    assert max(map(len, text.splitlines())) <= 80
