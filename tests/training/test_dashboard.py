"""The dashboard: what wandb is told, when it is offline, and that a run does without it."""

import builtins
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sru_repro.core.errors import RunError
from sru_repro.records.run import read_record
from sru_repro.training.config import RunConfig
from sru_repro.training.run import train

Configured = Callable[..., RunConfig]
Happening = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _stranger_to_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def configured(configured: Configured) -> Configured:
    """Curves alone: what media a run shows, `test_offline.py` tells."""

    def make(task: str, *words: str) -> RunConfig:
        return configured(task, *words, *(("logger.media=false",) if "logger=wandb" in words else ()))

    return make


@dataclass
class Stub:
    """Stands for the package wandb, and remembers what it was told."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    axes: list[tuple[Any, ...]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    Settings = staticmethod(lambda **settings: settings)

    def init(self, **options: Any) -> Any:
        assert len(self.ended) == len(self.runs), "the run before was not closed"
        self.runs.append(options)
        return SimpleNamespace(
            define_metric=lambda *names, **options: self.axes.append((*names, options)),
            log=self.points.append,
            summary=self.summary,
            finish=lambda exit_code: self.ended.append(exit_code),
        )


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Stub:
    stub = Stub()
    monkeypatch.setitem(sys.modules, "wandb", stub)
    return stub


def test_a_run_is_named_grouped_and_tagged_for_people(
    configured: Configured, wandb: Stub, tmp_path: Path
) -> None:
    record = train(
        configured("sst", "logger=wandb", "logger.tags=[mine]", "seed=4"), tmp_path / "run", []
    ).plain()
    (run,) = wandb.runs
    assert run["project"] == "sru-repro" and run["group"] == "sst" and run["job_type"] == "train"
    assert run["name"] == "sru smoke seed 4" and run["tags"] == ["sru", "smoke", "mine"]
    assert (
        run["mode"] == "offline"
        and Path(run["dir"]).resolve() == tmp_path / "run"
        and run["id"] == record["wandb_id"]
    )
    assert run["config"]["model"] == record["config"]["model"] and run["config"]["data_fingerprint"]
    assert run["settings"]["silent"] and run["settings"]["console"] == "off"
    assert wandb.ended == [0]
    best = {
        f"best/{key}": (max if "accuracy" in key else min)(entry[key] for entry in record["epochs"])
        for key in ("train/accuracy", "train/loss", "val/accuracy", "val/loss")
    }
    last = {key.replace("best", "last"): record["epochs"][-1][key.removeprefix("best/")] for key in best}
    assert wandb.summary == {
        **record["metrics"],
        **best,
        **last,
        "parameters": record["parameters"],
        "peak_bytes": record["peak_bytes"],
    }


def test_every_point_is_logged_once_against_the_three_axes(
    configured: Configured, wandb: Stub, tmp_path: Path
) -> None:
    train(configured("sst", "logger=wandb"), tmp_path / "run", [])
    # None is hidden, so that each can be chosen in the dashboard.
    assert wandb.axes == [("step", {}), ("tokens", {}), ("wall_s", {}), ("*", {"step_metric": "step"})]
    assert all({"step", "tokens", "wall_s"} <= point.keys() for point in wandb.points)
    steps = {key: [p["step"] for p in wandb.points if key in p] for key in ("train/loss", "val/accuracy")}
    assert steps == {"train/loss": [3, 5, 6, 9, 10, 12, 15], "val/accuracy": [5, 10, 15]}
    assert {key for point in wandb.points for key in point} == {
        *("step", "tokens", "wall_s", "train/loss", "train/accuracy", "val/loss", "val/accuracy"),
        *("throughput/tokens_per_s", "throughput/step_ms", "throughput/data_fraction"),
        *("epoch", "optim/lr", "optim/grad_norm"),
    }


def test_names_given_in_the_configuration(configured: Configured, wandb: Stub, tmp_path: Path) -> None:
    names = {"run_name": "a, b", "group": "ours", "job_type": "tuning", "notes": "what I try: $5"}
    words = [f"logger.{key}='{value}'" for key, value in names.items()]
    train(configured("sst", "logger=wandb", "trainer.max_epochs=1", *words), tmp_path / "run", [])
    (run,) = wandb.runs
    found = {**{key: run[key] for key in ("group", "job_type", "notes")}, "run_name": run["name"]}
    assert found == names


def test_a_failed_run_is_closed_as_failed_before_the_next_one(
    configured: Configured, wandb: Stub, tmp_path: Path, happening: Happening
) -> None:
    def fail() -> None:
        raise ArithmeticError

    config = configured("sst", "logger=wandb", "trainer.max_epochs=1")
    with happening("training_step", 2, fail), pytest.raises(RunError):
        train(config, tmp_path / "bad", [])
    train(config, tmp_path / "good", [])
    assert wandb.ended == [1, 0]
    assert wandb.runs[0]["id"] != wandb.runs[1]["id"]


def test_a_resumed_run_stays_the_same_run(
    configured: Configured, wandb: Stub, tmp_path: Path, happening: Happening, sigterm: Callable[[], None]
) -> None:
    config = configured("sst", "logger=wandb")
    with happening("training_step", 7, sigterm), pytest.raises(BaseException, match="SIGTERM"):
        train(config, tmp_path, [])
    train(config, tmp_path, [], resume=True)
    assert wandb.ended == [1, 0] and wandb.runs[0]["id"] == wandb.runs[1]["id"]
    assert [p["step"] for p in wandb.points if "val/loss" in p] == [5, 10, 15]


@pytest.mark.parametrize(
    ("environment", "words", "mode"),
    [
        ({}, (), "offline"),
        ({"WANDB_API_KEY": "0" * 40}, (), "online"),
        ({"WANDB_API_KEY": "0" * 40, "WANDB_MODE": "offline"}, (), "offline"),
        ({"WANDB_API_KEY": "0" * 40, "WANDB_MODE": "dryrun"}, (), "offline"),
        ({"WANDB_API_KEY": "0" * 40}, ("logger.mode=offline",), "offline"),
        ({"netrc": "machine api.wandb.ai login user password secret"}, (), "online"),
        ({"netrc": "machine example.org login user password secret"}, (), "offline"),
        ({"netrc": "machine"}, (), "offline"),
        ({}, ("logger.mode=online",), "online"),
    ],
)
def test_online_only_for_those_who_are_logged_in(
    environment: dict[str, str],
    words: tuple[str, ...],
    mode: str,
    configured: Configured,
    wandb: Stub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        if name == "netrc":
            (tmp_path / "home/.netrc").write_text(value + "\n")
            (tmp_path / "home/.netrc").chmod(0o600)
        else:
            monkeypatch.setenv(name, value)
    train(configured("sst", "logger=wandb", "trainer.max_epochs=1", *words), tmp_path / "run", [])
    assert wandb.runs[0]["mode"] == mode


def test_what_the_user_named_by_variables_stays(
    configured: Configured, wandb: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "WANDB_NAME": "mine",
        "WANDB_RUN_GROUP": "ours",
        "WANDB_JOB_TYPE": "sweep",
        "WANDB_TAGS": "blue,smoke",
        "WANDB_RUN_ID": "abc",
        "WANDB_PROJECT": "theirs",
        "WANDB_DIR": str(tmp_path),
        "WANDB_RESUME": "never",
    }.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "run"
    record = train(configured("sst", "logger=wandb", "trainer.max_epochs=1"), folder, [])
    by_hand = ["logger=wandb", "logger.project=sru-repro"]
    train(configured("sst", *by_hand, "trainer.max_epochs=1"), tmp_path / "two", by_hand)
    first, second = wandb.runs
    assert not {"name", "group", "job_type", "dir", "resume"} & first.keys()  # wandb reads them itself
    assert first["tags"] == ["sru", "smoke", "blue"] and first["id"] == record.wandb_id == "abc"
    assert first["project"] == "theirs" and second["project"] == "sru-repro"


@pytest.mark.parametrize("name", ["WANDB_MODE", "WANDB_DISABLED"])
def test_who_wants_no_dashboard_has_none(
    name: str, configured: Configured, wandb: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, {"WANDB_MODE": "disabled", "WANDB_DISABLED": "true"}[name])
    record = train(configured("sst", "logger=wandb", "trainer.max_epochs=1"), tmp_path, [])
    assert not wandb.runs and record.wandb_id is None and not record.notes


@pytest.mark.parametrize("logger", ["csv", "wandb"])
def test_without_the_package(
    logger: str, configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == "wandb":
            raise ImportError("wandb is not installed")
        return original(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    train(configured("sst", f"logger={logger}", "trainer.max_epochs=1"), tmp_path, [])
    record = read_record(tmp_path).plain()
    assert record["state"] == "finished"
    assert [note for note in record["notes"] if "wandb" in note] == (
        [] if logger == "csv" else ["wandb is not installed: no dashboard, curves are in metrics.csv"]
    )


def test_the_package_itself_offline_and_without_a_question(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # nobody to ask
    train(configured("sst", "logger=wandb", "trainer.max_epochs=1"), tmp_path / "run", [])
    (folder,) = (tmp_path / "run/wandb").glob("offline-run-*")
    (kept,) = folder.glob("*.wandb")
    # Another process of wandb's writes it, when it comes to it.
    ends = time.monotonic() + 60
    while kept.stat().st_size <= 1000 and time.monotonic() < ends:
        time.sleep(0.1)
    assert kept.stat().st_size > 1000 and folder.name.endswith(
        read_record(tmp_path / "run").plain()["wandb_id"]
    )
    out, err = capfd.readouterr()
    assert out == "" and "wandb" not in err
