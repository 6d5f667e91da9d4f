"""`sru-repro reproduce`: the plan, what is skipped, what is run again, what a failure does, what is written where."""

import functools
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sru_repro.cli import campaign
from sru_repro.core import layout
from sru_repro.data.sentences.examples import Splits
from sru_repro.data.sentences.sst import load_sst
from sru_repro.records.run import RunRecord, Throughput, read_record
from sru_repro.tasks import sentences
from sru_repro.training import run

Command = Callable[..., Any]


SMOKE = "profile=smoke"
SENTENCES = ("cr", "subj", "mr", "trec", "mpqa")


@pytest.fixture
def table(sru_repro: Command, runs_made: list[str], small: tuple[str, ...], tmp_path: Path) -> Command:
    """`table("rows=sru2,lstm", ...)`: Table 1 on SST in small."""
    (tmp_path / "work").mkdir()
    usual = [word for word in small if not word.startswith("model.")][1:]

    def call(*words: str) -> Any:
        given = {word.partition("=")[0] for word in words}
        kept = [word for word in usual if word.partition("=")[0] not in given]
        limits = ("task.limit=16", "trainer.max_epochs=1")
        return sru_repro("reproduce", "table=sst", *kept, *limits, *words, cwd=tmp_path / "work")

    return call


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture takes a second each time it is drawn."""
    monkeypatch.setattr("sru_repro.reporting.runs.table.write_figure", lambda *_: [])


@pytest.mark.slow
@pytest.mark.usefixtures("no_files")
def test_finished_runs_are_skipped_and_changed_ones_are_made_again(
    table: Command, runs_made: list[str], data: Path, tmp_path: Path
) -> None:
    folders = [f"runs/sst/{row}/smoke/seed1" for row in ("sru2", "lstm")]
    first = table(SMOKE, "rows=sru2,lstm")
    assert first.status == 0, first.err
    assert runs_made == folders
    assert first.out.splitlines()[:2] == [
        "table    sst: sru2, lstm",
        "runs     2, 0 of them done; profile smoke",
    ]
    assert "expected not known before the first run is through" in first.out
    assert "1/2 runs/sst/sru2/smoke/seed1" in first.err and "2/2 runs/sst/lstm" in first.err
    assert "SRU, 2 layers" in first.out and "runs/sst/sst.md  runs/sst/sst.svg" in first.out

    again = table(SMOKE, "rows=sru2,lstm")
    assert again.status == 0 and runs_made == folders
    assert "2 of them done" in again.out and "expected nothing to run" in again.out
    assert "SRU, 2 layers" in again.out, "the table is shown all the same"

    more = table(SMOKE, "rows=sru2,lstm", "seeds=1,2")
    assert more.status == 0 and runs_made[2:] == [folder[:-1] + "2" for folder in folders]
    assert "4, 2 of them done" in more.out

    table(SMOKE, "rows=lstm", "model.dropout=0.1")
    assert runs_made[4:] == folders[1:]
    assert read_record(tmp_path / "work" / folders[1]).plain()["config"]["model"]["dropout"] == 0.1

    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    table(SMOKE, "rows=sru2", f"data_dir={copy}")
    assert len(runs_made) == 5, "the same data lie elsewhere"
    lines = (copy / "sst/trees/test.txt").read_text().splitlines()
    (copy / "sst/trees/test.txt").write_text("\n".join([*lines[1:], lines[0]]) + "\n")
    table(SMOKE, "rows=sru2", f"data_dir={copy}")
    assert runs_made[5:] == folders[:1], "the data have changed"


@pytest.mark.usefixtures("no_files")
def test_a_failed_run_is_named_and_does_not_stop_the_others(
    table: Command, runs_made: list[str], tmp_path: Path
) -> None:
    blocked = tmp_path / "work/runs/sst/sru2/smoke/seed1"
    blocked.mkdir(parents=True)
    (blocked / "checkpoints").write_text("a file where a folder belongs")
    called = table(SMOKE, "rows=sru2,lstm", "seeds=1")
    assert called.status == 1
    assert len(runs_made) == 2 and "LSTM, 2 layers" in called.out
    assert "failed: runs/sst/sru2/smoke/seed1: " in called.err
    assert called.err.splitlines()[-1] == f"failed: {blocked.relative_to(tmp_path / 'work')} (see " + (
        "runs/sst/sru2/smoke/seed1/log.txt)"
    )
    (blocked / "checkpoints").unlink()
    assert table(SMOKE, "rows=sru2,lstm", "seeds=1").status == 0
    assert len(runs_made) == 3


@pytest.mark.slow
def test_published_profiles_write_results_and_smoke_does_not(
    table: Command, sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "work/results"
    called = table("rows=lstm", "profile=short")
    assert called.status == 0 and not (results / "runs").exists(), "what was changed by hand is not the row"
    shutil.rmtree(tmp_path / "work/runs")

    monkeypatch.setattr(run, "changes", lambda overrides: [])
    called = table("rows=lstm", "profile=short")
    assert called.status == 0, called.err
    written = {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}
    assert written == {"sst.md", "sst.svg", "sst.png", "runs/sst/lstm/short/seed1.json"}
    page = (results / "sst.md").read_text()
    assert "LSTM, 2 layers" in page and "352,514" in page and "88.1" in page and "cannot say" in page
    published = json.loads((results / "runs/sst/lstm/short/seed1.json").read_text())
    assert published["state"] == "finished" and str(tmp_path) not in json.dumps(published)
    called = table("rows=lstm", SMOKE)
    assert called.status == 0
    assert {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()} == written

    before = {
        path: path.read_bytes() for path in (results / "sst.md", results / "sst.svg", results / "sst.png")
    }
    for path in before:
        path.unlink()
    called = sru_repro("report", cwd=tmp_path / "work")
    assert called.status == 0 and called.out.splitlines() == [
        "results/sst.md",
        "results/sst.svg",
        "results/sst.png",
    ]
    assert before == {path: path.read_bytes() for path in before}, "the same records give the same bytes"


@pytest.mark.slow
@pytest.mark.usefixtures("no_files")
def test_cross_validation_makes_a_run_of_every_fold(
    sru_repro: Command,
    runs_made: list[str],
    small: tuple[str, ...],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load(name: str, folder: Path, fold: int, limit: int) -> Splits:
        return load_sst(data, "binary", "sentences", limit)

    monkeypatch.setattr(sentences, "load_sentences", load)
    words = [word for word in small if not word.startswith(("task.train_on", "model.num_layers"))]
    calls = functools.partial(sru_repro, "reproduce", "table=sentences", "rows=sru2", *words, cwd=tmp_path)
    called = calls("folds=0,9")
    assert called.status == 0, called.err
    assert runs_made == [f"runs/{task}/sru2/smoke/seed1/fold{fold}" for task in SENTENCES for fold in (0, 9)]
    assert read_record(tmp_path / runs_made[1]).plain()["fold"] == 9
    assert calls("folds=0,9").out.count("10 of them done") == 1 and len(runs_made) == 10
    assert calls("folds=10").err.startswith(
        "sru-repro: task.fold: expected less than or equal to 9, found 10"
    )


@pytest.mark.slow
def test_quickstart_ends_with_table_and_picture_and_a_clean_checkout(
    sru_repro: Command, runs_made: list[str], tmp_path: Path
) -> None:
    git = functools.partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True, check=True)
    shutil.copy(Path(__file__).parents[2] / ".gitignore", tmp_path)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    git(["git", "init", "--quiet"])
    before = git(["git", "status", "--porcelain", "--untracked-files=all"]).stdout
    called = sru_repro(
        *("reproduce", "table=quickstart", "profile=smoke", "logger=csv", "trainer=cpu"), cwd=tmp_path
    )
    assert called.status == 0, called.err
    assert [folder.split("/")[2] for folder in runs_made] == ["gru", "lstm", "qrnn", "sru"]
    assert {"LSTM", "GRU", "QRNN", "SRU"} <= set(called.out.upper().replace("|", " ").split())
    assert "reference loop" not in called.out.lower()
    picture = (tmp_path / "runs/quickstart/quickstart.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 10_000
    page = (tmp_path / "runs/quickstart/quickstart.md").read_text()
    assert "Back end fused cpp: " in page and "results" not in os.listdir(tmp_path)
    assert git(["git", "status", "--porcelain", "--untracked-files=all"]).stdout == before


@pytest.fixture
def by_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of conf/ in which the quickstart has a small row of its own for smoke runs."""
    conf = tmp_path / "conf"
    shutil.copytree(layout.conf_folder(), conf)
    monkeypatch.setattr(layout, "conf_folder", lambda: conf)
    (conf / "experiment/little").mkdir()
    row = (conf / "experiment/quickstart/sru.yaml").read_text()
    little = row.replace("row: sru", "row: tiny").replace("hidden_size: 256", "hidden_size: 8")
    (conf / "experiment/little/tiny.yaml").write_text(little)
    quickstart = conf / "table/quickstart.yaml"
    rows = "rows: {paper: quickstart, short: quickstart, smoke: little}"
    quickstart.write_text(quickstart.read_text().replace("rows: quickstart", rows))


