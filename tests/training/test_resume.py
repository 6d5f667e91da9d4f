"""A run that was stopped and taken up again ends, bit by bit, like one that was not, wherever it was stopped."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from sru_repro.core.errors import RunError
from sru_repro.core.interrupt import Interrupted
from sru_repro.records.run import read_record
from sru_repro.torture._ended import Ended, assert_same, ended
from sru_repro.training import checkpoints
from sru_repro.training.config import RunConfig
from sru_repro.training.module import TaskModule
from sru_repro.training.run import train
from sru_repro.training.weights import BEST, LAST

Configured = Callable[..., RunConfig]
Happening = Callable[..., AbstractContextManager[None]]

TRAIN, VAL, TEST = "training_step", "validation_step", "test_step"

RUNS = {
    "sst, dropout": ("sst",),
    "sst, reshuffled, LSTM": ("sst", "task.reshuffle=true", "model=lstm", "model.hidden_size=8"),
    "sst, validated inside epochs": ("sst", "task.reshuffle=true", "trainer.validate_every=2"),
    "sst, limited by steps": (
        "sst",
        "trainer.max_epochs=0",
        "trainer.max_steps=14",
        "trainer.validate_every=7",
    ),
    "carried state, SRU": ("lm",),
    "carried state, LSTM": ("lm", "model=lstm", "model.hidden_size=8", "model.dropout=0.3"),
    "carried state, validated inside epochs": ("lm", "trainer.validate_every=3"),
    "carried state, steps of three batches": (
        "lm",
        "trainer.accumulate=3",
        "optim.schedule=cosine",
        "optim.warmup_steps=2",
    ),
    "carried state, steps of two batches, validated inside epochs": (
        "lm",
        "trainer.accumulate=2",
        "trainer.validate_every=2",
    ),
}
STOPS = {
    "first step": [(TRAIN, 1)],
    "middle of an epoch": [(TRAIN, 7)],
    "last step before a validation": [(TRAIN, 6)],
    "last step of an epoch": [(TRAIN, 5)],
    "first validation": [(VAL, 1)],
    "last step": [(TRAIN, 14)],
    "test": [(TEST, 1)],
    "again and again": [(TRAIN, 2), (TRAIN, 1), (TRAIN, 4)],
}
CRASH = "a crash"
# Every kind of run is stopped in the middle of an epoch, where the random state, the order of the batches, the carried
# state and the sums all count, and in a third of the other places, so that each place is met by three kinds of run,
# with sentences and with a carried state.
ELSEWHERE = [stop for stop in (*STOPS, CRASH) if stop != "middle of an epoch"]
CASES = [
    pytest.param(run, stop, id=f"{run}, {stop}")
    for i, run in enumerate(RUNS)
    for stop in ("middle of an epoch", *ELSEWHERE[i % 3 :: 3])
]


@pytest.fixture(scope="module")
def uninterrupted(
    configured: Configured, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[RunConfig, Ended]]:
    """A kind of run and what it leaves, made once."""

    @functools.cache
    def made(name: str) -> tuple[RunConfig, Ended]:
        config, folder = configured(*RUNS[name]), tmp_path_factory.mktemp("uninterrupted")
        train(config, folder, [])
        expected = ended(folder)
        steps = [entry["step"] for entry in expected.epochs]
        assert steps[-1] == expected.last["global_step"] in (14, 15, 6, 9) and len(steps) > 1
        assert {"train/loss", "val/loss", "epoch", "tokens"} <= expected.epochs[0].keys()
        return config, expected

    return made


@pytest.mark.slow
@pytest.mark.parametrize(("name", "place"), CASES)
def test_resume_is_exact(
    name: str,
    place: str,
    uninterrupted: Callable[[str], tuple[RunConfig, Ended]],
    tmp_path: Path,
    happening: Happening,
    sigterm: Callable[[], None],
) -> None:
    """Stopped by a signal, it goes on from there; crashed, from its last validation."""
    config, expected = uninterrupted(name)

    def crash() -> None:
        raise MemoryError("as a machine that went down")

    if place == CRASH:
        with happening(TRAIN, 13, crash), pytest.raises(RunError):
            train(config, tmp_path, [])
        record = read_record(tmp_path)
        assert record.state == "failed"
    for method, count in STOPS.get(place, []):
        with happening(method, count, sigterm), pytest.raises(Interrupted) as stop:
            train(config, tmp_path, [], resume=True)
        assert stop.value.status == 143
        record = read_record(tmp_path)
        assert (record.state, record.error) == ("interrupted", "interrupted by SIGTERM")
    train(config, tmp_path, [], resume=True)
    assert_same(ended(tmp_path), expected)
    assert read_record(tmp_path).wall_s > record.wall_s


@pytest.mark.slow
def test_accumulation_resumes_exactly_from_every_batch(
    configured: Configured, tmp_path: Path, happening: Happening, sigterm: Callable[[], None]
) -> None:
    """Five batches an epoch make steps of three and two: a stop at any batch of the second epoch, and at the ends."""
    config = configured("lm", "model=lstm", "model.hidden_size=8", "trainer.accumulate=3")
    train(config, tmp_path / "straight", [])
    expected = ended(tmp_path / "straight")
    assert expected.last["global_step"] == 6
    for count in (1, *range(6, 11), 15):
        folder = tmp_path / str(count)
        with happening(TRAIN, count, sigterm), pytest.raises(Interrupted):
            train(config, folder, [])
        train(config, folder, [], resume=True)
        assert_same(ended(folder), expected)


def test_no_step_is_added_after_the_time_limit(
    configured: Configured, tmp_path: Path, happening: Happening, sigterm: Callable[[], None]
) -> None:
    config = configured("sst", "trainer.max_epochs=0", "trainer.max_seconds=1e-9")
    with happening(TEST, 1, sigterm), pytest.raises(Interrupted):
        train(config, tmp_path, [])
    train(config, tmp_path, [], resume=True)
    assert [entry["step"] for entry in read_record(tmp_path).plain()["epochs"]] == [1]


def test_a_worse_epoch_after_a_resume_does_not_replace_the_best_weights(
    configured: Configured,
    tmp_path: Path,
    happening: Happening,
    sigterm: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = TaskModule._end_split

    def scripted(self: TaskModule, split: str) -> None:
        original(self, split)
        self.results[split]["accuracy"] = (0.5, 0.9, 0.7)[min(self.current_epoch, 2)]

    monkeypatch.setattr(TaskModule, "_end_split", scripted)
    config = configured("sst")
    with happening(VAL, 10, sigterm), pytest.raises(Interrupted):  # the last batch of the second validation
        train(config, tmp_path, [])
    assert [entry["val/accuracy"] for entry in read_record(tmp_path).plain()["epochs"]] == [0.5, 0.9]
    record = train(config, tmp_path, [], resume=True).plain()
    assert (record["best"]["epoch"], record["metrics"]["val/accuracy"]) == (1, 0.9)
    assert torch.load(tmp_path / BEST, weights_only=True)["epoch"] == 1


def test_a_finished_run_is_left_alone(configured: Configured, tmp_path: Path) -> None:
    config = configured("sst", "trainer.max_epochs=1")
    first = train(config, tmp_path, [])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert train(config, tmp_path, [], resume=True) == first
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


@pytest.mark.parametrize(("often", "saved"), [(1e9, [5, 15]), (0.0, [5, 10, 15])])
def test_the_last_checkpoint_is_written_now_and_then_and_in_the_end(
    often: float, saved: list[int], configured: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Epochs of a second do not spend a tenth of it on writing."""
    monkeypatch.setattr(checkpoints, "SAVE_EVERY_S", often)
    steps: list[int] = []
    save = pl.Trainer.save_checkpoint

    def counted(trainer: pl.Trainer, path: Path, weights_only: bool = False) -> None:
        if path.name == Path(LAST).name:
            steps.append(trainer.global_step)
        save(trainer, path, weights_only)

    monkeypatch.setattr(pl.Trainer, "save_checkpoint", counted)
    train(configured("sst"), tmp_path, [])
    assert steps == saved
