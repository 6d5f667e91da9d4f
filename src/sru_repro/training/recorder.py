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
from .gauges import StepGauges
from .module import TaskModule
from .progress import Following
from .ranks.world import ALONE, Ranks
from .run_folder import RunFolder
from .stepping import steps_now, steps_per_epoch

Point = dict[str, float]
"""A point of the curves: step, tokens, wall_s, epoch, and figures by their keys."""
AXES = ("step", "tokens", "wall_s", "epoch")
SKIPPED = "optim/skipped_steps"
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
        following: Following | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.ranks, self._agreed_s = ranks, 0.0
        self.record, self.config, self.console, self.dashboard = record, config, console, dashboard
        self.following = following or Following(console)
        self.train_s = 0.0
        self.processor = Processor()
        self.turns: Turns | None = None
        self.tokens = 0
        self.rate = math.nan  # the learning rate of the last step, which the schedule sets
        self.points: list[Point] = []
        self.axes: Point = {}  # of the last validation
        self._sums: dict[str, float] = {}  # since the last validation
        self._finished = False
        self._started: float | None = None
        self._window: tuple[float, int, int, float] = (0.0, 0, 0, 0.0)
        self._saved = 0.0
        self._trimmed = time.perf_counter()
        self._watch: Watch | None = None
        self._gauges = StepGauges(torch.device("cpu"))

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
        if self.record.content.epochs:  # its test shows media there, and may be all that is left
            last = self.record.content.epochs[-1]
            self.axes = {axis: getattr(last, axis) for axis in AXES}
        self._sums, self._finished = state_dict["sums"], state_dict["finished"]
        self.dashboard.go_on(self.points)

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, TaskModule)
        (self.record.folder / FILE).unlink(missing_ok=True)  # of a start before this one
        skipped = next((p[SKIPPED] for p in reversed(self.points) if SKIPPED in p), 0.0)
        self._gauges = module.gauges = StepGauges(module.device, skipped)
        self._watch = module.watch = Watch(
            self.record.folder, trainer, module.task, module.device, ranks=self.ranks
        )
        self._agreed_s = self.train_s
        trainer.should_stop = self._finished  # a run that was stopped in its test has no step left to do

    def finish(self, trainer: pl.Trainer) -> None:
        """The training ends here, also where it is taken up again."""
        trainer.should_stop = self._finished = True

    @property
    def finished(self) -> bool:
        """Whether the training has come to its end."""
        return self._finished

    def seconds(self) -> float:
        """Of training so far."""
        return self.train_s + (time.perf_counter() - self._started if self._started is not None else 0.0)

    def used_s(self) -> float:
        """Seconds of training by which the budget is measured; of several ranks the first one's after the last step."""
        return self._agreed_s if self.ranks.several else self.seconds()

    def pause(self, module: pl.LightningModule) -> None:
        """Stops the clock until the next batch."""
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)
        self.train_s, self._started = self.seconds(), None
        self.processor.stop()

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._gauges.data.starts(training=self._started is not None)
        if self._started is None:
            self._started = time.perf_counter()
            self.processor.start()
            self._window = self._now(trainer, self.seconds())

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(module, TaskModule)
        self.tokens, module.train_tokens = self.tokens + module.train_tokens, 0
        if not steps_now(trainer, batch_idx):
            return
        self.record.content.metrics = {}  # of a run that had finished before it went on
        if self.ranks.several:
            self._agreed_s = self.ranks.same(self.seconds())
        seconds = self.used_s()
        self.processor.look()
        if trainer.global_step % self.config.log_every == 0:
            self._point(trainer, module)
        if self.fraction(trainer, seconds) == 1.0:
            self.finish(trainer)
        if time.perf_counter() >= self.following.due:
            self.following.look(trainer, module, self.points, self.fraction(trainer, seconds), self.rate)
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

    def fraction(self, trainer: pl.Trainer, seconds: float) -> float:
        """How much of the budget is used: the nearest of its limits."""
        c, batches = self.config, trainer.num_training_batches
        known = batches and batches != float("inf")
        epochs = trainer.global_step / steps_per_epoch(int(batches), c.accumulate) if known else 0.0
        used = ((epochs, c.max_epochs), (trainer.global_step, c.max_steps), (seconds, c.max_seconds))
        return min(1.0, max(value / limit for value, limit in used if limit))

    def _point(self, trainer: pl.Trainer, module: TaskModule) -> None:
        """A point of the training curve since the last one."""
        sums = self.ranks.sums(module.train_sums.values())  # waits for the device
        if self._watch is not None:
            self._watch.ask()
        module.train_sums.clear()
        for name, value in sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        seconds = self.seconds()
        since_s, since_tokens, since_step, since_wait = self._window
        self._window = self._now(trainer, seconds)
        point = self._axes(trainer, seconds)
        if sums:
            figures = {f"train/{name}": value for name, value in module.task.metrics(sums).items()}
            require_finite(f"step {trainer.global_step}", figures)
            point |= figures
            point["optim/lr"] = self.rate
        point |= self._gauges.read(getattr(trainer.precision_plugin, "scaler", None))
        if trainer.global_step > since_step:
            point["throughput/tokens_per_s"] = (self.tokens - since_tokens) / (seconds - since_s)
            point["throughput/step_ms"] = 1e3 * (seconds - since_s) / (trainer.global_step - since_step)
            point["throughput/data_fraction"] = (self._gauges.data.seconds - since_wait) / (seconds - since_s)
        self._log(point)

    def _now(self, trainer: pl.Trainer, seconds: float) -> tuple[float, int, int, float]:
        return seconds, self.tokens, trainer.global_step, self._gauges.data.seconds

    def _axes(self, trainer: pl.Trainer, seconds: float) -> Point:
        places = (trainer.global_step, self.tokens, seconds, trainer.current_epoch)
        return dict(zip(AXES, places, strict=True))

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
        self.axes = self._axes(trainer, self.train_s)
        entry = Validation.model_validate({**self.axes, **figures, **train})
        self.record.content.epochs.append(entry)
        self._log({**self.axes, **figures})
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
