"""The learning rate of every step: by hand, against torch's own cosine, and in a run."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.core.errors import ConfigError
from sru_repro.training.config import OptimConfig, RunConfig
from sru_repro.training.run import train
from sru_repro.training.schedule import learning_rate

Configured = Callable[..., RunConfig]


def optim(**settings: Any) -> OptimConfig:
    return OptimConfig(**{"name": "adam", "lr": 0.5, "weight_decay": 0.0, "clip_norm": 0.0, **settings})


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (1, 3 / 32 * 32000**-1.5),
        (8000, 3 / 32 * 8000 * 32000**-1.5),
        (32000, 3 / 32 * 32000**-0.5),
        (128000, 3 / 32 * 32000**-0.5 / 2),
    ],
)
def test_noam_is_that_of_sru_on_enwik8(step: int, expected: float) -> None:
    config = optim(schedule="noam", lr=3.0, noam_size=1024, warmup_steps=32000)
    assert learning_rate(config, step, 0.3) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("warmup", [0, 1, 16])
def test_cosine_is_torchs_own_whose_rate_a_warm_up_overwrites(warmup: int) -> None:
    lr, end = 0.3, 100
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, end)
    config = optim(schedule="cosine", lr=lr, warmup_steps=warmup, decay_steps=end)
    for step in range(1, end + 1):
        optimizer.step()
        scheduler.step()
        if step <= warmup:
            optimizer.param_groups[0]["lr"] = lr * step / warmup
        expected = optimizer.param_groups[0]["lr"]
        assert learning_rate(config, step, 0.9) == pytest.approx(expected, rel=1e-9, abs=1e-15), step
    assert [learning_rate(config, step, 0.9) for step in (end, end + 1, 2 * end)] == [0.0] * 3


def test_cosine_after_a_warm_up_starts_at_the_full_rate() -> None:
    config = optim(schedule="cosine", lr=3e-4, warmup_steps=16000, decay_steps=400_000)
    assert learning_rate(config, 16000, 0.0) == 3e-4
    assert learning_rate(config, 16001, 0.0) == pytest.approx(3e-4, rel=1e-6)
    found = learning_rate(config, 200_000, 0.0)
    assert found == pytest.approx(3e-4 / (1 + math.cos(math.pi * 0.04)), rel=1e-12)


@pytest.mark.parametrize(
    ("step", "fraction", "expected"), [(1, 0.0, 0.125), (2, 0.5, 0.125), (4, 0.5, 0.25), (9, 1.0, 0.0)]
)
def test_cosine_over_the_budget(step: int, fraction: float, expected: float) -> None:
    config = optim(schedule="cosine", warmup_steps=4)
    assert learning_rate(config, step, fraction) == pytest.approx(expected, abs=1e-15)


def test_constant_grows_only_in_a_warm_up() -> None:
    assert [learning_rate(optim(), step, 0.5) for step in (1, 7)] == [0.5, 0.5]
    warm = optim(warmup_steps=4)
    assert [learning_rate(warm, step, 0.5) for step in (1, 2, 4, 5)] == [0.125, 0.25, 0.5, 0.5]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("schedule=noam", "optim: schedule=noam needs noam_size and warmup_steps above 0, found 0 and 0"),
        (
            "schedule=noam optim.noam_size=4",
            "optim: schedule=noam needs noam_size and warmup_steps above 0, found 4 and 0",
        ),
        (
            "schedule=cosine optim.decay_steps=5 optim.warmup_steps=5",
            "optim: schedule=cosine needs decay_steps above warmup_steps (or 0), found 5 and 5",
        ),
        ("schedule=linear", "optim.schedule: expected 'constant', 'noam' or 'cosine', found 'linear'"),
        ("warmup_steps=-1", "optim.warmup_steps: expected greater than or equal to 0, found -1"),
    ],
)
def test_what_has_no_curve_is_refused(words: str, line: str, configured: Configured) -> None:
    with pytest.raises(ConfigError) as refused:
        configured("sst", *f"optim.{words}".split())
    assert str(refused.value) == line


def rates(folder: Path) -> list[float]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [float(row["optim/lr"]) for row in csv.DictReader(file) if row["optim/lr"]]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_run_takes_the_rate_of_each_step(accumulate: int, configured: Configured, tmp_path: Path) -> None:
    words = ("optim.schedule=cosine", "optim.warmup_steps=2", f"trainer.accumulate={accumulate}")
    config = configured("sst", *words, "trainer.log_every=1")
    train(config, tmp_path, [])
    steps = 15 if accumulate == 1 else 9  # of three epochs of five batches
    expected = [learning_rate(config.optim, step, (step - 1) / steps) for step in range(1, steps + 1)]
    assert rates(tmp_path) == pytest.approx(expected, rel=1e-12)
    assert expected[0] == 0.0005 and 0 < expected[-1] < 1e-4


def test_the_rate_reaches_the_weights(configured: Configured, tmp_path: Path) -> None:
    """A cosine that ended after the first step leaves the rest of the run without effect."""
    words = ("trainer.max_epochs=0", "optim.schedule=cosine", "optim.decay_steps=2")
    one, many = (
        train(configured("sst", *words, f"trainer.max_steps={steps}"), tmp_path / str(steps), [])
        for steps in (1, 10)
    )
    constant = train(
        configured("sst", "trainer.max_epochs=0", "trainer.max_steps=10"), tmp_path / "constant", []
    )
    assert one.metrics["test/loss"] == many.metrics["test/loss"] != constant.metrics["test/loss"]
    assert rates(tmp_path / "10")[-1] == 0.0


def test_a_run_limited_by_time_cools_down_with_the_clock(configured: Configured, tmp_path: Path) -> None:
    words = (
        "trainer.max_epochs=0",
        "trainer.max_seconds=0.2",
        "optim.schedule=cosine",
        "trainer.log_every=1",
    )
    train(configured("sst", *words), tmp_path, [])
    found = rates(tmp_path)
    assert found == sorted(found, reverse=True) and found[0] > 0.0009 > found[-1]
