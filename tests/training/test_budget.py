"""A run that is given a larger budget goes on, bit by bit, as one that had it from the start; else it says why not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sru_repro.core.errors import ConfigError
from sru_repro.records.run import read_record
from sru_repro.torture._ended import assert_same, ended
from sru_repro.training.config import RunConfig
from sru_repro.training.run import train

Configured = Callable[..., RunConfig]

NONE = "trainer.max_epochs=0"
BUDGETS: dict[str, tuple[tuple[str, ...], list[tuple[str, ...]]]] = {
    # name: task and settings, budgets one after the other; five steps make an epoch
    "more epochs": (("sst", "task.reshuffle=true"), [("trainer.max_epochs=1",), ("trainer.max_epochs=3",)]),
    "more steps, inside an epoch": (("sst",), [(NONE, f"trainer.max_steps={n}") for n in (3, 4, 12)]),
    "from the end of an epoch": (("lm",), [(NONE, f"trainer.max_steps={n}") for n in (5, 8, 14)]),
    "more steps, carried state, LSTM": (
        ("lm", "model=lstm", "model.hidden_size=8"),
        [(NONE, f"trainer.max_steps={n}") for n in (7, 13)],
    ),
    "ended between two validations": (
        ("lm", "trainer.validate_every=3"),
        [(NONE, f"trainer.max_steps={n}") for n in (4, 8, 14)],
    ),
    "ended at a validation inside an epoch": (
        ("sst", "task.reshuffle=true", "trainer.validate_every=3"),
        [(NONE, f"trainer.max_steps={n}") for n in (6, 12)],
    ),
    "ended with an epoch, between two validations": (
        ("lm", "trainer.validate_every=3"),
        [("trainer.max_epochs=1",), ("trainer.max_epochs=2",), ("trainer.max_epochs=3",)],
    ),
    "ended with a short step": (
        ("lm", "trainer.accumulate=3", "optim.schedule=cosine", "optim.decay_steps=30"),
        [(NONE, f"trainer.max_steps={n}") for n in (1, 3, 6)],
    ),
    "steps instead of epochs": (
        ("sst",),
        [("trainer.max_epochs=1",), (NONE, "trainer.max_steps=8")],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BUDGETS)
def test_a_larger_budget_is_as_if_it_had_been_there_from_the_start(
    name: str, configured: Configured, tmp_path: Path
) -> None:
    kind, budgets = BUDGETS[name]
    train(configured(*kind, *budgets[-1]), tmp_path / "straight", [])
    for budget in budgets:
        train(configured(*kind, *budget), tmp_path / "parts", [], resume=True)
    assert_same(ended(tmp_path / "parts"), ended(tmp_path / "straight"))


def test_seconds_can_be_added(configured: Configured, tmp_path: Path) -> None:
    train(configured("sst", NONE, "trainer.max_seconds=1e-9"), tmp_path, [])
    record = train(
        configured("sst", "trainer.max_epochs=2", "trainer.max_seconds=600"), tmp_path, [], resume=True
    )
    train(configured("sst", "trainer.max_epochs=2"), tmp_path / "straight", [])
    assert [entry.step for entry in record.epochs] == [5, 10]
    assert_same(ended(tmp_path), ended(tmp_path / "straight"))


@pytest.mark.parametrize(
    ("words", "key", "told"),
    [
        (("trainer.max_epochs=1",), "trainer.max_epochs", "1 asked for"),
        ((NONE, "trainer.max_steps=10"), "trainer.max_steps", "10 steps"),
        ((NONE, "trainer.max_seconds=1e-9"), "trainer.max_seconds", "expected more"),
        (("trainer.max_epochs=3", "seed=2"), "seed: 1 there, 2 asked for", "hydra.run.dir="),
        (("trainer.max_epochs=3", "optim.lr=0.5"), "optim.lr: 0.001 there, 0.5 asked for", "without resume"),
        (("model=gru",), "model.name: sru there, gru asked for", "hydra.run.dir="),
        (("task.limit=24",), "task.limit: 40 there, 24 asked for", "fingerprint of the data"),
    ],
)
def test_what_resume_refuses_and_leaves_as_it_is(
    words: tuple[str, ...], key: str, told: str, configured: Configured, two_epochs: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in two_epochs.rglob("*")}
    with pytest.raises(ConfigError) as refused:
        train(configured("sst", *words), two_epochs, [], resume=True)
    assert key in str(refused.value) and told in str(refused.value) and "\n" not in str(refused.value)
    assert before == {path: path.stat().st_mtime_ns for path in two_epochs.rglob("*")}


@pytest.fixture(scope="module")
def two_epochs(configured: Configured, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    train(configured("sst", "trainer.max_epochs=2"), folder, [])
    return folder


def test_a_rate_spread_over_the_budget_allows_no_other(configured: Configured, tmp_path: Path) -> None:
    cosine = ("lm", "optim.schedule=cosine", "optim.decay_steps=0")
    train(configured(*cosine, "trainer.max_epochs=1"), tmp_path, [])
    with pytest.raises(
        ConfigError, match=r"max_epochs: 1 there, 2 asked for.*optim\.schedule=cosine.*every step"
    ):
        train(configured(*cosine, "trainer.max_epochs=2"), tmp_path, [], resume=True)
    assert read_record(tmp_path).finished
