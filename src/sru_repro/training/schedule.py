"""The learning rate over time, as a function of the step alone, so that a resumed run goes on exactly.

Steps t count from 1, w is `warmup_steps`, T `decay_steps`, d `noam_size`.

    constant  lr * min(t / w, 1)
    noam      lr / sqrt(d) * min(t^-0.5, t * w^-1.5)                 SRU on enwik8 (Vaswani et al. 2017, section 5.3)
    cosine    lr * t / w                                             t <= w: SRU++
              lr * (1 + cos(pi t / T)) / (1 + cos(pi w / T))         then; 0 from T on
    cosine    lr * min(t / w, 1) * (1 + cos(pi used)) / 2            T = 0; `used` is the part of the budget behind us

The first cosine is what the authors of SRU++ ran: their warm-up overwrites the rate, and torch's CosineAnnealingLR,
which derives each rate from the last, goes on from there, at the full rate.
"""

import math
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from .config import OptimConfig
from .optimizer import set_rate
from .recorder import Recorder


def learning_rate(optim: OptimConfig, step: int, fraction: float) -> float:
    """The rate of a step, counted from 1; `fraction` (0 to 1) is the part of the run's budget used before it."""
    lr, warmup, end = optim.lr, optim.warmup_steps, optim.decay_steps
    if optim.schedule == "noam":
        return lr / math.sqrt(optim.noam_size) * min(step**-0.5, step * warmup**-1.5)
    growth = min(step / warmup, 1.0) if warmup else 1.0
    if optim.schedule == "constant":
        return lr * growth
    if not end:
        return lr * growth * (1 + math.cos(math.pi * fraction)) / 2
    if step <= warmup:
        return lr * growth
    if step >= end:
        return 0.0
    return lr * (1 + math.cos(math.pi * step / end)) / (1 + math.cos(math.pi * warmup / end))


class Schedule(Callback):
    """Sets the rate of the step that a batch belongs to. It has no state of its own.

    How much of the budget is used, the recorder knows. Only a cosine without `decay_steps` asks for it, and then, in
    a run limited by `max_seconds`, the rate depends on the clock.
    """

    def __init__(self, optim: OptimConfig, recorder: Recorder) -> None:
        self.optim, self.recorder = optim, recorder

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        fraction = self.recorder.fraction(trainer, self.recorder.used_s())
        rate = learning_rate(self.optim, trainer.global_step + 1, fraction)
        if rate != self.recorder.rate or batch_idx == 0:
            set_rate(trainer.optimizers[0], rate)
        self.recorder.rate = rate
