"""`evaluate`: a finished run is measured again, to the last digit, and its predictions are written down."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core.lock import in_use
from sru_repro.records.base import write
from sru_repro.records.run import NO_RESULT, read_record
from sru_repro.tasks import Step, task_class
from sru_repro.tasks.sst import SST
from sru_repro.training import run_folder
from sru_repro.training.load import run_config

Command = Callable[..., Any]


def test_evaluate_finds_every_figure_identical(sru_repro: Command, sst_run: Path, tmp_path: Path) -> None:
    called = sru_repro("evaluate", f"run={sst_run}", cwd=tmp_path)
    assert (called.status, called.err.splitlines()[-1]) == (0, NO_RESULT)  # before it: trees made up
    recorded = read_record(sst_run).plain()["metrics"]
    lines = [line.split() for line in called.out.splitlines()[:4]]
    assert [line[0] for line in lines] == ["val/loss", "val/accuracy", "test/loss", "test/accuracy"]
    for name, value, verdict in lines:
        assert verdict == "identical" and float(value) == recorded[name] and value == repr(recorded[name])


def test_evaluate_says_what_another_setting_makes_of_it(
    sru_repro: Command, sst_run: Path, tmp_path: Path
) -> None:
    called = sru_repro("evaluate", f"run={sst_run}", "task.batch_size=1", cwd=tmp_path)
    assert called.status == 1, "with left padding a figure depends on the batches"
    assert "recorded 0." in called.out


def test_evaluate_says_what_was_not_recorded(sru_repro: Command, sst_run: Path, tmp_path: Path) -> None:
    shutil.copytree(sst_run, tmp_path / "run")
    record = read_record(sst_run)
    del record.metrics["val/loss"]
    record.metrics["test/loss"] = 0.5
    write(record, tmp_path / "run/run.json")
    lines = sru_repro("evaluate", "run=run", cwd=tmp_path).out.splitlines()[:4]
    verdicts = [line.split(maxsplit=2)[2] for line in lines]
    assert verdicts == ["not recorded", "identical", "recorded 0.5", "identical"]


def test_what_was_said_of_each_example_is_written_beside_the_run(
    sru_repro: Command, sst_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sst_run, tmp_path / "run")
    kind = task_class("sst")
    step = kind.step

    def telling(self: Any, batch: Any, carry: Any) -> Step:
        found = step(self, batch, carry)
        return dataclasses.replace(found, outputs={"q0": "Zürich", "q1": "two\nlines"}, said=None)

    monkeypatch.setattr(kind, "step", telling)
    called = sru_repro("evaluate", "run=run", cwd=tmp_path)
    assert (called.status, called.err.splitlines()[-1]) == (0, NO_RESULT)  # before it: trees made up
    *figures, written = called.out.splitlines()
    assert len(figures) == 4 and written == str(Path("run/predictions.json"))
    text = (tmp_path / written).read_text(encoding="utf-8")
    assert json.loads(text) == {"q0": "Zürich", "q1": "two\nlines"}


def test_a_task_that_tells_no_examples_apart_writes_nothing(
    sru_repro: Command, sst_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sst_run, tmp_path / "run")
    (tmp_path / "run/predictions.json").unlink()
    kind = task_class("sst")
    step = kind.step
    monkeypatch.setattr(kind, "step", lambda *words: dataclasses.replace(step(*words), said=None))
    assert "predictions" not in sru_repro("evaluate", "run=run", cwd=tmp_path).out
    assert not (tmp_path / "run/predictions.json").exists()


def test_sentences_are_numbered_with_what_they_were_taken_for(
    sru_repro: Command, sst_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(sst_run, tmp_path / "run")
    place = tmp_path / "run/predictions.json"
    trained = place.read_text()
    said = json.loads(trained)
    record = read_record(sst_run)
    assert list(said) == [str(number) for number in range(record.data.counts["test"])]
    config, _ = run_config(sst_run)
    task: Any = config.task
    splits = SST.examples(task, Path(config.top.data_dir))
    golden = [(" ".join(example.tokens), splits.classes[example.label]) for example in splits.test]
    assert [(one["text"], one["gold"]) for one in said.values()] == golden
    right = [one["predicted"] == one["gold"] for one in said.values()]
    assert sum(right) / len(right) == record.metrics["test/accuracy"]
    for one in said.values():
        assert list(one) == ["text", "gold", "predicted", "probability"] and 0.5 <= one["probability"] <= 1
    place.unlink()
    called = sru_repro("evaluate", "run=run", cwd=tmp_path)
    assert called.out.splitlines()[4:] == [str(Path("run/predictions.json"))]
    assert place.read_text() == trained


def test_a_run_under_way_is_not_evaluated(sru_repro: Command, sst_run: Path, tmp_path: Path) -> None:
    """Its figures would stand beside weights that are about to be replaced."""
    shutil.copytree(sst_run, tmp_path / "run")
    record = read_record(sst_run)
    record.state = "running"
    write(record, tmp_path / "run/run.json")
    with in_use(tmp_path / "run", "sst/gru seed 1"):
        called = sru_repro("evaluate", "run=run", cwd=tmp_path)
    assert (called.status, called.out) == (2, "") and called.err.count("\n") == 1
    assert "found it under way (sst/gru seed 1, process" in called.err


def test_a_run_that_was_replaced_meanwhile_gets_no_predictions(
    sru_repro: Command, sst_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sst_run, tmp_path / "run")
    kind = task_class("sst")
    step = kind.step

    def replaced(self: Any, batch: Any, carry: Any) -> Step:
        record = read_record(tmp_path / "run")
        record.started = "2001-01-01T00:00:00Z"
        write(record, tmp_path / "run/run.json")
        return dataclasses.replace(step(self, batch, carry), outputs={"q0": "a"}, said=None)

    monkeypatch.setattr(kind, "step", replaced)
    called = sru_repro("evaluate", "run=run", cwd=tmp_path)
    assert called.status == 1 and "another run has taken its place meanwhile" in called.err
    assert (tmp_path / "run/predictions.json").read_bytes() == (sst_run / "predictions.json").read_bytes()


def test_a_folder_that_cannot_be_written_costs_the_predictions_alone(
    sru_repro: Command, sst_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(run_folder, "write_predictions", refuse)
    called = sru_repro("evaluate", f"run={sst_run}", cwd=tmp_path)
    assert called.status == 0 and len(called.out.splitlines()) == 4
    assert called.err.endswith(": the predictions could not be written (Permission denied)\n")
