"""What a run shows costs it nothing that counts, and may fail; what steps tell besides their loss."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sru_repro.core.errors import RunError
from sru_repro.core.interrupt import Interrupted
from sru_repro.records.run import RunRecord, Validation, read_record
from sru_repro.tasks._media import Grid, GridsMedia
from sru_repro.tasks.sst import SST
from sru_repro.training import module as modules
from sru_repro.training import showing
from sru_repro.training.config import RunConfig
from sru_repro.training.dashboards import wandb_words
from sru_repro.training.dashboards._base import NoDashboard
from sru_repro.training.dashboards.extremes import best_and_last
from sru_repro.training.dashboards.pictures import draw
from sru_repro.training.gauges import DataWait, StepGauges
from sru_repro.training.run import train

Configured = Callable[..., RunConfig]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> dict[float, list[str]]:
    """The keys that a dashboard was shown, by the step."""
    shown: dict[float, list[str]] = {}
    monkeypatch.setattr(NoDashboard, "wants_media", True)
    monkeypatch.setattr(
        NoDashboard, "show", lambda self, media, axes: shown.setdefault(axes["step"], []).extend(media)
    )
    return shown


def test_media_come_at_the_end_where_a_training_is_too_short_for_more(
    configured: Configured, watched: dict[float, list[str]], tmp_path: Path
) -> None:
    train(configured("sst"), tmp_path, [])
    assert watched == {15: ["media/predictions", "media/gates", "media/test_confusion"]}
    assert (tmp_path / "media/gates.png").read_bytes().startswith(b"\x89PNG")


def test_media_come_too_where_only_the_test_was_left(
    configured: Configured,
    watched: dict[float, list[str]],
    tmp_path: Path,
    happening: Callable[..., AbstractContextManager[None]],
    sigterm: Callable[[], None],
) -> None:
    config = configured("sst", "trainer.max_steps=4")
    with happening("test_step", 1, sigterm), pytest.raises(Interrupted):
        train(config, tmp_path, [])
    assert not watched
    record = train(config, tmp_path, [], resume=True)
    assert watched == {4: ["media/predictions", "media/gates", "media/test_confusion"]}
    assert [entry.step for entry in record.epochs] == [4]


def test_media_that_fail_cost_a_line(
    configured: Configured, watched: dict[float, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise ZeroDivisionError("by nothing\nat all")

    monkeypatch.setattr(showing, "SHARE", 1e9)
    monkeypatch.setattr(SST, "media", fail)
    record = train(configured("sst"), tmp_path, [])
    assert record.finished and not watched
    assert [note for note in record.notes if "media" in note] == [
        "media are not shown (ZeroDivisionError: by nothing)"
    ]


def test_the_norm_of_the_gradients_is_that_of_the_last_step(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms: list[float] = []
    original = modules.gradient_norm

    def noted(optimizer: torch.optim.Optimizer) -> torch.Tensor:
        norms.append(float(found := original(optimizer)))
        return found

    monkeypatch.setattr(modules, "gradient_norm", noted)
    points: list[Mapping[str, float]] = []
    monkeypatch.setattr(NoDashboard, "log", lambda self, point: points.append(point))
    train(configured("sst", "optim.clip_norm=0.01", "trainer.graph=true"), tmp_path, [])
    found = {point["step"]: point["optim/grad_norm"] for point in points if "optim/grad_norm" in point}
    assert list(found) == [3, 5, 6, 9, 10, 12, 15]
    # A step that is recorded is taken twice: its norm appears once more.
    assert all(norm in norms for norm in found.values()) and found[15] == norms[-1]
    assert all(0 <= point["throughput/data_fraction"] < 1 for point in points if "optim/lr" in point)


def test_a_scaler_tells_its_scale_and_the_steps_left_out() -> None:
    scaler, weight = torch.amp.GradScaler("cpu", init_scale=8.0), torch.nn.Parameter(torch.ones(2))
    optimizer, gauges = torch.optim.SGD([weight], lr=0.1), StepGauges(torch.device("cpu"), skipped=2.0)
    module: Any = SimpleNamespace(
        trainer=SimpleNamespace(precision_plugin=SimpleNamespace(scaler=scaler)), watch=None, gauges=gauges
    )
    seen = []
    for factor in (1.0, float("inf"), 1.0, 1.0):
        optimizer.zero_grad()
        scaler.scale((weight * factor).sum()).backward()
        modules.TaskModule.configure_gradient_clipping(module, optimizer)
        scaler.step(optimizer)
        scaler.update()
        seen.append(gauges.read(scaler))
    assert [found["optim/scale"] for found in seen] == [8.0, 4.0, 4.0, 4.0]
    assert seen[-1]["optim/skipped_steps"] == 3.0 and "optim/grad_norm" not in seen[0]
    gauges.gradients(torch.tensor(12.0), torch.tensor(4.0))  # of scaled gradients
    assert gauges.read(None) == {"optim/grad_norm": 3.0}


def test_only_the_wait_for_a_batch_counts_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    wait, clock = DataWait(), iter([10.0, 10.5, 20.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    wait.starts(training=True)  # the first
    wait.ends()
    wait.starts(training=True)
    wait.ends()
    wait.starts(training=False)  # behind a validation
    assert wait.seconds == 0.5


def test_best_and_last_go_the_way_of_each_figure() -> None:
    lines = [
        {"val/accuracy": 0.5, "val/loss": 2.0, "val/odd": 1.0},
        {"val/accuracy": 0.7, "val/loss": 3.0, "val/odd": 0.5},
        {"val/accuracy": 0.6, "val/loss": 4.0, "val/odd": 0.7},
    ]
    base = {"epoch": 0, "step": 1, "tokens": 1, "wall_s": 1.0}
    content = RunRecord(
        state="running", task="sst", row="sru", profile="smoke", seed=1, headline="test/accuracy"
    )
    content.epochs = [Validation.model_validate({**base, **line}) for line in lines]
    assert best_and_last(content) == {
        **{"best/val/accuracy": 0.7, "best/val/loss": 2.0, "best/val/odd": 1.0},
        **{"last/val/accuracy": 0.6, "last/val/loss": 4.0, "last/val/odd": 0.7},
    }


def test_members_of_a_sweep_are_grouped_by_its_name(configured: Configured, tmp_path: Path) -> None:
    content = SimpleNamespace(
        fold=None, overrides=[], wandb_id=None, sweep="sweeps/first",
        data=SimpleNamespace(fingerprint="f"), code=SimpleNamespace(revision="r"), hardware=SimpleNamespace(name="h"),
    )  # fmt: skip
    told: Any = content
    found = wandb_words.words(configured("sst", "logger=wandb"), tmp_path, told, "offline")
    assert found["group"] == "first" and found["config"]["sweep"] == "first"
    named = configured("sst", "logger=wandb", "logger.group=mine")
    assert wandb_words.words(named, tmp_path, told, "offline")["group"] == "mine"


def test_words_with_a_dollar_and_of_other_scripts_are_drawn_as_they_are(tmp_path: Path) -> None:
    words = ["$5", "a_$b^", "戦場", "\\alpha"]
    draw(
        GridsMedia([Grid("x $y", words, words, [[0.1] * 4] * 4, 0.0, 1.0)] * 3, "a $ b"),
        tmp_path / "a.png",
        "t $ 1 $",
        "sru",
    )
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_failed_run_has_what_it_showed(
    configured: Configured, watched: dict[float, list[str]], tmp_path: Path, happening: Callable[..., Any]
) -> None:
    def fail() -> None:
        raise ArithmeticError

    with happening("test_step", 1, fail), pytest.raises(RunError):
        train(configured("sst", "trainer.max_epochs=1"), tmp_path, [])
    assert not watched and read_record(tmp_path).state == "failed"
