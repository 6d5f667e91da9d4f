"""The sections of `gpu-check` that run rows of a table: what they run, what is kept, what is not run again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sru_repro.cli import gpu_tables
from sru_repro.cli.gpu_tables import PLANS, table_runs
from sru_repro.cli.tables import load_table
from sru_repro.core.errors import DataError
from sru_repro.gpu_check import Failed, SectionOptions, Unfinished, finished_runs
from sru_repro.gpu_check import table_runs as table_runs_of
from sru_repro.gpu_check.finished_runs import TableRuns
from sru_repro.gpu_check.page import Page
from sru_repro.gpu_check.side_by_side import Ended
from sru_repro.records.base import read
from sru_repro.records.gpu_manifest import SECTIONS
from sru_repro.records.gpu_page import GPUPage
from sru_repro.records.packed_runs import PackedRuns, add_packed, packed_runs
from sru_repro.records.run import read_record
from sru_repro.reporting.report import report
from sru_repro.reporting.runs.publish import public_record, publish_packed
from sru_repro.training.config import changes

from .in_one_process import carried_out_here

Command = Callable[..., Any]
REHEARSE = ("gpu-check", "rehearse=true", "device=cpu", "out=pages", "budget=400")


def runs_piece(folder: Path, section: str) -> Any:
    (piece,) = [
        piece for piece in read(GPUPage, folder / f"pages/{section}.json").pieces if piece.name == "runs"
    ]
    return piece


@pytest.mark.slow
def test_runs_are_kept_one_by_one_and_not_made_again(
    sru_repro: Command,
    data: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = (*REHEARSE, "sections=table1", f"data_dir={data}")
    first = sru_repro(*words, "rows=sru2", cwd=tmp_path)
    assert first.status == 0, first.out + first.err + capfd.readouterr().err
    said = capfd.readouterr().err
    assert "sru2, seed 1: begun, predicted 51 s (the aim)" in said and "predicted 51 s (" in said
    piece = runs_piece(tmp_path, "table1")
    (run,) = piece.values.finished
    assert (piece.state, run.row, run.seed, run.epochs) == ("ok", "sru2", 1, [])
    assert run.took_s > 1 and run.predicted_s == pytest.approx(2 * 900 / 35, rel=1e-4)
    (record,) = packed_runs(tmp_path / "pages")
    assert (record.row, record.seed, record.profile, record.changed) == ("sru2", 1, "smoke", [])
    assert record.epochs and record.hardware.slug.endswith("-2-runs")
    assert str(data) not in (tmp_path / "pages/runs.json").read_text()

    # Another row on the same page: what was asked before stays there.
    carried_out_here(monkeypatch, "table1")
    other = sru_repro(*words, "rows=cnn", cwd=tmp_path)
    assert other.status == 0 and "1 runs, 0 of them done" in other.err
    assert [run.row for run in runs_piece(tmp_path, "table1").values.finished] == ["sru2", "cnn"]
    before = (tmp_path / "pages/table1.json").read_bytes()
    again = sru_repro(*words, "rows=cnn", cwd=tmp_path)
    assert again.status == 0 and "begun" not in again.err
    assert (tmp_path / "pages/table1.json").read_bytes() == before

    # A later slot, in a folder of its own to which the runs were brought: what is left is made, and all are told.
    (tmp_path / "later").mkdir()
    shutil.copy(tmp_path / "pages/runs.json", tmp_path / "later")
    later = sru_repro(*words[:3], "out=later", *words[4:], "rows=sru2,lstm", cwd=tmp_path)
    assert later.status == 0, later.err
    assert "2 runs, 1 of them done, 2 side by side" in later.err and "sru2, seed 1: begun" not in later.err
    assert {run.row for run in packed_runs(tmp_path / "later")} == {"sru2", "cnn", "lstm"}
    page = read(GPUPage, tmp_path / "later/table1.json").piece("runs")
    assert page is not None
    assert [(run["row"], run["seed"]) for run in page.values.plain()["runs"]] == [("sru2", 1), ("lstm", 1)]


@pytest.mark.slow
@pytest.mark.parametrize("section", ["table2", "ablation"])
def test_the_other_tables_are_rehearsed(
    section: str, sru_repro: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried_out_here(monkeypatch, section)
    rows = ["rows=sru4"] if section == "table2" else []
    called = sru_repro(*REHEARSE, f"sections={section}", f"data_dir={data}", *rows, cwd=tmp_path)
    assert called.status == 0, called.out + called.err
    (run,) = runs_piece(tmp_path, section).values.finished
    (record,) = packed_runs(tmp_path / "pages")
    assert bool(record.changed) == bool(run.epochs) == (section == "ablation")
    assert "predicted unknown" in called.err


@pytest.mark.parametrize("section", PLANS)
def test_the_plan_has_the_paper_s_rows_and_budgets(section: str) -> None:
    table = load_table(str(SECTIONS[section].table))
    known = table.row_names("paper")
    assert set(PLANS[section].rows) <= set(known)
    if section != "ablation":
        assert set(known) - set(PLANS[section].rows) <= {"sru2-tuned"}
    plan = TableRuns.model_validate(table_runs(section, "cpu", "data", False, jobs=3))
    assert [row.row for row in plan.rows] == list(PLANS[section].rows) and plan.side_by_side == 3
    runs = [run for run, _ in plan.runs()]
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)
    assert len({run.folder for run in runs}) == len(runs) == len(plan.rows) * len(table.seeds["paper"])
    for row in plan.rows:
        assert row.config["profile"] == "paper"
        assert bool(changes(row.overrides)) == (section == "ablation")
        if section != "ablation":
            assert row.config["trainer"]["max_epochs"] >= 40 and not row.config["trainer"]["max_seconds"]
    assert len(json.dumps(plan.model_dump())) < 100_000  # an argument of a process holds no more


def test_a_budget_of_their_own(data: Path) -> None:
    made = table_runs("table2", "cpu", str(data), False, rows=["lstm3"], seeds=[7], jobs=1, seconds=90)
    (row,) = made["rows"]
    assert row["config"]["trainer"]["max_seconds"] == 90 and made["seeds"] == [7]
    assert made["folder"] == "runs/gpu-check/table2"  # not where `reproduce` has them


def test_as_many_side_by_side_as_cores_and_memory_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    class Properties:
        total_memory = 80 << 30

    monkeypatch.setattr("torch.cuda.current_device", lambda: 0)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda index: Properties)
    for cores, memory, expected in ((16, 80, 8), (2, 80, 1), (1, 80, 1), (96, 80, 26), (64, 2, 1)):
        monkeypatch.setattr("sru_repro.core.machine.cores", lambda cores=cores: cores)
        Properties.total_memory = memory << 30
        assert gpu_tables._side_by_side(PLANS["table1"], "cuda") == expected
    assert gpu_tables._side_by_side(PLANS["table2"], "cuda") == 1


@pytest.fixture
def slot(sst_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`slot(status, jobs=1)`: a call of the section for two seeds of a run, of which the first was made in an earlier
    slot; what is begun ends with that status."""
    record = public_record(read_record(sst_run))
    monkeypatch.chdir(tmp_path)
    add_packed(Path("results/cuda/earlier"), [record])
    data = {"fingerprint": record.data.fingerprint}
    monkeypatch.setattr(finished_runs, "load_data", lambda config: SimpleNamespace(**data))
    begun: list[str] = []

    def call(
        status: int | None, jobs: int = 1, fingerprint: str = "", **changes: Any
    ) -> tuple[Any, list[str]]:
        def carry_out(runs: Any, side_by_side: int, seconds: float, predictions: Any, say: Any) -> Any:
            begun[:] = [run.name for run in runs]
            for run in runs:
                process = SimpleNamespace(folder=run.folder, last_line=lambda: "its last word")
                yield Ended(run, status, 9.0, 8.0, process)  # type: ignore[arg-type]

        data["fingerprint"] = fingerprint or record.data.fingerprint
        monkeypatch.setattr(table_runs_of, "carry_out", carry_out)
        config = record.config | changes
        table = {
            "rows": [{"row": record.row, "overrides": [], "config": config}],
            "seeds": [record.seed, record.seed + 1],
            "folder": "runs/x",
            "side_by_side": jobs,
        }
        options = SectionOptions("table1", "pages", "cpu", table=table)
        Page(options).plan(["rates", "runs"])
        try:
            return table_runs_of.runs(options, 100.0), begun
        except Failed as error:
            return error, begun

    return call


