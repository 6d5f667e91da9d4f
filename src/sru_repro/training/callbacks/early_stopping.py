"""Early stopping by Lightning's own callback, as a part of the run's record."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping

from ...records.run import RunRecord
from ..config.callbacks import EarlyStoppingConfig
from ..console import Console
from ..recorder import Recorder


class EarlyStop(EarlyStopping):
    """Ends the training after so many validations without a gain. last.ckpt holds how many there have been, so that a
    run which is taken up again ends where it would have ended.

    Args:
        config: patience and the least gain.
        monitor: the figure, as `val/loss`.
        mode: min or max.
        recorder: is told that the training is over.
        content: the run's record, which notes why.
        console: says so, too.
    """

    def __init__(
        self,
        config: EarlyStoppingConfig,
        monitor: str,
        mode: str,
        recorder: Recorder,
        content: RunRecord,
        console: Console,
    ) -> None:
        super().__init__(
            monitor,
            min_delta=config.min_delta,
            patience=config.patience,
            mode=mode,
            check_finite=False,  # the recorder refuses such figures
            check_on_train_epoch_end=False,
        )
        self.recorder, self.content, self.console = recorder, content, console
        self.why = ""
        """Why the training was stopped, once it was."""

    @property
    def state_key(self) -> str:
        return "EarlyStop"

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "why": self.why}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        super().load_state_dict(dict(state_dict))
        self.why = state_dict["why"]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.why:  # a larger budget changes nothing of it
            self.recorder.finish(trainer)
            self._note()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        over = self.recorder.finished  # by its budget, whatever this validation says
        super().on_validation_end(trainer, pl_module)
        if self.wait_count < self.patience or self.why:
            return
        moved = "risen" if self.mode == "max" else "fallen"
        by = f" by more than {abs(self.min_delta):g}" if self.min_delta else ""
        count = f"{self.wait_count} validation{'s' * (self.wait_count != 1)}"
        self.why = f"stopped early at epoch {trainer.current_epoch + 1}: {self.monitor} had not {moved}{by} for {count}"
        if over:
            return
        self.recorder.finish(trainer)
        self._note()
        if trainer.is_global_zero:
            self.console.tell([self.why])

    def _note(self) -> None:
        if self.why not in self.content.notes:
            self.content.notes.append(self.why)
