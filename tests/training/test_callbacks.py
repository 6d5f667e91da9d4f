"""What may be chosen beside the training loop: early stopping, exact under resume; debugging presets; profilers."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sru_repro.core.errors import ConfigError, RunError
from sru_repro.core.interrupt import Interrupted
from sru_repro.models.sru import SRU
from sru_repro.records.run import DEBUGGED, RunRecord, read_record
from sru_repro.torture._ended import assert_same, ended
from sru_repro.training.callbacks.model_summary import table
from sru_repro.training.config import RunConfig, changes
from sru_repro.training.module import TaskModule
from sru_repro.training.run import train
from sru_repro.training.run_folder import identity, is_done

Configured = Callable[..., RunConfig]
Happening = Callable[..., AbstractContextManager[None]]

EARLY = ("callbacks=early_stopping", "callbacks.early_stopping.patience=2")
SCRIPT = (0.5, 0.6, 0.9, 0.7, 0.9, 0.95, 0.96)
"""Accuracies of validations: two without a gain end at the fifth."""


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validations of one batch more or less, with those accuracies, one for each five steps."""
    original, log = TaskModule._end_split, TaskModule.log

    def end(self: TaskModule, split: str) -> None:
        original(self, split)
        if split == "val":
            self.results[split]["accuracy"] = SCRIPT[self.trainer.global_step // 5 - 1]

    def logged(self: TaskModule, name: str, value: Any, **how: Any) -> None:
        if name == "val/accuracy":
            value = torch.tensor(SCRIPT[self.trainer.global_step // 5 - 1], dtype=torch.float64)
        log(self, name, value, **how)

    monkeypatch.setattr(TaskModule, "_end_split", end)
    monkeypatch.setattr(TaskModule, "log", logged)


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("trainer.validate_every=5",)])
def test_early_stopping_ends_a_run_and_resumes_exactly(
    words: tuple[str, ...],
    configured: Configured,
    tmp_path: Path,
    scripted: None,
    happening: Happening,
    sigterm: Callable[[], None],
) -> None:
    config = configured("sst", *EARLY, "trainer.max_epochs=7", *words)
    record = train(config, tmp_path / "straight", [])
    why = "stopped early at epoch 5: val/accuracy had not risen for 2 validations"
    assert why in record.notes and record.finished and record.best is not None
    assert [entry.step for entry in record.epochs] == [5, 10, 15, 20, 25] and record.best.step == 15
    assert record.progress is not None and record.progress.fraction == 1.0
    log = (tmp_path / "straight/log.txt").read_text()
    assert "stopped early at epoch 5" in log and max(map(len, log.splitlines())) <= 110
    for method, count in (
        ("training_step", 17),
        ("training_step", 23),
        ("validation_step", 9),
        ("test_step", 1),
    ):
        folder = tmp_path / f"{method}{count}"
        with happening(method, count, sigterm), pytest.raises(Interrupted):
            train(config, folder, [])
        again = train(config, folder, [], resume=True)
        assert_same(ended(folder), ended(tmp_path / "straight"))
        assert [note for note in again.notes if "stopped early" in note] == [why]


def test_a_larger_budget_changes_nothing_of_an_early_stop(
    configured: Configured, tmp_path: Path, scripted: None
) -> None:
    train(configured("sst", *EARLY, "trainer.max_epochs=6"), tmp_path / "parts", [])
    train(configured("sst", *EARLY, "trainer.max_epochs=7"), tmp_path / "parts", [], resume=True)
    train(configured("sst", *EARLY, "trainer.max_epochs=7"), tmp_path / "straight", [])
    assert_same(ended(tmp_path / "parts"), ended(tmp_path / "straight"))
    # A budget that ends sooner is no early stop, and can be enlarged until there is one.
    short = train(configured("sst", *EARLY, "trainer.max_epochs=4"), tmp_path / "longer", [])
    assert not any("stopped early" in note for note in short.notes)
    record = train(configured("sst", *EARLY, "trainer.max_epochs=7"), tmp_path / "longer", [], resume=True)
    assert any("stopped early at epoch 5" in note for note in record.notes)
    assert_same(ended(tmp_path / "longer"), ended(tmp_path / "straight"))


def test_early_stopping_is_part_of_a_run_and_looks_are_not(configured: Configured, tmp_path: Path) -> None:
    plain = configured("sst", "trainer.max_epochs=1")
    train(plain, tmp_path, [])
    shown = configured("sst", "trainer.max_epochs=1", "callbacks=[rich_progress,lr_monitor,model_summary]")
    assert is_done(tmp_path, shown.plain) and identity(shown.plain) == identity(plain.plain)
    assert is_done(tmp_path, configured("sst", "trainer.max_epochs=1", "trainer.profiler=simple").plain)
    stopped = configured("sst", "trainer.max_epochs=1", *EARLY)
    assert not is_done(tmp_path, stopped.plain)
    with pytest.raises(ConfigError, match="callbacks: null there"):
        train(stopped, tmp_path, [], resume=True)
    words = [
        "callbacks=[early_stopping,lr_monitor]",
        "callbacks.early_stopping.patience=4",
        "callbacks=lr_monitor",
    ]
    assert changes(words) == words[:2]


@pytest.mark.parametrize(
    ("task", "words", "expected"),
    [
        ("sst", (), ("val/accuracy", "max")),
        ("sst", ("callbacks.early_stopping.monitor=val/loss",), ("val/loss", "min")),
        ("sst", ("callbacks.early_stopping.mode=min",), ("val/accuracy", "min")),
        ("lm", (), ("val/bpc", "min")),
        ("lm", ("task=wikitext2", "~task.max_bytes"), ("val/ppl", "min")),
        ("sst", ("task=squad", "~task.train_on"), ("val/f1", "max")),
        (
            "sst",
            ("task=squad", "~task.train_on", "callbacks.early_stopping.monitor=val/em"),
            ("val/em", "max"),
        ),
    ],
)
def test_the_figure_and_its_direction(
    task: str, words: tuple[str, ...], expected: tuple[str, str], configured: Configured
) -> None:
    assert configured(task, *EARLY, *words).monitored() == expected


def test_a_model_in_a_table_of_80_columns() -> None:
    rows = [
        ("encoder." + "layers.0." * 9 + "norm", "SomeVeryLongNameOfAClass" * 2, "1,234,567,890"),
        ("output", "Linear", "6"),
    ]
    lines = table(rows)
    assert all(len(line) <= 80 for line in lines) and lines[0].startswith("part ")
    assert lines[1].endswith("1,234,567,890") and lines[2].split() == ["output", "Linear", "6"]


def debugged(configured: Configured, folder: Path, kind: str, *words: str) -> tuple[RunRecord, str]:
    """A run of a debugging preset, and its log."""
    free = ("~profile", "~trainer.max_epochs", "~trainer.log_every", "~model.dropout", "~task.limit")
    record = train(configured(kind, *free, *words), folder, [])
    return record, (folder / "log.txt").read_text()


def test_overfitting_a_batch(configured: Configured, tmp_path: Path) -> None:
    record, log = debugged(
        configured, tmp_path, "sst", "debug=overfit", "trainer.max_steps=60", "optim.lr=0.02"
    )
    assert "in 60 steps: it can learn 1 batch by heart" in log.replace("\n  ", " ")
    points = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)["callbacks"]["Recorder"][
        "points"
    ]
    losses = [point["train/loss"] for point in points if "train/loss" in point]
    assert losses[-1] < 0.1 * losses[0] and record.epochs[-1].step == 60
    assert (record.caveat, record.config["logger"]["name"]) == (DEBUGGED, "csv")
    assert not is_done(tmp_path, record.config) and "(debug: not a result)" in log
    _, log = debugged(
        configured, tmp_path / "no", "sst", "debug=overfit", "trainer.max_steps=3", "optim.lr=1e-6"
    )
    assert "it has not learnt 1 batch by heart" in log.replace("\n  ", " ")


