"""What a run leaves: run.json, metrics.csv, checkpoints, log.txt; and what it says when it fails."""

import csv
import json
import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.core.errors import ConfigError, RunError
from sru_repro.records.run import RunRecord, read_record
from sru_repro.training.config import RunConfig
from sru_repro.training.going_on import goes_on
from sru_repro.training.load import evaluate, run_config, trained_task
from sru_repro.training.run import train
from sru_repro.training.run_folder import RunFolder, is_done, same_run
from sru_repro.training.weights import BEST, LAST, PREVIOUS

Configured = Callable[..., RunConfig]
Happening = Callable[..., AbstractContextManager[None]]


@pytest.fixture(scope="module", params=["sst", "lm"])
def finished(request: pytest.FixtureRequest, configured: Configured, tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp(request.param)
    train(configured(request.param), folder, ["seed=1"])
    return folder


def test_the_record_says_what_a_number_depends_on(finished: Path) -> None:
    record = read_record(finished).plain()
    task = record["task"]
    assert record["state"] == "finished" and record["error"] is None
    assert (record["seed"], record["profile"], record["row"], record["fold"]) == (1, "smoke", "sru", None)
    assert record["config"]["trainer"]["max_epochs"] == 3, "interpolations are resolved"
    assert record["config"]["task"]["name"] == task and record["overrides"] == ["seed=1"]
    revision, dirty = record["code"]["revision"], record["code"]["dirty"]
    assert re.fullmatch(r"[0-9a-f]{12}", revision) if (dirty is not None) else revision is None
    assert {"python", "torch", "pytorch-lightning", "hydra-core", "torchtext"} <= record["packages"].keys()
    assert record["hardware"].keys() == {"name", "slug", "device", "cores", "memory_bytes", "threads"}
    assert record["data"]["fingerprint"] and record["data"]["source"] and record["data"]["counts"]
    assert record["parameters"] == trained_task(run_config(finished)[0], finished).published_parameters()
    assert (
        record["backend"]
        and record["peak_bytes"] > 50e6
        and record["wall_s"] > record["epochs"][-1]["wall_s"]
    )
    assert (
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["started"])
        and record["ended"] >= record["started"]
    )
    assert record["progress"] == {"fraction": 1.0, "left_s": 0.0}


def test_figures_carry_the_names_of_the_dashboard(finished: Path) -> None:
    record = read_record(finished).plain()
    names = {"loss", "accuracy"} if record["task"] == "sst" else {"loss", "bpc"}
    speed = {"throughput/tokens_per_s", "throughput/step_ms"}
    assert (
        record["metrics"].keys() == {f"{split}/{name}" for split in ("val", "test") for name in names} | speed
    )
    assert record["headline"] in record["metrics"]
    assert all(type(value) is float and math.isfinite(value) for value in record["metrics"].values())
    assert [(entry["epoch"], entry["step"]) for entry in record["epochs"]] == [(0, 5), (1, 10), (2, 15)]
    axes = {"epoch", "step", "tokens", "wall_s"}
    for entry in record["epochs"]:
        assert entry.keys() == {f"{split}/{name}" for split in ("train", "val") for name in names} | axes
    choose = max if record["higher_is_better"] else min
    key = record["headline"].replace("test", "val")
    assert record["best"] == choose(record["epochs"], key=lambda entry: entry[key])
    last, throughput = record["epochs"][-1], record["throughput"]
    assert throughput["tokens_per_s"] == pytest.approx(last["tokens"] / last["wall_s"], rel=0.05)
    assert throughput["seconds_per_epoch"] == pytest.approx(last["wall_s"] / 3, rel=0.05)


def test_curves_hold_training_and_validation(finished: Path) -> None:
    record = read_record(finished).plain()
    with (finished / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["val/loss"] for row in rows if row["val/loss"]] == [
        repr(e["val/loss"]) for e in record["epochs"]
    ]
    training = [int(row["step"]) for row in rows if row["train/loss"]]
    every = record["config"]["trainer"]["log_every"]
    assert training == sorted({5, 10, 15} | set(range(every, 16, every)))
    assert all(float(row["throughput/tokens_per_s"]) > 0 for row in rows if row["train/loss"])