def seen(values: Any, key: str) -> list[Any]:
    """Of all runs on the page."""
    return [run[key] for run in values["runs"]]


def test_what_an_earlier_slot_has_made_is_not_made_again(slot: Callable[..., Any]) -> None:
    found, begun = slot(None)
    assert isinstance(found, Unfinished) and begun == ["gru, seed 2"]
    assert str(found) == "1 of 2 runs finished, 1 ended for want of time; next: gru, seed 2"
    assert seen(found.values, "seed") == [1]
    found, begun = slot(1)
    assert type(found) is Failed and str(found) == "1 runs failed: gru, seed 2: its last word"
    assert seen(found.values, "state") == ["finished", "failed"]


@pytest.mark.parametrize(
    "other",
    [{"fingerprint": "other data"}, {"jobs": 2}, {"optim": {"name": "sgd"}}],
    ids=lambda kind: min(kind),
)
def test_of_other_data_machines_or_settings_everything_is_made(
    slot: Callable[..., Any], other: dict[str, Any]
) -> None:
    assert slot(None, **other)[1] == ["gru, seed 1", "gru, seed 2"]
    # Where and by whom it is watched makes no other run.
    assert slot(None, data_dir="elsewhere", logger={"name": "csv"})[1] == ["gru, seed 2"]


