"""The bridge from a task to Lightning: steps, sums over a split, the state carried from batch to batch."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from ..models import State, detach
from ..tasks import Step, Task
from .config import OptimConfig
from .optimizer import make_optimizer
from .stepping import mean_over_step


class Totals:
    """Sums over the batches of a split, in float64 on the device, so that the figure does not depend on the cut."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor | float] = {}

    def add(self, totals: Mapping[str, Tensor | float]) -> None:
        """Adds a batch."""
        for key, value in totals.items():
            self.sums[key] = self.sums[key] + value if key in self.sums else value

    def values(self) -> dict[str, float]:
        """The sums as numbers."""
        return {key: float(value) for key, value in self.sums.items()}


class TaskModule(pl.LightningModule):
    """Trains a task. `results` holds the last figures of each split ("val", "test"), `outputs` what it said of each
    example, by the example's name."""

    def __init__(self, task: Task, optim: OptimConfig) -> None:
        super().__init__()
        self.task = task
        self.optim = optim
        self.carry: State = None
        self.train_sums = Totals()
        self.train_tokens = 0
        self.results: dict[str, dict[str, float]] = {}
        self.outputs: dict[str, dict[str, Any]] = {}
        self._split_sums = Totals()
        self._split_carry: State = None
        self._compiled = False

    def compile_encoder(self) -> None:
        """Has the encoder compiled by torch at its next call; asked again, it stays as it is."""
        if not self._compiled:
            self.task.encoder.compile()
            self._compiled = True

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return make_optimizer(self.parameters(), self.optim)

    def on_train_epoch_start(self) -> None:
        self.carry = None

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        step: Step = self.task.step(batch, self.carry)
        self.carry = detach(step.carry)
        self.train_sums.add(step.totals)
        self.train_tokens += step.tokens
        return mean_over_step(step.loss, self.trainer, batch_idx)

    def _start_split(self) -> None:
        self._split_sums, self._split_carry = Totals(), None
        self._split_outputs: dict[str, Any] = {}

    def _split_step(self, batch: Any) -> None:
        step: Step = self.task.step(batch, self._split_carry)
        self._split_carry = step.carry
        self._split_sums.add(step.totals)
        self._split_outputs.update(step.outputs)

    def _end_split(self, split: str) -> None:
        self.outputs[split] = self._split_outputs
        self.results[split] = self.task.metrics(self._split_sums.values())
        for name, value in self.results[split].items():
            self.log(f"{split}/{name}", torch.tensor(value, dtype=torch.float64), logger=False)

    def on_validation_epoch_start(self) -> None:
        self._start_split()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self._split_step(batch)

    def on_validation_epoch_end(self) -> None:
        self._end_split("val")

    on_test_epoch_start, test_step = on_validation_epoch_start, validation_step

    def on_test_epoch_end(self) -> None:
        self._end_split("test")
