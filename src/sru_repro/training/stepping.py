"""Batches and steps, which gradient accumulation tells apart: a step of the optimiser takes `accumulate` batches.

The last step of an epoch takes what is left, so an epoch is a whole number of steps.
"""

import sys
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from .ranks.world import Ranks


def steps_per_epoch(batches: int, accumulate: int) -> int:
    """Steps of the optimiser in an epoch of so many batches."""
    return -(-batches // accumulate)


def steps_now(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether that batch of the epoch is the last of its step; asked after it, the step has been taken."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch


def mean_over_step(loss: Tensor, trainer: pl.Trainer, batch_idx: int) -> Tensor:
    """The loss of a batch, such that the gradients of a step are the mean over its batches.

    Lightning divides by `accumulate`, which is too much for the last step of an epoch where fewer are left.
    """
    accumulate, start = (
        trainer.accumulate_grad_batches,
        batch_idx - batch_idx % trainer.accumulate_grad_batches,
    )
    left = trainer.num_training_batches - start
    return loss * (accumulate / left) if left < accumulate else loss


class ValidateEvery(Callback):
    """Validates after every so many steps of the optimiser; 0 leaves it to the end of the epochs.

    Lightning counts batches there. With steps of unequal numbers of batches that would fall between the batches of a
    step, so it is told after each batch whether to validate now.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._tell(trainer, trainer.global_step > 0)  # a resumed run stands at the end of a step

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._tell(trainer, steps_now(trainer, batch_idx))

    def _tell(self, trainer: pl.Trainer, stepped: bool) -> None:
        if self.steps:  # every batch, or one that never comes
            trainer.val_check_batch = 1 if stepped and trainer.global_step % self.steps == 0 else sys.maxsize


class StopTogether(Callback):
    """Comes last in the list of several ranks: what any callback of any rank has stopped, all of them stop."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if steps_now(trainer, batch_idx):
            self._agree(trainer)

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._agree(trainer)

    def _agree(self, trainer: pl.Trainer) -> None:
        trainer.should_stop = bool(self.ranks.most(trainer.should_stop)[0])
