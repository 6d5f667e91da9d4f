"""Bit-exact resume: a run that was stopped and taken up again ends with the weights of one that never stopped.

Lightning restores weights, optimiser and counters. What it leaves out is kept here: the random state, the place in the
order of the batches, the state that a language model carries from segment to segment, and sums not yet reported.
One thing is beyond reach: cuDNN's own dropout between the layers of an LSTM or GRU on CUDA has a state nobody can save.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor
from torch.utils import _pytree

from ..core.errors import RunError
from ..data.batches import BatchOrder
from ..models import State
from .module import TaskModule
from .ranks.world import ALONE, Ranks

OTHERS = "others"


@dataclass(frozen=True)
class Kept:
    """What is kept beside Lightning's own: random states, the carried state, and sums not yet reported."""

    cpu: Tensor
    cuda: list[Tensor]
    carry: State
    sums: dict[str, Tensor | float]


class ExactResume(Callback):
    """Saves and restores what Lightning does not. `order` is the sampler of the training batches.

    Of several ranks each has its own; the first one saves those of all.
    """

    def __init__(self, order: BatchOrder, ranks: Ranks = ALONE) -> None:
        self.order, self.ranks = order, ranks
        self._pending: Kept | None = None
        self._module: TaskModule | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        assert isinstance(pl_module, TaskModule)
        self._module = pl_module

    def state_dict(self) -> dict[str, Any]:
        assert self._module is not None
        device, cuda = self._module.device, list[Tensor]()
        if device.type == "cuda":
            several = self.ranks.several  # of whom each has a GPU
            cuda = [torch.cuda.get_rng_state(device)] if several else torch.cuda.get_rng_state_all()
        own = vars(Kept(torch.get_rng_state(), cuda, self._module.carry, self._module.train_sums.sums))
        if not self.ranks.several:
            return own
        every = self.ranks.gathered(_pytree.tree_map_only(Tensor, lambda x: x.detach().cpu(), own))
        return {**own, OTHERS: every[1:]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        every = [{k: v for k, v in state_dict.items() if k != OTHERS}, *state_dict.get(OTHERS, ())]
        if len(every) != self.ranks.world:
            raise RunError(
                f"resume=true: expected trainer.devices and trainer.num_nodes with which the run began, {len(every)} "
                f"devices in all, found {self.ranks.world}"
            )
        self._pending = Kept(**every[self.ranks.rank])

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: Mapping[str, Any]
    ) -> None:
        loop = checkpoint["loops"]["fit_loop"]
        progress = loop["epoch_loop.batch_progress"]
        # "completed" lags by one when the checkpoint is written at the end of a batch; "processed" does not.
        self.order.skip = 0 if progress["is_last_batch"] else progress["current"]["processed"]
        self.order.set_epoch(loop["epoch_progress"]["current"]["processed"])

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.order.set_epoch(trainer.current_epoch)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._pending is None:
            return
        assert isinstance(pl_module, TaskModule)
        state, self._pending = self._pending, None
        torch.set_rng_state(state.cpu.cpu())
        if state.cuda and self.ranks.several:
            torch.cuda.set_rng_state(state.cuda[0].cpu(), pl_module.device)
        elif state.cuda:
            torch.cuda.set_rng_state_all([value.cpu() for value in state.cuda])
        carry, sums = _pytree.tree_map_only(
            torch.Tensor, lambda value: value.to(pl_module.device), (state.carry, state.sums)
        )
        pl_module.train_sums.sums = sums
        pl_module.carry = carry if batch_idx > 0 else None
