"""Parts of one's own, from their page: a model or a task is a file and a configuration, a table two configurations;
everything works with them."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from sru_repro import models, tasks
from sru_repro.core import layout
from sru_repro.records.base import write
from sru_repro.records.run import read_record

from ..pages import page

Command = Callable[..., Any]

PAGE = page("own").files
MODEL, TASK, SIGN = (
    PAGE[name] for name in ("averages.py", "src/sru_repro/tasks/sign.py", "conf/task/sign.yaml")
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of conf/ that the command reads, and folders `models` and `tasks` that it scans."""
    shutil.copytree(layout.conf_folder(), tmp_path / "conf")
    monkeypatch.setattr(layout, "conf_folder", lambda: tmp_path / "conf")
    before = set(sys.modules)
    for package in (models, tasks):
        assert isinstance(package, ModuleType)
        scanned = tmp_path / package.__name__.split(".")[1]
        scanned.mkdir()
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(scanned)])
    yield tmp_path
    for name in set(sys.modules) - before:
        if name in ("sru_repro.models.mean", "sru_repro.tasks.sign"):
            del sys.modules[name]


@pytest.mark.usefixtures("members_here")
def test_a_new_model_is_a_file_and_a_configuration(
    folder: Path, sru_repro: Command, small: tuple[str, ...]
) -> None:
    (folder / "models/mean.py").write_text(MODEL)
    (folder / "conf/model/mean.yaml").write_text("name: mean\nscale: 2.0\n")
    words = [word for word in small if not word.startswith("model.")]
    called = sru_repro("train", "model=mean", "hydra.run.dir=run", "trainer.max_steps=2", *words, cwd=folder)
    assert called.status == 0, called.err
    record = read_record(folder / "run").plain()
    assert record["row"] == "mean" and record["epochs"][-1]["step"] == 2
    assert record["parameters"] == 2 * 301
    sweep = sru_repro("train", "-m", "model=mean", "model.scale=0,1", *words, cwd=folder)
    assert sweep.status == 1 and "model.scale: expected greater than 0, found 0" in sweep.err
    for table in (folder / "conf/table").glob("*.yaml"):
        if table.stem != "quickstart":
            table.unlink()  # their many rows would take seconds
    assert (
        "models: cnn, gru, lstm, mean, mingru, qrnn, sru, srupp, transformer_xl"
        in sru_repro("list", cwd=folder).out
    )
    evaluated = sru_repro("evaluate", "run=run", cwd=folder)
    assert evaluated.out.count("identical") == 4
    assert sru_repro("predict", "run=run", "text=superb", cwd=folder).status == 0
    refused = sru_repro("train", "model=mean", "task=quickstart", cwd=folder)
    assert refused.status == 2 and "expected a causal model, found model=mean" in refused.err


@pytest.mark.usefixtures("members_here")
def test_a_new_task_is_a_file_and_a_configuration(folder: Path, sru_repro: Command) -> None:
    (folder / "tasks/sign.py").write_text(TASK)
    (folder / "conf/task/sign.yaml").write_text(SIGN)
    words = ("profile=smoke", "logger=csv", "trainer=cpu", "model.hidden_size=4")
    called = sru_repro("train", "task=sign", "hydra.run.dir=run", *words, cwd=folder)
    assert called.status == 0, called.err
    record = read_record(folder / "run").plain()
    assert record["task"] == "sign" and record["epochs"][-1]["step"] == 2
    assert 0 <= record["metrics"]["test/accuracy"] <= 1
    sweep = sru_repro("train", "-m", "task=sign", "model=sru,lstm,gru,qrnn", *words, cwd=folder)
    assert sweep.status == 0, sweep.err
    assert sru_repro("evaluate", "run=run", cwd=folder).out.count("identical") == 4


def test_a_file_with_two_models_is_named(folder: Path, sru_repro: Command) -> None:
    (folder / "models/mean.py").write_text(MODEL + "\n\nclass Second(Mean):\n    pass\n")
    (folder / "conf/model/mean.yaml").write_text("name: mean\nscale: 2.0\n")
    called = sru_repro("train", "model=mean", cwd=folder)
    assert called.status == 2 and "models/mean.py: expected one subclass of Encoder, found 2" in called.err


OWN = ("--config-dir=mine", "model=mean")