def test_an_epochs_training_loss_is_that_of_all_its_steps(finished: Path) -> None:
    with (finished / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["train/loss"]]
    before, nats = (0, 0), 0.0  # step, tokens
    for row in [row for row in rows if int(row["step"]) <= 5]:
        share = int(row["step"]) - before[0], int(row["tokens"]) - before[1]
        # Sentences weigh alike and batches are of one size; bytes weigh alike and the last segment is shorter.
        nats += float(row["train/loss"]) * (share[0] if finished.name.startswith("sst") else share[1])
        before = int(row["step"]), int(row["tokens"])
    mean = nats / (before[0] if finished.name.startswith("sst") else before[1])
    assert read_record(finished).plain()["epochs"][0]["train/loss"] == pytest.approx(mean, rel=1e-12)


def test_checkpoints_hold_plain_types(finished: Path) -> None:
    def plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(plain(key) and plain(item) for key, item in value.items())
        if type(value) in (list, tuple):
            return all(map(plain, value))
        return value is None or isinstance(value, torch.Tensor) or type(value) in (str, int, float, bool)

    best, last = (torch.load(finished / name, weights_only=True) for name in (BEST, LAST))
    last["state_dict"], last["loops"] = dict(last["state_dict"]), dict(last["loops"])
    assert plain(last)
    assert best["state_dict"].keys() == last["state_dict"].keys() and "optimizer_states" not in best
    names = {Path(name).name for name in (BEST, LAST, PREVIOUS)}
    assert {path.name for path in (finished / "checkpoints").iterdir()} == names


def test_log_holds_a_line_a_validation_and_the_result(finished: Path) -> None:
    lines = (finished / "log.txt").read_text().splitlines()
    told = [line for line in lines if "epoch " in line or "test/" in line]
    assert len(told) == 4 and "epoch 1" in told[0] and "val/loss" in told[2] and "test/" in told[3]
    record = read_record(finished)
    assert lines[0].startswith(f"{record.task}/sru seed 1 · sru, 2 layers, {record.parameters:,} parameters")
    assert next(line for line in lines if line.startswith("data ")).startswith(
        f"data {record.data.description}"
    )
    (first,) = [line for line in lines if "step 1 " in line]
    assert "  loss " in first and lines.index(first) < lines.index(told[0])
    assert all(len(line) <= 80 or "data " in line or finished.name in line for line in lines)


def test_evaluation_gives_the_recorded_figures_to_the_last_digit(finished: Path) -> None:
    config, record = run_config(finished)
    figures, fingerprint, _ = evaluate(config, finished)
    assert fingerprint == read_record(finished).plain()["data"]["fingerprint"]
    assert figures == {name: record.metrics[name] for name in figures}
    assert len(figures) == 4


def test_a_record_is_never_half_written(tmp_path: Path) -> None:
    content = RunRecord(state="running", task="sst", row="sru", profile="smoke", seed=1)
    record = RunFolder(tmp_path, content)
    record.save()
    content.config = {"model": object()}  # cannot be written
    with pytest.raises(TypeError):
        record.save()
    assert json.loads((tmp_path / "run.json").read_text())["state"] == "running"


def test_done_means_same_configuration_and_data(finished: Path, tmp_path: Path) -> None:
    record = read_record(finished).plain()
    plain, fingerprint = record["config"], record["data"]["fingerprint"]
    assert is_done(finished, plain) and is_done(finished, plain, fingerprint)
    assert is_done(finished, {**plain, "data_dir": "elsewhere", "logger": {"name": "wandb"}, "paper": {}})
    assert not is_done(finished, {**plain, "seed": 2}, fingerprint)
    assert not is_done(finished, {**plain, "model": {**plain["model"], "dropout": 0.1}}, fingerprint)
    assert not is_done(finished, plain, "other data")
    assert not is_done(tmp_path, plain)
    for state in ("failed", "interrupted", "running"):
        (tmp_path / "run.json").write_text(json.dumps({**record, "state": state}))
        assert not is_done(tmp_path, plain, fingerprint)


