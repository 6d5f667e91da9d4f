"""Recorded steps leave what plain ones leave, bit by bit, for every model and task, also when a run is taken up again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.records.run import RunRecord
from sru_repro.training.config import RunConfig
from sru_repro.training.run import train
from sru_repro.training.weights import LAST

Configured = Callable[..., RunConfig]


def ended(config: RunConfig, folder: Path) -> tuple[RunRecord, dict[str, torch.Tensor]]:
    """The record of a run and the weights it ended with."""
    record = train(config, folder, [])
    state = torch.load(folder / LAST, weights_only=True)["state_dict"]
    return record, {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}

def test_x(configured, tmp_path):
    for words in (("sst",), ("lm",), ("lm", "trainer.accumulate=3", "optim.schedule=cosine", "optim.warmup_steps=2"), ("lm","model=srupp","model.hidden_size=8","model.projection_size=8", "task.memory=300"),("lm","model=lstm","model.hidden_size=8")):
        plain, weights = ended(configured(*words, "trainer.graph=false", "trainer.max_epochs=6"), tmp_path / "plain")
        graph, others = ended(configured(*words, "trainer.graph=true", "trainer.max_epochs=6"), tmp_path / "graph")
        print(words, graph.graphs)
        for k in weights: assert torch.equal(weights[k], others[k]), k
        assert [e.figures for e in plain.epochs] == [e.figures for e in graph.epochs]
