"""Follows a run: curves, throughput, time left, record on disk, dashboard; ends it when its time is up."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from .config import TrainerConfig
from .console import Console
from .dashboard import Dashboard
from .interrupt import Signals
from .module import TaskModule, Totals
from .record import RunRecord

SAVE_EVERY_S = 2.0


class Recorder(Callback):
    """One clock for all: seconds of training alone, validation left out.

    The clock starts with the first step. It waits for the device only where a figure is read anyway, so that
    measuring costs nothing on CUDA.
    """

    def __init__(
        self,
        record: RunRecord,
        config: TrainerConfig,
        console: Console,
        dashboard: Dashboard,
        signals: Signals,
        last: Path,
    ) -> None:
        self.record, self.config, self.console = record, config, console
        self.dashboard, self.signals, self.last = dashboard, signals, last
        self.train_s = 0.0
        self.tokens = 0
        self.points: list[dict[str, Any]] = []
        self._started: float | None = None
        self._window: tuple[float, int, int] = (0.0, 0, 0)
        self._saved = 0.0

    # What a resumed run needs to go on counting.
    def state_dict(self) -> dict[str, Any]:
        content = self.record.content
        return {
            "train_s": self._seconds(),
            "tokens": self.tokens,
            "points": self.points,
            "epochs": content["epochs"],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.train_s, self.tokens = state_dict["train_s"], state_dict["tokens"]
        self.points, self.record.content["epochs"] = state_dict["points"], state_dict["epochs"]

    def _seconds(self) -> float:
        return self.train_s + (time.perf_counter() - self._started if self._started is not None else 0.0)

    def _pause(self, module: pl.LightningModule) -> None:
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)
        self.train_s, self._started = self._seconds(), None

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._started is None:
            self._started = time.perf_counter()
            self._window = (self._seconds(), self.tokens, trainer.global_step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(module, TaskModule)
        self.tokens, module.train_tokens = self.tokens + module.train_tokens, 0
        seconds = self._seconds()
        if self.signals.received is not None:
            self._pause(module)
            trainer.save_checkpoint(self.last)
            self.signals.raise_if_any()
        if trainer.global_step % self.config.log_every == 0:
            self._point(trainer, module)
        if self.config.max_seconds and seconds >= self.config.max_seconds:
            trainer.should_stop = True
        if time.perf_counter() - self._saved > SAVE_EVERY_S:
            self._saved = time.perf_counter()
            self._progress(trainer, seconds)

    def _progress(self, trainer: pl.Trainer, seconds: float) -> None:
        done = self.fraction(trainer, seconds)
        left = seconds * (1 - done) / done if done > 0 else None
        self.record.content["progress"] = {"fraction": done, "left_s": left}
        self.record.save()
        self.console.progress(done, left)

    def fraction(self, trainer: pl.Trainer, seconds: float) -> float:
        """How much of the budget is used: the nearest of its limits."""
        c, steps = self.config, trainer.num_training_batches
        epochs = trainer.global_step / steps if steps and steps != float("inf") else 0.0
        used = ((epochs, c.max_epochs), (trainer.global_step, c.max_steps), (seconds, c.max_seconds))
        return min(1.0, max(value / limit for value, limit in used if limit))

    def _point(self, trainer: pl.Trainer, module: TaskModule) -> dict[str, Any]:
        """A point of the training curve since the last one."""
        sums = module.train_sums.values()  # waits for the device
        module.train_sums = Totals()
        seconds = self._seconds()
        since_s, since_tokens, since_step = self._window
        self._window = (seconds, self.tokens, trainer.global_step)
        point = self._axes(trainer, seconds)
        if sums:
            point |= {f"train/{name}": value for name, value in module.task.metrics(sums).items()}
        if trainer.global_step > since_step:
            point["throughput/tokens_per_s"] = (self.tokens - since_tokens) / (seconds - since_s)
            point["throughput/step_ms"] = 1e3 * (seconds - since_s) / (trainer.global_step - since_step)
        self._log(point)
        return point

    def _axes(self, trainer: pl.Trainer, seconds: float) -> dict[str, Any]:
        return {"step": trainer.global_step, "tokens": self.tokens, "wall_s": seconds}

    def _log(self, point: dict[str, Any]) -> None:
        self.points.append(point)
        self.dashboard.log(point)

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not trainer.sanity_checking and self._started is not None:
            self._pause(module)

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, TaskModule)
        train = self._point(trainer, module) if module.train_sums.sums else {}
        figures = {f"val/{name}": value for name, value in module.results["val"].items()}
        entry = {"epoch": trainer.current_epoch, **self._axes(trainer, self.train_s), **figures}
        entry |= {key: value for key, value in train.items() if key.startswith("train/")}
        self.record.content["epochs"].append(entry)
        self._log({**self._axes(trainer, self.train_s), **figures})
        self.record.curve(self.points)
        self._progress(trainer, self.train_s)
        self.console.validated(entry)
        self.signals.raise_if_any()

    def throughput(self, steps: int, steps_per_epoch: int) -> dict[str, float]:
        """Over all training so far: tokens a second, milliseconds a step, seconds an epoch."""
        return {
            "tokens_per_s": self.tokens / self.train_s,
            "step_ms": 1e3 * self.train_s / steps,
            "seconds_per_epoch": self.train_s / steps * steps_per_epoch,
        }
