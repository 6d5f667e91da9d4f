"""A model or a task of one's own: one file, one configuration, and everything works with it."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sru_repro import models, tasks
from sru_repro.core import layout
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
        return Step(nats / len(labels_B), totals, batch.numel())

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
