"""The bridge from a task to Lightning: steps, sums over a split, the state carried from batch to batch."""

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from ..models import State, detach
from ..tasks import Step, Task
from .config import OptimConfig
from .faults import Watch
from .gauges import StepGauges
from .optimizer import clip, gradient_norm, make_optimizer
from .ranks.shards import Shard, parted
from .ranks.world import ALONE, Ranks
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
        """The sums that are single numbers; waits for the device."""
        grids = self.grids
        return {key: float(value) for key, value in self.sums.items() if key not in grids}

    @property
    def grids(self) -> dict[str, Tensor]:
        """The sums that are more than a number, such as a confusion."""
        return {key: value for key, value in self.tensors.items() if value.numel() > 1}

    @property
    def sums(self) -> dict[str, Tensor | float]:
        """What has been added up; nothing where no batch was."""
        return {**self.tensors, **self.numbers} if self.batches else {}

    @sums.setter
    def sums(self, sums: Mapping[str, Tensor | float]) -> None:
        self.clear()
        if sums:
            self.add(sums)

    def on_host(self) -> dict[str, Tensor | float]:
        """The sums for other processes; waits for the device."""
        return {key: value.cpu() if isinstance(value, Tensor) else value for key, value in self.sums.items()}

    def clear(self) -> None:
        """Back to nothing."""
        for tensor in self.tensors.values():
            tensor.zero_()
        self.numbers, self.batches = {}, 0


class TaskModule(pl.LightningModule):
    """Trains a task. `results` holds the last figures of each split ("val", "test"), `outputs` what it said of each
    example of a test, by the example's name or its number from 0, `grids` the sums that are no single numbers."""

    allow_zero_length_dataloader_with_multiple_devices = True

    def __init__(self, task: Task, optim: OptimConfig, ranks: Ranks = ALONE) -> None:
        super().__init__()
        self.ranks = ranks
        self.task = task
        self.optim = optim
        self.carry: State = None
        self.train_sums = Totals()
        self.train_tokens = 0
        self.results: dict[str, dict[str, float]] = {}
        self.outputs: dict[str, dict[str, Any]] = {}
        self.grids: dict[str, dict[str, Tensor]] = {}
        self._split_sums = Totals()
        self._split_carry: State = None
        self._compiled = False
        self.watch: Watch | None = None
        self.gauges: StepGauges | None = None
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
        gauges = self.gauges
        if gauges is not None and scaler is not None:
            gauges.scaled(scaler._scale)
        # A scaler leaves out such steps itself, and lowers the scale.
        watch = self.watch if scaler is None else None
        if watch is None and not gradient_clip_val:
            return
        norm = gradient_norm(optimizer)
        fused = getattr(optimizer, "_step_supports_amp_scaling", False)
        scale = scaler._scale if scaler is not None and fused else None
        if gauges is not None:
            gauges.gradients(norm, scale)
        if watch is not None:
            watch.gradients(norm)
        if gradient_clip_val:
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
        self.train_tokens += batch.tokens if isinstance(batch, Shard) else self.task.tokens(batch)
        if self.watch is not None:
            self.watch.starts(parted(batch)[0], self.carry, batch_idx)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.gauges is not None:
            self.gauges.data.ends()  # behind all callbacks

    def on_train_epoch_end(self) -> None:
        if self.gauges is not None:
            self.gauges.data.ends()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        batch, weight = parted(batch)
        step: Step = self.task.step(batch, self.carry)
        loss = step.loss
        if self.watch is not None:
            self.watch.loss(loss)
            if weight is not None or getattr(self.trainer.precision_plugin, "scaler", None) is not None:
                loss = self.watch.spoiled(loss)
        self.carry = detach(step.carry)
        self.train_sums.add(step.totals if weight != 0 else {})
        if weight is not None:  # DDP takes the mean over the ranks
            loss = loss * (weight * self.ranks.world)
        return mean_over_step(loss, self.trainer, batch_idx)

    def _start_split(self) -> None:
        self._split_sums, self._split_carry = Totals(), None
        self._split_parts: list[Totals] = []  # of several ranks each batch
        self._split_outputs: list[Mapping[str, Any] | Callable[[], Sequence[Any]]] = []

    def _split_step(self, batch: Any) -> None:
        batch, weight = parted(batch)
        step: Step = self.task.step(batch, self._split_carry)
        self._split_carry = step.carry
        if weight is None:
            self._split_sums.add(step.totals)
        elif weight:
            self._split_parts.append(Totals())
            self._split_parts[-1].add(step.totals)
        if weight != 0 and self.trainer.testing:  # of validations nobody reads them
            self._split_outputs.append(step.said or step.outputs)

    def _end_split(self, split: str) -> None:
        own = [said() if callable(said) else said for said in self._split_outputs]
        outputs = self.outputs[split] = {}
        for several in zip_longest(*self.ranks.gathered(own), fillvalue={}):
            for one in several:
                numbers = map(str, range(len(outputs), len(outputs) + len(one)))
                outputs |= one if isinstance(one, Mapping) else zip(numbers, one, strict=True)
        # The same numbers in the same order as in one process, where ranks have read whole batches in turn.
        for batches in zip_longest(*self.ranks.each([part.on_host() for part in self._split_parts])):
            for sums in filter(None, batches):
                self._split_sums.add(sums)
        self.grids[split] = self._split_sums.grids
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
