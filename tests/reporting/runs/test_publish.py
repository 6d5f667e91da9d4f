"""Publishing records, and the report made from what was published."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sru_repro.core.errors import DataError
from sru_repro.records.base import write
from sru_repro.records.published import without_paths
from sru_repro.records.run import RunRecord, read_record
from sru_repro.reporting.report import report
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.publish import public_record, publish
from sru_repro.reporting.runs.records import load_records
from sru_repro.reporting.runs.sections import sections

Factory = Callable[..., RunRecord]


def run_folder(folder: Path, record: RunRecord) -> Path:
    write(record, folder / "run.json")
    return folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/someone/data", "data"),
        ("/home/someone/my data/x.bin: cut", "my data/x.bin: cut"),
        ("../shared/data", "data"),
        ("~/corpora/sst.zip", "sst.zip"),
        (r"C:\Users\someone\vectors.bin", "vectors.bin"),
        ("read /a/b/c.txt, then (/d/e)", "read c.txt, then (e)"),
        ("3/4 of train/dev and https://example.org/a/b", "3/4 of train/dev and https://example.org/a/b"),
        ("harvardnlp/sent-conv-torch", "harvardnlp/sent-conv-torch"),
        (r"maps \/ and / too", r"maps \/ and / too"),
    ],
)
def test_paths_keep_their_last_part(text: str, expected: str) -> None:
    assert without_paths(text) == expected


def test_publishes_without_paths_and_without_loss(tmp_path: Path, record: Factory) -> None:
    made = record("sru2", 1, 0.8149368479956068, config={"data_dir": "/home/some one/my data"})
    made.epochs[0] = made.epochs[0].model_copy(update={"val/accuracy": 0.123456789})
    made.pid, made.overrides = 4711, ["data_dir=/mnt/corpora"]
    place = publish(run_folder(tmp_path / "run", made), tmp_path / "results")
    assert place == tmp_path / "results/runs/sst/sru2/short/seed1.json"
    published = json.loads(place.read_text())
    assert published["config"]["data_dir"] == "my data"
    assert published["metrics"] == made.metrics
    assert published["epochs"][0]["val/accuracy"] == 0.123457
    assert list(published) == sorted(published) and "pid" not in published
    assert published["overrides"] == ["data_dir=corpora"]
    assert (
        sum('"epoch": ' in line for line in place.read_text().splitlines()) == 9
    )  # one line each, and the best
    before = place.read_bytes()
    assert publish(tmp_path / "run", tmp_path / "results").read_bytes() == before


def test_folds_have_files_of_their_own(tmp_path: Path, record: Factory) -> None:
    run = run_folder(tmp_path / "run", record("lstm", 2, task="cr", fold=7))
    assert publish(run, tmp_path).relative_to(tmp_path) == Path("runs/cr/lstm/short/seed2-fold7.json")


def test_another_machine_does_not_overwrite(tmp_path: Path, record: Factory) -> None:
    here = run_folder(tmp_path / "a", record("lstm"))
    there = run_folder(tmp_path / "b", record("lstm", hardware={"slug": "cuda-h200"}))
    first, second = publish(here, tmp_path), publish(there, tmp_path)
    assert first.name == "seed1.json" and second.name.startswith("seed1-cuda-h200-")
    assert publish(there, tmp_path) == second and read_record(first).hardware.slug != "cuda-h200"


def test_another_budget_does_not_overwrite_and_is_never_lost(tmp_path: Path, record: Factory) -> None:
    budgets = ({"max_epochs": 4}, {"max_epochs": 12}, {"max_epochs": 1000, "max_seconds": 240})
    made = [record("lstm", config={"trainer": budget}) for budget in budgets]
    places = [publish(run_folder(tmp_path / str(at), run), tmp_path) for at, run in enumerate(made)]
    assert [place.name for place in places] == ["seed1.json", "seed1-12epochs.json", "seed1-4minutes.json"]
    assert publish(tmp_path / "1", tmp_path) == places[1], "again: the same file"
    assert len(load_records(tmp_path / "runs")) == 3
    elsewhere = record("lstm", config={"trainer": budgets[1]}, hardware={"slug": "cuda-h200"})
    place = publish(run_folder(tmp_path / "c", elsewhere), tmp_path)
    assert place.name.startswith("seed1-12epochs-cuda-h200-")


def test_sections_do_not_mix_budgets_and_the_longest_comes_first(record: Factory, rows: list[Row]) -> None:
    def runs(row: str, **limits: float) -> RunRecord:
        return record(row, config={"trainer": limits}, profile="short")

    short = [runs(row, max_epochs=4) for row in ("lstm", "sru2", "cnn")]
    long = [runs(row, max_epochs=12) for row in ("lstm", "sru2")]
    found = sections("sst", [*short, *long], rows)
    assert [(section.budget, len(section.runs)) for section in found] == [("12 epochs", 2), ("4 epochs", 3)]
    assert len(sections("sst", [short[0], long[1]], rows)) == 2, "two rows, trained for different times"
    found = sections("sst", [*short, long[0]], rows)
    assert found[0].budget == "4 epochs", "a row alone compares with nothing"
    own = [
        record(row, profile="paper", config={"trainer": {"max_epochs": at}})
        for at, row in ((40, "lstm"), (100, "sru2"))
    ]
    (together,) = sections("sst", own, rows)
    assert together.budget == "", "in the paper's profile each row has its own"
    again = record("lstm", 2, profile="paper", config={"trainer": {"max_epochs": 7}})
    assert len(sections("sst", [*own, again], rows)) == 3, "but never one row two"


def test_refuses_an_unfinished_run(tmp_path: Path, record: Factory) -> None:
    run = run_folder(tmp_path / "run", record("lstm", state="interrupted"))
    with pytest.raises(DataError, match="expected a finished run, found it interrupted"):
        publish(run, tmp_path)
    assert not (tmp_path / "runs").exists()


def test_report_from_published_records(tmp_path: Path, record: Factory, rows: list[Row]) -> None:
    for made in (
        record("lstm"),
        record("sru2"),
        record("cnn", task="mr", fold=1),
    ):
        publish(run_folder(tmp_path / "run", made), tmp_path)
    smoke = record("sru2", 5, profile="smoke")
    with pytest.raises(DataError, match="expected profile paper or short, found smoke: not a result"):
        publish(run_folder(tmp_path / "run", smoke), tmp_path)
    write(public_record(smoke), tmp_path / "runs/sst/sru2/smoke/seed5.json")  # put there by hand
    written = report(tmp_path, {"sst": rows, "sentences": rows})
    names = ["sentences.md", "sentences.svg", "sentences.png", "sst.md", "sst.svg", "sst.png"]
    assert [path.name for path in written] == names
    before = {path: path.read_bytes() for path in written}
    assert "smoke" not in before[tmp_path / "sst.md"].decode()
    assert {path: path.read_bytes() for path in report(tmp_path, {"sst": rows, "sentences": rows})} == before


def test_report_without_records(tmp_path: Path) -> None:
    assert report(tmp_path, {}) == []
