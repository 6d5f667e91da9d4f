"""The runs that `sru-repro compare` is given, and what it refuses."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SST = ROOT / "results/runs/sst"

Command = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Committed records of two rows, as they lie; a run's folder; names that a shell would take apart."""
    for row in ("sru2", "lstm"):
        shutil.copytree(SST / row, tmp_path / "records" / row)
    for name, seed in (("runs/sst/my run/seed1", 1), ("runs/optim.lr=0.1/seed2", 2), ("runs/[x]*/seed3", 3)):
        (tmp_path / name).mkdir(parents=True)
        shutil.copy(SST / f"cnn/short/seed{seed}.json", tmp_path / name / "run.json")
    (tmp_path / "runs/sst/my run/seed1/replaced").mkdir()
    shutil.copy(SST / "sru8/short/seed1.json", tmp_path / "runs/sst/my run/seed1/replaced/run.json")
    (tmp_path / "empty").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/there").symlink_to(tmp_path / "runs")
    (tmp_path / "linked/round").symlink_to(tmp_path / "linked")
    (tmp_path / "records/sweep.json").write_text('{"schema": 1, "name": "other"}')
    rate = json.loads((SST / "sru2/short/seed1.json").read_text())
    rate["config"]["optim"]["lr"] = 0.0123
    (tmp_path / "rate").mkdir()
    (tmp_path / "rate/seed1.json").write_text(json.dumps(rate))
    return tmp_path


@pytest.mark.parametrize(
    "rows", [("sru4", "lstm", "qrnn-highway", "sru2"), ("sru2-tuned", "cnn", "qrnn", "sru8")]
)
def test_committed_runs_of_one_budget_on_one_screen(
    sru_repro: Command, tmp_path: Path, rows: tuple[str, ...]
) -> None:
    called = sru_repro("compare", *(f"{SST}/{row}/short/*.json" for row in rows), cwd=tmp_path)
    lines = called.out.splitlines()
    assert called.status == 0 and called.err == "" and len(lines) <= 40 and max(map(len, lines)) <= 80
    assert lines[0].startswith("12 runs in 4 rows: sst; profile short; seeds 1–3")
    assert all(f"\n{place}  {name} " in called.out for place, name in enumerate(rows, 1))


def test_all_committed_runs_of_sst_and_that_their_budgets_differ(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("compare", f"{SST}/*/short/*.json", cwd=tmp_path)
    lines = called.out.splitlines()
    assert called.status == 0 and called.err == "" and max(map(len, lines)) <= 80
    assert lines[0].startswith("24 runs in 8 rows: sst; profile short; seeds 1–3")
    assert "Not comparable, as trainer.max_epochs differs: 12 epochs (" in called.out


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["records"], "6 runs in 2 rows"),
        (["records/sru2/short", "records/lstm"], "6 runs in 2 rows"),
        (["records/*/short/seed[12].json"], "4 runs in 2 rows"),
        (["records/**/*.json"], "6 runs in 2 rows"),
        (["runs"], "3 runs in 1 row"),
        (["linked"], "3 runs in 1 row"),
        (["runs/**/run.json", "records/lstm"], "7 runs in 3 rows"),
        (["runs/sst/my run/seed1", "runs/optim.lr=0.1/seed2", "runs/[x]*", "./runs"], "3 runs in 1 row"),
        (["runs/optim.lr=0.1", "records/sru2"], "4 runs in 2 rows"),
        (["a=runs/sst/my run/seed1", "b=records/lstm/short/seed1.json", "records/sru2"], "5 runs in 3 rows"),
        (["records/sru2/short/seed1.json"] * 2, "1 run in 1 row"),
        (["--against=lstm", "records"], "6 runs in 2 rows"),
    ],
)
def test_what_a_word_means(words: list[str], runs: str, sru_repro: Command, place: Path) -> None:
    called = sru_repro("compare", *words, cwd=place)
    assert called.status == 0 and called.err == "" and called.out.startswith(f"{runs}: sst; "), called


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "RUN: expected the folder of a run, a record, or a glob of them, found none"),
        ([""], "RUN: expected the folder of a run, a record, or a glob of them, found ''"),
        (["html=x.html"], "RUN: expected the folder of a run"),
        (["records", "nowhere"], "nowhere: expected a run record, found none; name the folder of a run"),
        (["record"], "record: expected a run record, found none"),
        (
            ["runs/sst/my run/sed1"],
            "runs/sst/my run/sed1: expected a run record, found none; name the folder of a run",
        ),
        (
            ["records/*/paper/*"],
            "records/*/paper/*: expected the folder of a run, a record, or a glob of them, found",
        ),
        (["empty"], "empty: expected a run record, found none in it or below"),
        (["records/sweep.json"], "records/sweep.json: expected a run record, found none in it or below"),
        (["records", "htm=x"], "htm: expected RUN, html=FILE or against=ROW here; did you mean html?"),
        (["records", "--json"], "--json: expected RUN, html=FILE or against=ROW here"),
        (["records", "html="], "html: expected a file to write, found ''"),
        (["records", "html=empty"], "html: expected a file to write, found 'empty'"),
        (
            ["records", "against=lstmm"],
            "against: expected one of lstm, sru2, found 'lstmm'; did you mean lstm?",
        ),
        (
            ["records", "rate", "against=sru2"],
            "against: expected one of sru2 lr=0.0123, sru2 lr=0.001, found 'sru2', which names 2 rows",
        ),
        (["a=records"], "b: missing; expected b=runs/..."),
    ],
)
def test_what_is_refused(words: list[str], line: str, sru_repro: Command, place: Path) -> None:
    called = sru_repro("compare", *words, cwd=place)
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith(f"sru-repro: {line}") and called.err.count("\n") == 1, called.err


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "finished", "task": "sst", "row": "x"}', "\0"])
@pytest.mark.parametrize("words", [["records"], ["records/*/short/*"]])
def test_a_broken_record_is_named(text: str, words: list[str], sru_repro: Command, place: Path) -> None:
    broken = place / "records/lstm/short/seed2.json"
    broken.write_text(text)
    called = sru_repro("compare", *words, cwd=place)
    if text == "[]":  # no record at all
        assert called.status == 0 and called.out.startswith("5 runs in 2 rows")
        return
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith("sru-repro: records/lstm/short/seed2.json: ") and called.err.count("\n") == 1