def test_a_path_below_a_home_folder_that_is_a_link_is_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real/anna").mkdir(parents=True)
    (tmp_path / "anna").symlink_to(tmp_path / "real/anna")
    monkeypatch.setenv("HOME", str(tmp_path / "anna"))
    config = {"task": {"path": str(tmp_path / "real/anna/a.txt")}}
    record = RunRecord(state="running", task="text", row="sru", profile="smoke", seed=1, config=config)
    RunFolder(tmp_path, record).save()
    assert goes_on(tmp_path, config) and goes_on(tmp_path, {"task": {"path": f"{tmp_path}/anna/a.txt"}})
    assert not goes_on(tmp_path, {"task": {"path": f"{tmp_path}/real/a.txt"}})


def test_a_step_that_fails_ends_in_one_line_and_a_traceback_in_the_log(
    configured: Configured, tmp_path: Path, happening: Happening, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("of a kind\nthat needs two lines")

    monkeypatch.chdir(tmp_path)
    with happening("training_step", 7, fail), pytest.raises(RunError) as failure:
        train(configured("sst"), tmp_path, [])
    line = "ZeroDivisionError: of a kind"
    assert str(failure.value) == f"{line} (traceback in log.txt)" and failure.value.status == 1
    record = read_record(tmp_path).plain()
    assert (record["state"], record["error"]) == ("failed", line)
    assert len(record["epochs"]) == 1 and record["wall_s"] > 0
    assert "in fail" in (tmp_path / "log.txt").read_text()


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (("optim.lr=1e30", "optim.name=sgd", "task.normalize_vectors=false"), "step 2: the loss is"),
        (("optim.lr=1e30", "optim.name=sgd", "trainer.log_every=50"), "step 2: the loss is"),
    ],
)
def test_a_loss_that_is_no_number_ends_the_run(
    configured: Configured, tmp_path: Path, words: tuple[str, ...], where: str
) -> None:
    with pytest.raises(
        RunError, match=f"^{where} (nan|inf), expected a finite number; first .*; lower optim.lr"
    ):
        train(configured("sst", *words), tmp_path, [])
    record = read_record(tmp_path).plain()
    assert record["state"] == "failed" and record["epochs"] == []


def test_figures_of_validation_and_test_must_be_numbers_too(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sru_repro.training.module import TaskModule

    original, broken = TaskModule._end_split, "val"

    def end(self: TaskModule, split: str) -> None:
        original(self, split)
        if split == broken:
            self.results[split]["loss"] = math.inf

    monkeypatch.setattr(TaskModule, "_end_split", end)
    with pytest.raises(RunError, match=r"^step 5: val/loss is inf"):
        train(configured("sst"), tmp_path, [])
    broken = "test"
    with pytest.raises(RunError, match=r"^test set: test/loss is inf"):
        train(configured("sst"), tmp_path, [])


def test_cuda_is_refused_where_there_is_none(configured: Configured, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match=r"^trainer.accelerator=cuda: expected a CUDA GPU, found none"):
        train(configured("sst", "trainer=cuda"), tmp_path / "run", [])
    assert not (tmp_path / "run").exists()


def test_what_does_not_make_another_run(finished: Path) -> None:
    plain = read_record(finished).config
    trainer = {key: value for key, value in plain["trainer"].items() if key not in ("accumulate", "graph")}
    for other in (
        {**plain, "sweep": "sweeps/a", "search": "sst"},
        {**plain, "callbacks": None},
        {**plain, "callbacks": {"rich_progress": {"show": "bar"}, "lr_monitor": {}}},
        {**plain, "trainer": {**plain["trainer"], "profiler": "simple"}},
        {**plain, "trainer": trainer},  # a record from before there were these keys
    ):
        assert same_run(plain, other) and same_run(other, plain)
    for other in (
        {**plain, "callbacks": {"early_stopping": {"patience": 3}}},
        {**plain, "debug": {"name": "limit", "batches": 3}},
        {**plain, "trainer": {**trainer, "accumulate": 2}},
        {**plain, "model": {**plain["model"], "num_layers": 7}},
    ):
        assert not same_run(plain, other) and not same_run(other, plain)
