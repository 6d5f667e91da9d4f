"""Follows a run: curves, throughput, time left, record on disk, dashboard; ends it when its time is up."""

import math
import time
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from ..core import machine
from ..core.errors import RunError
from ..core.processor import Processor
from ..records.run import Progress, Throughput, Turns, Validation
from .config import TrainerConfig
from .console import Console
from .dashboards import Dashboard
from .faults import ADVICE, FILE, Watch
from .module import TaskModule
from .run_folder import RunFolder
from .stepping import steps_now, steps_per_epoch

Point = dict[str, float]
"""A point of the curves: step, tokens, wall_s, and figures by their keys."""
SAVE_EVERY_S = 2.0
TRIM_EVERY_S = 15.0
"""Giving memory back takes some 50 ms, and as much again until it is there again."""


def require_finite(where: str, figures: Mapping[str, float]) -> None:
    """Raises RunError when a figure is infinite or not a number: what follows would be wasted time."""
    for name, value in figures.items():
        if not math.isfinite(value):
            raise RunError(f"{where}: {name} is {value}, expected a finite number; {ADVICE}")


class Recorder(Callback):
    """One clock for all: seconds of training alone, validation left out.

    The clock starts with the first step. It waits for the device only where a figure is read anyway, so that
    measuring costs nothing on CUDA. `processor` counts beside it whether the process had the processor meanwhile,
    `turns` holds the paces of its turns where rows train in turns (turns.py).
    """

    def __init__(
        self,
        record: RunFolder,
        config: TrainerConfig,
        console: Console,
        dashboard: Dashboard,
    ) -> None:
        self.record, self.config, self.console, self.dashboard = record, config, console, dashboard
        self.train_s = 0.0
        self.processor = Processor()
        self.turns: Turns | None = None
        self.tokens = 0
        self.rate = math.nan  # the learning rate of the last step, which the schedule sets
        self.points: list[Point] = []
        self._sums: dict[str, float] = {}  # since the last validation
        self._finished = False
        self._started: float | None = None
        self._window: tuple[float, int, int] = (0.0, 0, 0)
        self._saved = 0.0
        self._trimmed = time.perf_counter()
        self._watch: Watch | None = None

    # What a resumed run needs to go on counting.
    def state_dict(self) -> dict[str, Any]:
        if self._watch is not None:
            self._watch.ask()  # no checkpoint is written of a training that has gone wrong
        return {
            "train_s": self.seconds(),
            "processor": self.processor.counted,
            "tokens": self.tokens,
            "points": self.points,
            "epochs": [entry.plain() for entry in self.record.content.epochs],
            "sums": self._sums,
            "finished": self._finished,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.train_s, self.tokens = state_dict["train_s"], state_dict["tokens"]
        self.processor = Processor(*state_dict.get("processor", ()))
        self.points = state_dict["points"]
        self.record.content.epochs = [Validation.model_validate(entry) for entry in state_dict["epochs"]]
        self._sums, self._finished = state_dict["sums"], state_dict["finished"]

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, TaskModule)
        (self.record.folder / FILE).unlink(missing_ok=True)  # of a start before this one
        self._watch = module.watch = Watch(self.record.folder, trainer, module.task, module.device)
        trainer.should_stop = self._finished  # a run that was stopped in its test has no step left to do

    def seconds(self) -> float:
        """Of training so far."""
        return self.train_s + (time.perf_counter() - self._started if self._started is not None else 0.0)

    def pause(self, module: pl.LightningModule) -> None:
        """Stops the clock until the next batch."""
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)
        self.train_s, self._started = self.seconds(), None
        self.processor.stop()

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._started is None:
            self._started = time.perf_counter()
            self.processor.start()
            self._window = (self.seconds(), self.tokens, trainer.global_step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(module, TaskModule)
        self.tokens, module.train_tokens = self.tokens + module.train_tokens, 0
        if not steps_now(trainer, batch_idx):
            return
        self.record.content.metrics = {}  # of a run that had finished before it went on
        seconds = self.seconds()
        self.processor.look()
        if trainer.global_step % self.config.log_every == 0:
            self._point(trainer, module)
        if self.fraction(trainer, seconds) == 1.0:
            trainer.should_stop = self._finished = True
        if time.perf_counter() - self._saved > SAVE_EVERY_S:
            self._saved = time.perf_counter()
            self._progress(trainer, seconds)
        if module.device.type == "cpu" and time.perf_counter() - self._trimmed > TRIM_EVERY_S:
            self._trimmed = time.perf_counter()
            machine.give_back_memory()

    def _progress(self, trainer: pl.Trainer, seconds: float) -> None:
        done = self.fraction(trainer, seconds)
        left = seconds * (1 - done) / done if done > 0 else None
        self.record.content.progress = Progress(fraction=done, left_s=left)
        self.record.save()
        self.console.progress(done, left)

    def fraction(self, trainer: pl.Trainer, seconds: float) -> float:
        """How much of the budget is used: the nearest of its limits."""
        c, batches = self.config, trainer.num_training_batches
        known = batches and batches != float("inf")
        epochs = trainer.global_step / steps_per_epoch(int(batches), c.accumulate) if known else 0.0
        used = ((epochs, c.max_epochs), (trainer.global_step, c.max_steps), (seconds, c.max_seconds))
        return min(1.0, max(value / limit for value, limit in used if limit))

    def _point(self, trainer: pl.Trainer, module: TaskModule) -> None:
        """A point of the training curve since the last one."""
        sums = module.train_sums.values()  # waits for the device
        if self._watch is not None:
            self._watch.ask()
        module.train_sums.clear()
        for name, value in sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        seconds = self.seconds()
        since_s, since_tokens, since_step = self._window
        self._window = (seconds, self.tokens, trainer.global_step)
        point = self._axes(trainer, seconds)
        if sums:
            figures = {f"train/{name}": value for name, value in module.task.metrics(sums).items()}
            require_finite(f"step {trainer.global_step}", figures)
            point |= figures
            point["optim/lr"] = self.rate
        if trainer.global_step > since_step:
            point["throughput/tokens_per_s"] = (self.tokens - since_tokens) / (seconds - since_s)
            point["throughput/step_ms"] = 1e3 * (seconds - since_s) / (trainer.global_step - since_step)
        self._log(point)

    def _axes(self, trainer: pl.Trainer, seconds: float) -> Point:
        return {"step": trainer.global_step, "tokens": self.tokens, "wall_s": seconds}

    def _log(self, point: Point) -> None:
        self.points.append(point)
        self.dashboard.log(point)

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not trainer.sanity_checking and self._started is not None:
            self.pause(module)

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, TaskModule)
        if module.train_sums.batches:
            self._point(trainer, module)
        figures = {f"val/{name}": value for name, value in module.results["val"].items()}
        require_finite(f"step {trainer.global_step}", figures)
        train = {f"train/{name}": value for name, value in module.task.metrics(self._sums).items()}
        self._sums = {}
        axes = {"epoch": trainer.current_epoch, **self._axes(trainer, self.train_s)}
        entry = Validation.model_validate({**axes, **figures, **train})
        self.record.content.epochs.append(entry)
        self._log({**self._axes(trainer, self.train_s), **figures})
        self.record.curve(self.points)
        self._progress(trainer, self.train_s)
        self.console.validated(entry)

    def throughput(self, steps: int, steps_per_epoch: int) -> Throughput:
        """Over all training so far: tokens a second, milliseconds a step of the optimiser, seconds an epoch."""
        found = Throughput(
            tokens_per_s=self.tokens / self.train_s,
            step_ms=1e3 * self.train_s / steps,
            seconds_per_epoch=self.train_s / steps * steps_per_epoch,
        )
        if (share := self.processor.share) is not None:
            found.processor = share
        if self.turns is not None:
            found.turns = self.turns
        return found