@pytest.mark.usefixtures("by_profile", "no_files")
def test_a_profile_runs_its_own_rows(sru_repro: Command, runs_made: list[str], tmp_path: Path) -> None:
    words = ("reproduce", "table=quickstart", "profile=smoke", "logger=csv", "trainer=cpu")
    called = sru_repro(*words, cwd=tmp_path)
    assert called.status == 0, called.err
    assert runs_made == ["runs/quickstart/tiny/smoke/seed1"]
    assert read_record(tmp_path / runs_made[0]).plain()["config"]["model"]["hidden_size"] == 8
    page = (tmp_path / "runs/quickstart/quickstart.md").read_text()
    assert "| tiny | " in page and "| lstm | " not in page
    assert "not run yet" not in page, "here nobody looks at the records of other profiles"
    refused = sru_repro(*words, "rows=lstm", cwd=tmp_path)
    assert refused.status == 2 and "rows: expected some of tiny, found 'lstm'" in refused.err


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_seconds": 240.0, "max_epochs": 1000}, 240),
        ({"max_steps": 100}, 2),
        ({"max_steps": 100, "max_epochs": 3}, 2),
        ({"max_steps": 100_000, "max_epochs": 3}, 30),
        ({"max_steps": 100_000, "max_epochs": 3, "max_seconds": 7.0}, 7),
    ],
)
def test_expected_is_the_first_limit_at_the_pace_of_earlier_runs(
    limits: dict[str, float], expected: float
) -> None:
    def earlier(size: int, profile: str, step_ms: float, task: str = "enwik8") -> RunRecord:
        throughput = Throughput(step_ms=step_ms, seconds_per_epoch=step_ms / 2, tokens_per_s=1e4)
        config = {"model": {"hidden_size": size}}
        named = RunRecord(state="running", task=task, row="sru", profile=profile, seed=1, config=config)
        return named.model_copy(update={"throughput": throughput})

    trainer = SimpleNamespace(**({"max_seconds": 0.0, "max_steps": 0, "max_epochs": 0} | limits))
    config: Any = SimpleNamespace(
        task=SimpleNamespace(name="enwik8"),
        top=SimpleNamespace(row="sru", profile="short"),
        plain={"model": {"hidden_size": 8}},
        trainer=trainer,
    )
    job = campaign.Job(Path("run"), (), config)
    own = [earlier(8, "short", 10.0), earlier(8, "short", 30.0)]
    others = [earlier(8, "paper", 70.0), earlier(9, "short", 80.0), earlier(8, "short", 9.0, task="text")]
    assert campaign._expected(job, [*own, *others]) == expected + campaign.STARTUP_S
    if "max_seconds" not in limits:
        assert campaign._expected(job, others[2:]) is None
        assert campaign._expected(job, [earlier(9, "paper", 20.0)]) is None, "another size in another profile"
        for near in ([earlier(8, "paper", 20.0)], [earlier(9, "short", 20.0)]):
            assert campaign._expected(job, near) == expected + campaign.STARTUP_S


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["reproduce-enwik8"], ["table=enwik8", "data_dir=data"]),
        (
            ["reproduce-wikitext103", "DATA=a b", "PROFILE=short", "ROWS=sru,lstm", "SEEDS=1,2", "JOBS=2"],
            [
                *("table=wikitext103", "data_dir=a b", "profile=short"),
                *("seeds=1,2", "rows=sru,lstm", "jobs=2"),
            ],
        ),
        (["reproduce-wikitext2", "ARGS=logger=csv"], ["table=wikitext2", "data_dir=data", "logger=csv"]),
        (["reproduce-text"], ["table=text", "data_dir=data"]),
        (["reproduce-text", "TEXT=my/text.xz"], ["table=text", "task.path=my/text.xz", "data_dir=data"]),
    ],
)
def test_make_hands_on_what_it_is_told(words: list[str], expected: list[str]) -> None:
    dry = ["make", "-n", "--no-print-directory", "-C", str(Path(__file__).parents[2]), *words]
    shown = subprocess.run(dry, capture_output=True, text=True, check=True).stdout
    assert shlex.split(shown.splitlines()[-1])[1:] == ["reproduce", *expected]


@pytest.mark.usefixtures("no_files")
def test_rows_folds_and_empty_words_take_the_defaults(table: Command, runs_made: list[str]) -> None:
    assert table(SMOKE, "rows=cnn", "seeds=", "folds=").status == 0
    assert runs_made == ["runs/sst/cnn/smoke/seed1"]
