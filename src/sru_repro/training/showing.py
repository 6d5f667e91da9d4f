"""Shows a run's media in its dashboard: what the task has to show (`Task.media`), grids drawn as pictures.

At validations, so many times over the budget at most, and only while all of it costs less than a hundredth of the
training; and in any case at the end, with the best weights. A run on a CPU has its pictures at the end alone, as its
record counts the memory that drawing takes. It stands outside the clock of the training, leaves every random state as
it is, and may fail: then a line says so and the run goes on without.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from ..records.run import RunRecord
from ..tasks import Batches
from ..tasks._media import GridsMedia
from .dashboards._base import Media, PictureMedia
from .dashboards.pictures import draw
from .module import TaskModule
from .recorder import Recorder

FOLDER = "media"
"""Of the pictures, in the run's folder; each is drawn over the one before."""
SHARE = 0.01
"""Of the training time, that media may cost before its end."""
TIMES = 20
"""That media are shown before the end of the budget, at most."""
GUESS_S = 0.5
"""What showing them costs, before it is known."""


class Showing(Callback):
    """Comes behind the recorder in the list of a training, and alone in that of the test.

    Args:
        recorder: of the run; its dashboard is shown to.
        folder: of the run.
        val: the validation set, of which some examples are shown.
        say: shows a line.
    """

    def __init__(self, recorder: Recorder, folder: Path, val: Batches, say: Callable[[str], None]) -> None:
        self.recorder, self.folder, self.val, self.say = recorder, folder, val, say
        self._cost_s, self._spent_s = GUESS_S, 0.0
        self._shown_at = 0.0
        self._failed = False

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        recorder = self.recorder
        used = recorder.fraction(trainer, recorder.train_s)
        cheap = self._spent_s + self._cost_s <= SHARE * recorder.train_s
        if cheap and used - self._shown_at >= 1 / TIMES and used < 1:
            self._shown_at = used
            self._show(trainer, module, "val")

    def on_test_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._show(trainer, module, "test")

    def _show(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> None:
        if self._failed or not self.recorder.dashboard.wants_media:
            return
        assert isinstance(module, TaskModule)
        began, task = time.perf_counter(), module.task
        was, (axes, content) = task.training, (self.recorder.axes, self.recorder.record.content)
        try:
            # On a GPU nothing is drawn; its random state is that of recorded steps and stays untouched.
            with (
                torch.random.fork_rng(devices=[]),
                torch.no_grad(),
                trainer.precision_plugin.forward_context(),
            ):
                task.eval()
                shown = task.media(self.val, module.grids.get(split, {}))
            drawn = split == "test" or module.device.type != "cpu"
            media = {
                f"media/{name}": self._made(name, what, content)
                for name, what in shown.items()
                if drawn or not isinstance(what, GridsMedia)
            }
            if split == "test" and "media/confusion" in media:
                media["media/test_confusion"] = media.pop("media/confusion")
            self.recorder.dashboard.show(media, axes)
        except Exception as error:  # whatever it is: the run matters more
            self._failed = True
            note = f"media are not shown ({type(error).__name__}: {next(iter(str(error).splitlines()), '')})"
            content.notes.append(note)
            self.say(note)
        finally:
            task.train(was)
        self._cost_s = time.perf_counter() - began
        self._spent_s += self._cost_s

    def _made(self, name: str, what: Any, content: RunRecord) -> Media:
        if not isinstance(what, GridsMedia):
            media: Media = what
            return media
        place = self.folder / FOLDER / f"{name}.png"
        step = self.recorder.axes["step"]
        draw(
            what,
            place,
            f"{content.task}/{content.row} seed {content.seed}, step {step:,.0f}: {name}",
            content.row,
        )
        return PictureMedia(place, what.caption)
