"""A trial of a search: its validations are reported as they come, and it ends where the search finds it hopeless."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from ..core.interrupt import Interrupted
from ..records.run import PRUNED_AT
from ..records.study import Reports
from .recorder import Recorder
from .run_folder import RunFolder


class Pruned(Interrupted):
    """Raised where a trial is given up: no failure, and `resume=true` goes on with it all the same."""

    def __init__(self, message: str) -> None:
        BaseException.__init__(self, message)
        self.status = 0


class Pruning(Callback):
    """Comes behind the recorder and the checkpoints in the list. Validations are counted, whether they come after
    epochs or after steps, so that trials of other batch sizes compare. In the first part of its budget
    (`Reports.warmup`) a trial is left alone, and at its end it is worth its figure.
    """

    def __init__(self, trial: Reports, recorder: Recorder, record: RunFolder) -> None:
        self.trial, self.recorder, self.record = trial, recorder, record

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        content = self.record.content
        nth, entry = len(content.epochs), content.epochs[-1]
        value = entry.figures[content.validated]
        if trainer.is_global_zero:
            self.trial.report(nth, value)
        used = self.recorder.fraction(trainer, self.recorder.train_s)
        if trainer.should_stop or not self.trial.warmup <= used < 1.0:
            return
        hopeless = trainer.is_global_zero and self.trial.hopeless()
        if not trainer.strategy.reduce_boolean_decision(
            hopeless, all=False
        ):  # all ranks end at the same place
            return
        why = f"{PRUNED_AT}epoch {entry.epoch + 1}, step {entry.step}: {content.validated} {value:.4f}"
        self.trial.note_pruned(why)
        raise Pruned(f"{why}, by hydra.sweeper.pruner={self.trial.pruner}")
