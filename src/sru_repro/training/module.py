"""The bridge from a task to Lightning: steps, sums over a split, the state carried from batch to batch."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from ..models import State, detach
from ..tasks import Step, Task
from .config import OptimConfig
from .faults import Watch
from .optimizer import clip, gradient_norm, make_optimizer
from .stepping import mean_over_step


class Totals:
    """Sums over batches, in float64 on the device, so that the figure does not depend on the cut.

    The tensors stay where they are, so that a recorded step can add to them; `numbers` are known on the host.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.numbers: dict[str, float] = {}
        self.batches = 0

    def add(self, totals: Mapping[str, Tensor | float]) -> None:
        """Adds a batch."""
        self.batches += 1
        for key, value in totals.items():
            if not isinstance(value, Tensor):
                self.numbers[key] = self.numbers.get(key, 0.0) + value
            elif key in self.tensors:
                self.tensors[key].add_(value)
            else:
                self.tensors[key] = value.detach().to(torch.float64, copy=True)

    def values(self) -> dict[str, float]:
        """The sums as numbers; waits for the device."""
        return {key: float(value) for key, value in self.sums.items()}

    @property
    def sums(self) -> dict[str, Tensor | float]:
        """What has been added up; nothing where no batch was."""
        return {**self.tensors, **self.numbers} if self.batches else {}

    @sums.setter
    def sums(self, sums: Mapping[str, Tensor | float]) -> None:
        self.clear()
        if sums:
            self.add(sums)

    def clear(self) -> None:
        """Back to nothing."""
        for tensor in self.tensors.values():
            tensor.zero_()
        self.numbers, self.batches = {}, 0


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
        self.watch: Watch | None = None
        self.weights = [weight for weight in self.parameters() if weight.requires_grad]

    def compile_encoder(self) -> None:
        """Has the encoder compiled by torch at its next call; asked again, it stays as it is."""
        if not self._compiled:
            self.task.encoder.compile()
            self._compiled = True

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return make_optimizer(self.weights, self.optim)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        # A scaler leaves out such steps itself, and lowers the scale.
        watch = self.watch if scaler is None else None
        if watch is None and not gradient_clip_val:
            return
        norm = gradient_norm(optimizer)
        if watch is not None:
            watch.gradients(norm)
        if gradient_clip_val:
            fused = getattr(optimizer, "_step_supports_amp_scaling", False)
            scale = scaler._scale if scaler is not None and fused else None
            clip(optimizer, gradient_clip_val, scale, norm)
        if watch is not None:
            watch.before_step(optimizer)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: torch.optim.Optimizer) -> None:
        """Gradients that are added up over batches stay where they are, as recorded batches add to them."""
        optimizer.zero_grad(set_to_none=self.trainer.accumulate_grad_batches == 1)

    def on_validation_model_zero_grad(self) -> None:
        self.zero_grad(set_to_none=self.trainer.accumulate_grad_batches == 1)

    def on_train_epoch_start(self) -> None:
        self.carry = None

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.train_tokens += self.task.tokens(batch)
        if self.watch is not None:
            self.watch.starts(batch, self.carry, batch_idx)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        step: Step = self.task.step(batch, self.carry)
        loss = step.loss
        if self.watch is not None:
            self.watch.loss(loss)
            if getattr(self.trainer.precision_plugin, "scaler", None) is not None:
                loss = self.watch.spoiled(loss)
        self.carry = detach(step.carry)
        self.train_sums.add(step.totals)
        return mean_over_step(loss, self.trainer, batch_idx)

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