def test_packed_runs_enter_the_table_once(sst_run: Path, tmp_path: Path) -> None:
    record = public_record(read_record(sst_run)).model_copy(
        update={"profile": "paper", "table": "sst", "row": "sru2", "changed": [], "seed": 3}
    )
    folder, results = tmp_path / "results/cuda/a", tmp_path / "results"
    other = record.model_copy(update={"seed": 4, "changed": ["trainer.max_seconds=9"]})
    add_packed(folder, [record, other])
    add_packed(folder, [record])
    assert len(packed_runs(folder)) == 2
    place = results / "runs/sst/sru2/paper/seed3.json"
    assert publish_packed(results) == [place]
    assert read_record(place).metrics == record.metrics and not (place.parent / "seed4.json").exists()
    assert publish_packed(results) == []
    # A later run takes its place; an earlier one, of another folder, does not.
    for name, started, expected in (
        ("b", "2999-01-01T00:00:00Z", [place]),
        ("c", "1999-01-01T00:00:00Z", []),
    ):
        add_packed(results / "cuda" / name, [record.model_copy(update={"started": started})])
        assert publish_packed(results) == expected
    assert read_record(place).started.startswith("2999")
    assert results / "sst.md" in report(results, {}) and "sru2" in (results / "sst.md").read_text()

    add_packed(results / "cuda/d", [record.model_copy(update={"profile": "smoke"})])
    with pytest.raises(
        DataError, match=r"d/runs\.json: expected finished runs of profile paper or short, found"
    ):
        publish_packed(results)
    (results / "cuda/d" / PackedRuns.FILE).write_text("{")
    with pytest.raises(DataError, match=r"expected JSON of `sru-repro gpu-check`"):
        publish_packed(results)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("rows=sru2",),
            "rows: expected one of the sections table1, table2, ablation beside it in sections=",
        ),
        (("sections=table1,table2", "jobs=2"), "jobs: expected one of the sections table1, table2, ablation"),
        (
            ("sections=table1", "rows=sru9"),
            "rows: expected some of sru2, lstm, qrnn-highway, cnn, sru4, sru8,",
        ),
        (("sections=table1", "seeds=a"), "seeds: expected whole numbers from 0 on such as 1,2,3, found 'a'"),
    ],
)
def test_bad_words_are_told_in_one_line(
    words: tuple[str, ...], line: str, sru_repro: Command, tmp_path: Path
) -> None:
    called = sru_repro("gpu-check", "rehearse=true", "device=cpu", *words, cwd=tmp_path)
    assert called.status == 2 and called.err.startswith(f"sru-repro: {line}") and called.err.count("\n") == 1
    assert not any(tmp_path.iterdir())
