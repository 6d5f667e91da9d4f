"""The checkpoints of a run: best.ckpt, the weights of its best validation, and last.ckpt, from which it goes on.

Lightning's own callback writes `last` before `best` has taken the newest figure into account, so that a run resumed
from there could overwrite a better checkpoint; and it leaves the signals to chance.
"""

import copy
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from ..core.interrupt import Interrupted, Signals
from ..records.run import RunRecord, Validation
from . import replaced
from .checkpoint_files import CheckpointFiles
from .going_on import limits, of_run
from .ranks.world import ALONE, Ranks
from .run_folder import RunFolder
from .stepping import steps_now
from .weights import BEST, LAST, OF


def best_entry(content: RunRecord) -> Validation:
    """The validation that decides: the best by the headline metric, the first of equals."""
    choose = max if content.higher_is_better else min
    return choose(content.epochs, key=lambda entry: entry.figures[content.validated])


SAVE_EVERY_S = 5.0
"""Between two last.ckpt, but for those of a signal and of the end: where an epoch takes a second, writing twice in each
would take a tenth of it. A run that dies goes on from so far back, and ends the same."""


class Checkpoints(Callback):
    """Comes behind the recorder in the list, which has counted a step or a validation by then.

    After a signal the run stops where Lightning can go on exactly: after a step, unless a validation or the end of the
    epoch comes next; then after that. Never between the batches of a step, whose gradients no checkpoint holds.
    `validate_every` is 0 when validation comes at the end of an epoch.

    A run that has used its budget ends with things that a longer one would not have done there: a validation between
    two others, the end of an epoch within it. last.ckpt then says, too, how things stood before (`onward`), so that the
    run can be given a larger budget and goes on as if it had had it from the start.
    """

    def __init__(
        self, record: RunFolder, signals: Signals, validate_every: int, ranks: Ranks = ALONE
    ) -> None:
        self.record, self.signals, self.validate_every, self.ranks = record, signals, validate_every, ranks
        self.files = CheckpointFiles(of_run(record.content), self._take_up, ranks.first)
        self._told: int | None = None  # the signal that all ranks know of
        self._onward: dict[str, Any] | None = None
        self._saved = -SAVE_EVERY_S

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        trainer.strategy.checkpoint_io = self.files

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if self._onward is not None:
            checkpoint["onward"] = self._onward

    def _take_up(self, checkpoint: dict[str, Any]) -> None:
        """Makes of a checkpoint what it would be if the run had had its new budget from the start."""
        same = limits(checkpoint.get(OF, {}).get("config", {})) == limits(self.record.content.config)
        if same or not checkpoint["callbacks"]["Recorder"]["finished"]:
            self._onward = checkpoint.get("onward")
            return
        onward = checkpoint.pop("onward", {})
        checkpoint["loops"] |= onward.get("loops", {})
        checkpoint["callbacks"] |= onward.get("callbacks", {})
        checkpoint["best"] = onward["best"] if onward else checkpoint.get("best")
        checkpoint["callbacks"]["Recorder"]["finished"] = False

    def _keep_onward(self, trainer: pl.Trainer) -> None:
        """Keeps how things stand; weights and optimiser stay as they are until last.ckpt is written."""
        states = {callback.state_key: callback.state_dict() for callback in trainer.callbacks}  # type: ignore[attr-defined]
        # At the end of an epoch a longer run goes on from there, which is what last.ckpt says by itself.
        loops = {} if trainer.is_last_batch else {"fit_loop": trainer.fit_loop.state_dict()}
        held = copy.deepcopy({"callbacks": {k: v for k, v in states.items() if v}, "loops": loops})
        self._onward = {**held, "best": self.files.best}

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.signals.install()  # Lightning has put its own handler in front, which ends a run with status 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not steps_now(trainer, batch_idx):
            return
        self._agree(trainer)
        validates = self.validate_every and trainer.global_step % self.validate_every == 0
        if trainer.should_stop and not (validates or (trainer.is_last_batch and not self.validate_every)):
            self._keep_onward(trainer)
        if self._received is not None and not validates and not _ends_epoch(trainer):
            self._save_last(trainer)

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._agree(trainer)
        if best_entry(self.record.content) is self.record.content.epochs[-1]:
            trainer.save_checkpoint(self.record.folder / BEST, weights_only=True)
        if not _ends_epoch(trainer):
            self._save_last(trainer)
        elif trainer.should_stop and not trainer.is_last_batch and self._onward is None:
            self._keep_onward(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._save_last(trainer)

    def _save_last(self, trainer: pl.Trainer) -> None:
        self._agree(trainer)
        ends = trainer.should_stop or self._received is not None
        if ends or self.ranks.same(time.monotonic() - self._saved) >= SAVE_EVERY_S:
            trainer.save_checkpoint(self.record.folder / LAST)
            self._saved = time.monotonic()
            if self.ranks.first:
                replaced.drop(self.record.folder)
        if self._received is not None:
            raise Interrupted(self._received)

    @property
    def _received(self) -> int | None:
        """The signal that came; of several ranks to any of them, as all know by now."""
        return self._told if self.ranks.several else self.signals.received

    def _agree(self, trainer: pl.Trainer) -> None:
        """All ranks stop at the same step: what stops one of them, a signal or a limit, stops all."""
        if self.ranks.several:
            stops, number = self.ranks.most(trainer.should_stop, self.signals.received or 0)
            trainer.should_stop, self._told = bool(stops), int(number) or None


def _ends_epoch(trainer: pl.Trainer) -> bool:
    return trainer.is_last_batch or trainer.should_stop
