"""Several batches a step: the gradient is their mean, and everything that counts steps still counts steps."""

import csv
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.core.interrupt import Interrupted
from sru_repro.data.sentences.batches import TextBatch
from sru_repro.records.run import read_record
from sru_repro.training.config import RunConfig
from sru_repro.training.fit import build_trainer, loader
from sru_repro.training.module import TaskModule
from sru_repro.training.prepare import build_task, load_data
from sru_repro.training.run import train
from sru_repro.training.stepping import steps_per_epoch
from sru_repro.training.weights import LAST

Configured = Callable[..., RunConfig]
Happening = Callable[..., AbstractContextManager[None]]


def halves(batch: TextBatch) -> list[TextBatch]:
    """Both halves of a batch, as long as it is."""
    middle = len(batch.labels_B) // 2
    return [
        TextBatch(batch.ids_LB[:, part], batch.padding_LB[:, part], batch.labels_B[part], 0)
        for part in (slice(0, middle), slice(middle, None))
    ]


def test_two_halves_make_the_step_of_the_whole_and_a_step_left_over_is_a_mean_too(
    configured: Configured,
) -> None:
    """Plain gradient descent, so that weights differ by the gradients."""
    words = ("optim.name=sgd", "optim.lr=0.5", "task.dropout=0", "model.dropout=0", "trainer.max_epochs=1")
    ended = []
    for accumulate in (1, 2):
        config = configured("sst", *words, "trainer.precision=64-true", f"trainer.accumulate={accumulate}")
        data = load_data(config)
        whole, last = data.train[0], data.train[1]
        module = TaskModule(build_task(config, data), config.optim)
        trainer = build_trainer(config, max_epochs=1)
        batches: Any = [whole, last] if accumulate == 1 else [*halves(whole), last]
        trainer.fit(module, loader(batches), loader(data.val))
        assert trainer.global_step == 2
        ended.append(module.task.state_dict())
    start = build_task(config, data).state_dict()
    moved = 0
    for name, weight in ended[0].items():
        if isinstance(weight, torch.Tensor) and weight.is_floating_point():
            torch.testing.assert_close(ended[1][name], weight, rtol=1e-12, atol=1e-14)
            moved += not torch.allclose(weight, start[name].double(), rtol=1e-3)
    assert moved > 3


@pytest.mark.parametrize(
    ("batches", "accumulate", "steps"), [(5, 1, 5), (5, 2, 3), (6, 3, 2), (5, 8, 1), (1, 1, 1)]
)
def test_an_epoch_is_a_whole_number_of_steps(batches: int, accumulate: int, steps: int) -> None:
    assert steps_per_epoch(batches, accumulate) == steps


@pytest.fixture(scope="module")
def accumulated(configured: Configured, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs of five batches in steps of 2, 2 and 1; validated every two steps."""
    folder = tmp_path_factory.mktemp("accumulated")
    words = ("trainer.accumulate=2", "trainer.validate_every=2", "trainer.log_every=1")
    train(configured("lm", *words), folder, [])
    return folder


def test_epochs_validations_and_points_count_steps(accumulated: Path) -> None:
    record = read_record(accumulated).plain()
    # At step 9 the run ends, and what a run ends with is validated.
    assert [(e["epoch"], e["step"]) for e in record["epochs"]] == [(0, 2), (1, 4), (1, 6), (2, 8), (2, 9)]
    with (accumulated / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["train/loss"]]
    assert [int(row["step"]) for row in rows] == list(range(1, 10))
    assert [int(row["tokens"]) for row in rows[:4]] == [
        16 * 256 * 2,
        16 * 256 * 4,
        int(rows[2]["tokens"]),
        int(rows[2]["tokens"]) + 16 * 256 * 2,
    ]
    assert int(rows[2]["tokens"]) == int(rows[-1]["tokens"]) // 3


def test_throughput_is_that_of_steps(accumulated: Path) -> None:
    record = read_record(accumulated).plain()
    throughput, seconds = record["throughput"], record["epochs"][-1]["wall_s"]
    assert throughput["step_ms"] == pytest.approx(1e3 * seconds / 9, rel=0.1)
    assert throughput["seconds_per_epoch"] == pytest.approx(3 * throughput["step_ms"] / 1e3, rel=1e-12)


def test_a_limit_in_steps_is_one_of_the_optimiser(configured: Configured, tmp_path: Path) -> None:
    words = ("trainer.accumulate=2", "trainer.max_epochs=0", "trainer.max_steps=4")
    record = train(configured("lm", *words), tmp_path, []).plain()
    assert [entry["step"] for entry in record["epochs"]] == [3, 4]
    assert torch.load(tmp_path / LAST, weights_only=True)["global_step"] == 4


def test_a_limit_in_time_ends_after_a_whole_step(configured: Configured, tmp_path: Path) -> None:
    words = ("trainer.accumulate=3", "trainer.max_epochs=0", "trainer.max_seconds=1e-9")
    record = train(configured("lm", *words), tmp_path, []).plain()
    (entry,) = record["epochs"]
    assert (entry["step"], entry["tokens"]) == (1, 3 * 16 * 256)
    assert math.isfinite(record["metrics"]["test/loss"])


@pytest.mark.parametrize(("call", "step"), [(1, 1), (2, 1), (3, 1), (4, 2), (6, 3), (7, 3)])
def test_no_checkpoint_is_written_in_the_middle_of_a_step(
    call: int,
    step: int,
    configured: Configured,
    tmp_path: Path,
    happening: Happening,
    sigterm: Callable[[], None],
) -> None:
    """Steps of 3 and 2 batches: a signal in a batch takes effect when its step is done."""
    with happening("training_step", call, sigterm), pytest.raises(Interrupted):
        train(configured("lm", "trainer.accumulate=3"), tmp_path, [])
    last = torch.load(tmp_path / LAST, weights_only=True)
    done = last["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["processed"]
    assert (last["global_step"], done) == (step, {1: 3, 2: 5, 3: 8}[step])