@pytest.mark.parametrize("kind", ["sst", "lm"])
def test_a_few_batches_of_everything(kind: str, configured: Configured, tmp_path: Path) -> None:
    record, _ = debugged(configured, tmp_path, kind, "debug=limit", "debug.batches=2")
    assert [entry.step for entry in record.epochs] == [2, 4] and record.headline in record.metrics


class Divides(nn.Module):
    """The root of what is zero: finite forwards, and not backwards."""

    def forward(self, x: Tensor) -> Tensor:
        return x + (x * 0).sqrt()


@pytest.mark.parametrize("backwards", [False, True])
def test_where_a_nan_comes_from(
    backwards: bool, configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = SRU.__init__

    def with_fault(self: SRU, *values: Any, **options: Any) -> None:
        original(self, *values, **options)
        fault = Divides() if backwards else nn.Identity()
        self.layers[1].add_module("fault", fault)
        forward = self.layers[1].forward

        def called(x: Tensor, *others: Any, **more: Any) -> Any:
            return forward(fault(x) if backwards else x / 0, *others, **more)

        self.layers[1].forward = called

    monkeypatch.setattr(SRU, "__init__", with_fault)
    with pytest.raises(RunError) as told:
        debugged(configured, tmp_path, "sst", "debug=nan", "trainer.max_epochs=1")
    said = str(told.value)
    assert "\n" not in said and "step 1" in said
    where = "MulBackward0' returned nan" if backwards else "first not finite: the output of encoder.layers.1"
    assert where in said and "encoder.layers.1" in said, said
    monkeypatch.setattr(SRU, "__init__", original)
    _, log = debugged(
        configured, tmp_path / "sound", "sst", "debug=nan", "profile=smoke", "trainer.max_steps=2"
    )
    assert "every output and gradient was finite in 2 steps" in log


@pytest.mark.parametrize("kind", ["simple", "advanced", "pytorch"])
def test_profilers(
    kind: str, configured: Configured, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("sst", "trainer.max_epochs=2", "trainer.graph=true") if kind == "pytorch" else ("lm",)
    record = train(configured(*words, f"trainer.profiler={kind}"), tmp_path, [])
    lines = (tmp_path / "profile.txt").read_text().splitlines()
    header = lines.index("") if "" in lines else len(lines)
    assert len(lines) > header > 5 and all(len(line) == 80 for line in lines[:header])
    seconds = [float(line.split()[-2]) for line in lines[1:header]]
    assert seconds == sorted(seconds, reverse=True) and seconds[0] > 0
    err = capfd.readouterr().err
    assert lines[1] in err and "profile: profile.txt" in err and "USDT" not in err
    assert any(f"profiler ({kind})" in note for note in record.notes)
    trace = tmp_path / "profile.trace.json"
    assert trace.is_file() == (kind == "pytorch")
    if trace.is_file():
        names = {event.get("name", "") for event in json.loads(trace.read_text())["traceEvents"]}
        assert any(name.startswith("aten::") for name in names)
    train(configured(*words), tmp_path, [])
    assert not (tmp_path / "profile.txt").exists() and read_record(tmp_path).finished