@pytest.fixture
def own_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The model outside the package: a module in a working directory, its settings in a folder `mine`."""
    (tmp_path / "work/mine/model").mkdir(parents=True)
    (tmp_path / "work/averages.py").write_text(MODEL)
    (tmp_path / "work/mine/model/mean.yaml").write_text(PAGE["mine/model/mean.yaml"])
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    yield tmp_path / "work"
    sys.modules.pop("averages", None)


def test_a_model_may_lie_outside_the_package(
    own_model: Path, sru_repro: Command, small: tuple[str, ...]
) -> None:
    words = [word for word in small if not word.startswith("model.")]
    train = ("train", *OWN, *words, "hydra.run.dir=run", "trainer.max_steps=2")
    called = sru_repro(*train, cwd=own_model)
    assert called.status == 0, called.err
    record = read_record(own_model / "run")
    assert record.config["model"] == {"name": "mean", "_class_": "averages.Mean", "scale": 2.0}
    shutil.rmtree(own_model / "mine")
    assert sru_repro("evaluate", "run=run", cwd=own_model).out.count("identical") == 4
    assert sru_repro("predict", "run=run", "text=superb", cwd=own_model).status == 0


def test_a_run_of_such_a_model_goes_on(own_model: Path, sru_repro: Command, small: tuple[str, ...]) -> None:
    words = [word for word in small if not word.startswith("model.")]
    train = ("train", *OWN, *words, "hydra.run.dir=run", "resume=true", "trainer.max_epochs=0")
    assert sru_repro(*train, "trainer.max_steps=2", cwd=own_model).status == 0
    record = read_record(own_model / "run")
    # As if it had been stopped on its way to four steps.
    record.state = "interrupted"
    record.config["trainer"]["max_steps"] = 4
    write(record, own_model / "run/run.json")
    last = own_model / "run/checkpoints/last.ckpt"
    stopped = torch.load(last, weights_only=True)
    key = next(key for key in stopped["callbacks"] if "Recorder" in key)
    stopped["callbacks"][key]["finished"] = False
    torch.save(stopped, last)
    resumed = sru_repro(*train, "trainer.max_steps=4", cwd=own_model)
    assert resumed.status == 0, resumed.err
    epochs = read_record(own_model / "run").epochs
    assert [entry.step for entry in epochs] == [2, 4], "the first two were not taken again"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("Mean", "expected package.module.Class, found 'Mean'"),
        (
            "nowhere.Mean",
            "expected nowhere.Mean to be there, found ModuleNotFoundError: No module named 'nowhere'; "
            "call it in the folder that holds the module, or name that in PYTHONPATH",
        ),
        ("averages.Median", "expected a subclass of Encoder at averages.Median, found no such name"),
        ("averages.MeanConfig", "expected a subclass of Encoder at averages.MeanConfig, found <class"),
        ("averages.Encoder", "expected a Config derived from ModelSettings in averages.Encoder, found None"),
        ("broken.Mean", "expected broken.Mean to be there, found SyntaxError: "),
    ],
)
def test_a_class_that_is_no_model_is_named(
    path: str, message: str, own_model: Path, sru_repro: Command
) -> None:
    (own_model / "broken.py").write_text("class Mean(:\n")
    called = sru_repro("train", *OWN, f"model._class_={path}", "logger=csv", cwd=own_model)
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith(f"sru-repro: model._class_: {message}") and called.err.count("\n") == 1
    assert not (own_model / "runs").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--config-dir=nowhere",), "--config-dir=nowhere: expected a folder of configurations, found none"),
        (("--config-dir=averages.py",), "--config-dir=averages.py: expected a folder of configurations"),
        (("--config-dir=mine", "experiment=bare"), "experiment/bare: expected `# @package _global_` in its"),
        (("--config-dir=mine", "experiment=open"), 'while parsing a flow sequence; in "mine/experiment/open'),
    ],
)
def test_a_folder_of_ones_own_that_is_wrong_is_named(
    args: tuple[str, ...], message: str, own_model: Path, sru_repro: Command
) -> None:
    (own_model / "mine/experiment").mkdir(exist_ok=True)
    (own_model / "mine/experiment/bare.yaml").write_text("defaults: [override /model: sru]\n")
    (own_model / "mine/experiment/open.yaml").write_text("# @package _global_\nrow: [x\n")
    called = sru_repro("train", *args, "logger=csv", cwd=own_model)
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith(f"sru-repro: {message}") and called.err.count("\n") == 1
    assert str(own_model) not in called.err and not (own_model / "runs").exists()


TABLE = """rows: quickstart
leave_out: [lstm, qrnn]
tasks: [mine]
folds: null
seeds: {paper: [1], short: [1], smoke: [1, 2]}
results: false
"""
TASK_OF_TABLE = """# @package _global_
defaults: [quickstart, _self_]
task: {table: mine}
"""


@pytest.mark.slow
def test_a_new_table_is_its_configuration_and_that_of_its_task(
    folder: Path, sru_repro: Command, runs_made: list[str]
) -> None:
    (folder / "conf/table/mine.yaml").write_text(TABLE)
    (folder / "conf/task/mine.yaml").write_text(TASK_OF_TABLE)
    words = ("profile=smoke", "logger=csv", "trainer=cpu", "model.hidden_size=8", "trainer.max_steps=1")
    called = sru_repro("reproduce", "table=mine", *words, cwd=folder)
    assert called.status == 0, called.err
    assert len(runs_made) == 4 and "table    mine: gru, sru" in called.out
    written = (folder / "runs/mine/mine.md").read_text()
    assert " gru " in written and "qrnn" not in written and (folder / "runs/mine/mine.png").is_file()
