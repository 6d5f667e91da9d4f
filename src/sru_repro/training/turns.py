"""Trains in turns with the other rows of a table, where the campaign asks for it (core/turns.py).

Each turn lasts a second of training or a step, whichever is longer; the clock stops in between.
"""

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from ..core.interrupt import Signals
from ..core.turns import Turn
from ..records.run import Turns
from .recorder import Recorder
from .run_folder import RunFolder
from .stepping import steps_now

TURN_S = 1.0
_LOOK_S = 0.2


class InTurns(Callback):
    """Comes last in the list of callbacks: all that belongs to a step has been done by then.

    The first turn is left out of the paces: in it memory is got and steps are recorded.
    """

    def __init__(self, turn: Turn, recorder: Recorder, record: RunFolder, signals: Signals) -> None:
        self.turn, self.recorder, self.record, self.signals = turn, recorder, record, signals
        self._since: tuple[float, int] | None = None
        self._first = True
        recorder.turns = Turns(session=turn.session, tokens_per_s=[])

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._since is None:
            self._since = self.recorder.seconds(), self.recorder.tokens

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert self._since is not None and self.recorder.turns is not None
        over = self.recorder.seconds() - self._since[0] >= TURN_S
        if not over or not steps_now(trainer, batch_idx) or trainer.should_stop or self.turn.alone:
            return
        self.recorder.pause(module)
        seconds, tokens = self.recorder.train_s - self._since[0], self.recorder.tokens - self._since[1]
        if not self._first:
            self.recorder.turns.tokens_per_s.append(tokens / seconds)
        self._since, self._first = None, False
        handed_on = time.perf_counter()
        self.turn.hand_on()
        while not self.turn.mine(_LOOK_S) and self.signals.received is None:
            pass
        self.record.leave_out(time.perf_counter() - handed_on)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.turn.close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self.turn.close()
