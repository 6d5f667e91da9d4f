"""`sru-repro train`: one run, and Hydra's own habits. Sweeps: test_sweeps.py."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core.interrupt import Interrupted
from sru_repro.records.run import read_record
from sru_repro.training import run
from sru_repro.training.module import TaskModule

Command = Callable[..., Any]

QUICK = (
    *("task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu"),
    *("task.max_bytes=20000", "task.unroll=300", "task.embedding_size=8", "model.hidden_size=8"),
)


def test_a_run_lies_where_its_task_row_profile_and_seed_say(
    sru_repro: Command, small: tuple[str, ...], tmp_path: Path
) -> None:
    called = sru_repro("train", *small, "seed=3", cwd=tmp_path)
    assert (called.status, called.out) == (0, ""), called.err
    (folder,) = (tmp_path / "runs/sst/sru/smoke").iterdir()
    assert folder.name.startswith("seed3-")
    assert {path.name for path in folder.iterdir()} == {
        "run.json",
        "metrics.csv",
        "predictions.json",
        "checkpoints",
        "log.txt",
    }
    lines = called.err.splitlines()
    ours = [line for line in lines if line.startswith("sru-repro: ")]  # trees made up, vectors of few words
    assert lines[: len(ours)] == ours and "word vectors cover 0.1% of the words" in ours[-1]
    assert (
        lines[len(ours)].startswith("sst/sru seed 3 · sru")
        and lines[-1] == f"  {folder.relative_to(tmp_path)}"
    )
    assert "test/accuracy" in lines[-2]
    record = read_record(folder).plain()
    assert record["overrides"] == [*small, "seed=3"]
    assert record["data"]["vectors"] == "three.300d.txt" and "cover" in record["data"]["notes"][-1]


def test_a_failing_run_says_one_line_and_keeps_its_traceback(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(self: TaskModule, *values: Any) -> Any:
        raise IndexError("out of\nreach")

    monkeypatch.setattr(TaskModule, "training_step", step)
    called = sru_repro("train", *QUICK, "hydra.run.dir=run", cwd=tmp_path)
    log = tmp_path / "run/log.txt"
    assert (called.status, called.out) == (1, "")
    *opening, last = called.err.splitlines()
    assert last == "sru-repro: IndexError: out of (traceback in run/log.txt)"
    assert all(line.startswith(("quickstart/sru seed 1 · ", "data ", "  ")) for line in opening)
    assert "Traceback" in log.read_text() and "in step" in log.read_text()
    assert read_record(tmp_path / "run").plain()["state"] == "failed"


def test_a_loss_that_is_no_number_is_one_line(
    sru_repro: Command, small: tuple[str, ...], tmp_path: Path
) -> None:
    called = sru_repro("train", *small, "optim.name=sgd", "optim.lr=1e30", cwd=tmp_path)
    assert called.status == 1
    *_, last = called.err.splitlines()  # before it: trees made up, vectors of few words
    assert last.startswith("sru-repro: step ") and called.err.count("sru-repro: ") == 3
    assert "the loss is" in called.err and "lower optim.lr" in called.err
    (folder,) = (tmp_path / "runs/sst/sru/smoke").iterdir()
    assert called.err.endswith(f" (see {folder.relative_to(tmp_path) / 'log.txt'})\n"), (
        "where to look further"
    )


def test_a_failure_says_where_the_run_before_lies(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", *QUICK, "hydra.run.dir=run")
    assert sru_repro(*words, cwd=tmp_path).status == 0
    refused = sru_repro(*words, "resume=true", "seed=2", cwd=tmp_path)
    assert refused.status == 2 and "log.txt" not in refused.err, "the log is of the run before"

    def step(self: TaskModule, *values: Any) -> Any:
        raise MemoryError("no room")

    monkeypatch.setattr(TaskModule, "training_step", step)
    failed = sru_repro(*words, "seed=2", cwd=tmp_path)
    assert failed.status == 1 and "; the run before it lies whole in run/replaced" in failed.err
    assert "make room and start again" in failed.err and "last checkpoint" not in failed.err


def test_a_signal_before_anything_was_begun_advises_nothing_that_is_refused(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", *QUICK, "hydra.run.dir=run")
    assert sru_repro(*words, cwd=tmp_path).status == 0

    def stopped(config: Any) -> None:
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(run, "load_data", stopped)
    called = sru_repro(*words, "seed=2", cwd=tmp_path)
    assert (called.status, called.err) == (143, "sru-repro: interrupted by SIGTERM; nothing was begun\n")
    called = sru_repro(*words, cwd=tmp_path)
    assert called.err == "sru-repro: interrupted by SIGTERM; go on with resume=true hydra.run.dir=run\n"


def test_an_empty_folder_that_is_a_link_hides_no_error(sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    called = sru_repro("train", *QUICK, "trainer.max_epochs=-1", "hydra.run.dir=run", cwd=tmp_path)
    assert called.status == 2 and "trainer.max_epochs" in called.err
    assert (tmp_path / "run").is_symlink() and (tmp_path / "disk").is_dir()


def test_no_line_names_the_home_folder(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "anna").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "anna"))

    def stopped(config: Any) -> None:
        raise Interrupted(signal.SIGTERM)

    words = ("train", *QUICK, f"hydra.run.dir={tmp_path}/anna/my runs")
    assert sru_repro(*words, cwd=tmp_path / "work").status == 0
    finished = sru_repro(*words, "resume=true", cwd=tmp_path / "work")
    refused = sru_repro(*words, "resume=true", "seed=2", cwd=tmp_path / "work")
    monkeypatch.setattr(run, "load_data", stopped)
    interrupted = sru_repro(*words, cwd=tmp_path / "work")
    assert "go on with resume=true hydra.run.dir=\"$HOME\"/'my runs'" in interrupted.err
    for called in (finished, refused, interrupted):
        assert called.err.startswith(("sru-repro: ", "~/my runs")) and str(tmp_path) not in called.err


def test_a_finished_run_is_not_repeated(sru_repro: Command, tmp_path: Path) -> None:
    words = ("train", *QUICK, "hydra.run.dir=run", "resume=true")
    assert sru_repro(*words, cwd=tmp_path).status == 0
    before = (tmp_path / "run/run.json").read_bytes()
    called = sru_repro(*words, cwd=tmp_path)
    assert called.status == 0 and "finished before" in called.err
    assert (tmp_path / "run/run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("--cfg", "job"), "hidden_size: 128"),
        (("--cfg", "job", "--resolve", "profile=paper"), "max_epochs: 100"),
        (("--info", "defaults"), "Defaults List"),
        (("--help",), "train one model on one task"),
        (("-h",), "experiment/sst: cnn, lstm, qrnn"),
        (("--hydra-help",), "Hydra (1."),
        (("--version",), "Hydra 1."),
        (("-sc", "install=bash"), "complete"),
    ],
)
def test_hydras_questions_are_answered_and_run_nothing(
    words: tuple[str, ...], shown: str, sru_repro: Command, tmp_path: Path
) -> None:
    called = sru_repro("train", *words, cwd=tmp_path)
    assert called.status == 0 and shown in called.out and called.err == ""
    assert not list(tmp_path.iterdir())


def test_a_configuration_folder_of_ones_own(sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "mine/model").mkdir(parents=True)
    (tmp_path / "mine/model/tiny.yaml").write_text("name: gru\nhidden_size: 3\nnum_layers: 1\ndropout: 0.0\n")
    words = [word for word in QUICK if not word.startswith("model.")]
    lacking = sru_repro("train", "-cd", "mine", "model=tiny", *words, cwd=tmp_path)
    assert lacking.status == 2 and lacking.err.startswith("sru-repro: model.bidirectional: missing")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    with (tmp_path / "mine/model/tiny.yaml").open("a") as file:
        file.write("bidirectional: false\n")
    for way in (["-cd", "mine"], [f"hydra.searchpath=[file://{tmp_path / 'mine'}]"]):
        called = sru_repro("train", *way, "model=tiny", "row=tiny", "hydra.run.dir=run", *words, cwd=tmp_path)
        assert called.status == 0, called.err
        record = json.loads((tmp_path / "run/run.json").read_text())
        assert record["row"] == "tiny" and record["config"]["model"]["hidden_size"] == 3
    (tmp_path / "mine/model/tiny.yaml").write_text("name: gru\n  hidden_size: [3\n")
    broken = sru_repro("train", "-cd", "mine", "model=tiny", *words, cwd=tmp_path)
    assert broken.status == 2 and broken.err.count("\n") == 1
