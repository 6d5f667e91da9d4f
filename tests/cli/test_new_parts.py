"""Parts of one's own: a model or a task is a file and a configuration, a table two configurations, a cell an entry and
a header; everything works with them."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from sru_repro import models, ops, tasks
from sru_repro.core import layout
from sru_repro.ops import build
from sru_repro.records.base import write
from sru_repro.records.run import read_record

Command = Callable[..., Any]

MODEL = '''"""A running mean."""

from pydantic import Field

from sru_repro.models import Encoder, ModelSettings


class MeanConfig(ModelSettings):
    scale: float = Field(gt=0)


class Mean(Encoder):
    Config = MeanConfig
    causal, streams = True, False

    def __init__(self, input_size: int, *, scale: float) -> None:
        super().__init__()
        self.output_size, self.scale = input_size, scale

    def forward(self, x_LBD, state=None, padding_LB=None):
        steps = x_LBD.new_ones(len(x_LBD), 1, 1).cumsum(0)
        return x_LBD.cumsum(0) / steps * self.scale, None
'''

TASK = '''"""Whether numbers sum up to more than nothing."""

from pydantic import Field
from torch import Generator, nn, randn
from torch.nn import functional as F

from sru_repro.models import encoder_class
from sru_repro.tasks import Step, Task, TaskData, TaskSettings


class SignConfig(TaskSettings):
    length: int = Field(ge=1)


class Sign(Task):
    Config = SignConfig
    headline, higher_is_better = "accuracy", True

    def __init__(self, model) -> None:
        super().__init__()
        self.encoder = encoder_class(model.name).from_config(1, model)
        self.output = nn.Linear(self.encoder.output_size, 2)

    @classmethod
    def load(cls, config, data_dir, seed):
        batches = [randn(config.length, 8, 1, generator=Generator().manual_seed(i)) for i in range(4)]
        return TaskData(batches[:2], batches[2:3], batches[3:], "made", "signs", "made up", {})

    @classmethod
    def create(cls, config, model, **build):
        return cls(model)

    def step(self, batch, carry):
        logits_BC, labels_B = self.output(self.encoder(batch)[0][-1]), (batch.sum(0)[:, 0] > 0).long()
        nats = F.cross_entropy(logits_BC, labels_B, reduction="sum")
        correct = (logits_BC.argmax(-1) == labels_B).double().sum()
        count = nats.new_tensor(len(labels_B)).double()
        totals = {"nats": nats.detach().double(), "correct": correct, "count": count}
        return Step(nats / len(labels_B), totals)

    def tokens(self, batch):
        return batch.numel()

    @staticmethod
    def metrics(totals):
        return {"loss": totals["nats"] / totals["count"], "accuracy": totals["correct"] / totals["count"]}
'''
SIGN = """# @package _global_
task: {name: sign, kind: sign, table: signs, length: 6}
optim: {name: sgd, lr: 0.1, weight_decay: 0.0, clip_norm: 0.0}
budgets:
  paper: {max_epochs: 100, max_seconds: 0}
  short: {max_epochs: 1, max_seconds: 0}
  smoke: {max_epochs: 1, max_seconds: 0}
"""


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
    (tmp_path / "work/mine/model/mean.yaml").write_text("name: mean\n_class_: averages.Mean\nscale: 2.0\n")
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


CELL = """// c_t = f c_{t-1} + (1 - f) u, h = o c.
#pragma once
#include "../step.h"

struct gated {
    static constexpr int gates = 3;  // candidate, forget, output
    static constexpr bool peephole = false, biased = false, highway = false;

    template <class G, class T> HD static void forward(const Step<T>& s, T before, T& c, T& h) {
        const T f = sigmoid(s.u[1]);
        c = f * before + (1 - f) * s.u[0];
        h = sigmoid(s.u[2]) * G::of(c);
    }

    template <class G, class T> HD static Gradient<T> backward(const Step<T>& s, T before, T d_h, T d_c) {
        const T f = sigmoid(s.u[1]), o = sigmoid(s.u[2]);
        const T g = G::of(f * before + (1 - f) * s.u[0]);
        d_c += d_h * o * G::slope(g);
        Gradient<T> d;
        d.u[0] = d_c * (1 - f);
        d.u[1] = d_c * (before - s.u[0]) * f * (1 - f);
        d.u[2] = d_h * g * o * (1 - o);
        d.state = d_c * f;
        return d;
    }
};
"""


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_new_cell_is_an_entry_and_a_header(
    bidirectional: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(build.KERNELS, tmp_path / "kernels")
    monkeypatch.setattr(build, "KERNELS", tmp_path / "kernels")
    (tmp_path / "kernels/cells/gated.h").write_text(CELL)
    monkeypatch.setitem(ops.CELLS, "gated", ops.Cell(("candidate", "forget", "output"), output="gate"))
    u, c0 = torch.randn(7, 2, 3, 6, dtype=torch.float64), torch.randn(2, 6, dtype=torch.float64)
    padding = torch.tensor([[False, False]] * 5 + [[False, True]] * 2)
    found = {}
    for name in ("reference", "eager", "cpp"):
        usable, why = ops.available(name)
        assert usable, why
        with ops.use(name):
            inputs = [value.clone().requires_grad_() for value in (u, c0)]
            h, c_n = ops.recurrence(
                "gated", inputs[0], c0_BD=inputs[1], padding_LB=padding, bidirectional=bidirectional
            )
            (h.sin().sum() + c_n.cos().sum()).backward()
            found[name] = [h, c_n, *(value.grad for value in inputs)]
    for name in ("eager", "cpp"):
        torch.testing.assert_close(found[name], found["reference"])
