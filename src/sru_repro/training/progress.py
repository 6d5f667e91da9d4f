"""How a training is doing: its loss, whether that falls, and the time left, for console.py. A step costs a look at the
clock; no device is asked for anything but the first loss."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl

from .console import Console
from .module import TaskModule

STILL = 0.005
"""A loss that moved by a smaller part of itself neither falls nor rises."""
SMOOTH = 0.5
"""The weight of the newest loss in the one that is shown."""


class Trend:
    """A loss, smoothed, and where it goes."""

    def __init__(self) -> None:
        self.value: float | None = None
        self._before: deque[float] = deque(maxlen=6)

    def add(self, loss: float) -> None:
        """The newest loss."""
        if self.value is not None:
            self._before.append(self.value)
        self.value = loss if self.value is None else self.value + SMOOTH * (loss - self.value)

    @property
    def sign(self) -> str:
        """An arrow; "" of the first loss."""
        if not self._before or self.value is None:
            return ""
        then = self._before[0]
        if abs(self.value - then) <= STILL * abs(then):
            return "→"
        return "↓" if self.value < then else "↑"

    def __str__(self) -> str:
        if self.value is None:
            return ""
        shown = f"{self.value:.4f}" if abs(self.value) < 10 else f"{self.value:.5g}"
        return f"loss {shown} {self.sign}".rstrip()


class Following:
    """Tells the console how a training is doing.

    `due` is the time (`time.perf_counter`) of the next look. On a CPU the loss is that of the steps since the last
    point of the curve; on CUDA that of the last point, which the recorder has read, so that nothing waits.
    """

    def __init__(self, console: Console, with_rate: bool = False) -> None:
        self.console, self.with_rate = console, with_rate
        self.due = 0.0
        self.first: float | None = None
        """The loss of the first step that this process did."""
        self.trend = Trend()
        self._start: tuple[float, float] | None = None
        self._points = 0

    def look(
        self,
        trainer: pl.Trainer,
        module: TaskModule,
        points: Sequence[Mapping[str, float]],
        fraction: float,
        rate: float,
    ) -> None:
        """A step has been taken, and it is time."""
        if not trainer.is_global_zero:
            self.due = float("inf")
            return
        now = time.perf_counter()
        first = self.first is None
        loss = self._loss(module, points, first)
        if loss is not None:
            self.trend.add(loss)
            self.first = loss if first else self.first
        if self._start is None:
            self._start = now, fraction
        # Of the time that has passed here, validations and all: seconds of training alone would promise too much.
        since, done = now - self._start[0], fraction - self._start[1]
        left_s = since * (1 - fraction) / done if done > 0 and since > 0 else None
        note = str(self.trend) + (f"  lr {rate:.2e}" if self.with_rate else "")
        self.console.training(fraction, left_s, note, trainer.global_step, first)
        self.due = time.perf_counter() + self.console.pause_s

    def _loss(self, module: TaskModule, points: Sequence[Mapping[str, Any]], first: bool) -> float | None:
        fresh, self._points = points[self._points :], len(points)
        found = [point["train/loss"] for point in fresh if "train/loss" in point]
        if found and not first:
            return float(found[-1])
        if not module.train_sums.batches:
            return float(found[-1]) if found else None
        if not first and module.device.type != "cpu":
            return None
        # This process's own sums: those of other ranks would have to be waited for.
        sums = {key: float(value) for key, value in module.train_sums.sums.items()}
        return float(module.task.metrics(sums)["loss"])
