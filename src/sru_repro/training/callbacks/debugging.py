"""What the debugging presets look at: whether a batch can be learnt by heart, and where a NaN comes from."""

from contextlib import ExitStack
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from ...core.errors import RunError
from ..console import Console
from ..faults import looking
from ..module import TaskModule
from ..recorder import Recorder

NEAR_ZERO = 0.1
"""The part of the first loss that may be left of a batch which a model has learnt by heart."""


class Overfit(Callback):
    """Says what became of the loss of a few batches that were seen again and again."""

    def __init__(self, recorder: Recorder, console: Console, batches: int) -> None:
        self.recorder, self.console, self.batches = recorder, console, batches

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        losses = [point["train/loss"] for point in self.recorder.points if "train/loss" in point]
        first = self.recorder.following.first
        if first is None or not losses or not trainer.is_global_zero:
            return
        last, count = (
            losses[-1],
            f"{self.batches} batch{'es' * (self.batches != 1)}" if self.batches else "the data",
        )
        learnt = last <= NEAR_ZERO * first
        verdict = f"it can learn {count} by heart" if learnt else f"it has not learnt {count} by heart"
        self.console.tell([f"train/loss {first:.4g} -> {last:.2g} in {trainer.global_step} steps: {verdict}"])
        if not learnt:
            self.console.tell(["raise trainer.max_steps or optim.lr, or look for a fault in the model"])


class FirstNotFinite(Callback):
    """Ends the training at the first output of a layer, or gradient of one, that is not finite, and names it.
    Lightning's `detect_anomaly` ends it at the function of the backward pass that made one; the layer is added."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._stack = ExitStack()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TaskModule)

        def found(what: str) -> None:
            raise RunError(f"step {trainer.global_step + 1}: first not finite: {what}")

        self._reached = ""
        self._stack.enter_context(looking(pl_module.task, found, self._reach))

    def _reach(self, name: str) -> None:
        if not self._reached.startswith(
            f"{name}."
        ):  # of a layer and what it is in the layer, which is seen first
            self._reached = name

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stack.close()
        if trainer.is_global_zero:
            self.console.tell([f"every output and gradient was finite in {trainer.global_step:,} steps"])

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: Any) -> None:
        self._stack.close()
        if isinstance(exception, RuntimeError) and "returned nan" in str(exception) and self._reached:
            first = str(exception).splitlines()[0].rstrip(".")
            exception.args = (
                f"{first}, at step {trainer.global_step + 1}, on the way back through {self._reached}",
            )
