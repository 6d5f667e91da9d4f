"""What a model is made of, by Lightning's model summary, in a table of 80 columns."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelSummary

from ..console import Console
from ..module import TaskModule
from ..screen import WIDTH, shortened

_NUMBER = 13


class Summary(ModelSummary):
    """A line for each part down to `max_depth` levels: name, class, parameters; and how the papers count them."""

    def __init__(self, max_depth: int, console: Console) -> None:
        super().__init__(max_depth + 1)  # the task is a level of its own
        self.console = console

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TaskModule)
        if not trainer.is_global_zero:
            return
        summary: Any = self._summary(trainer, pl_module)
        names = [name.removeprefix("task").removeprefix(".") for name in summary.layer_names]
        rows = [
            (name, kind, "" if count < 0 else f"{count:,}")
            for name, kind, count in zip(names, summary.layer_types, summary.param_nums, strict=True)
            if name and not name.startswith("watch")
        ]
        for line in table(rows):
            self.console.say(line)
        task = pl_module.task
        trained = sum(weight.numel() for weight in pl_module.parameters() if weight.requires_grad)
        left_out = f" (without {', '.join(task.uncounted)})" if task.uncounted else ""
        self.console.say(f"{summary.total_parameters:,} parameters in all, {trained:,} of them trained")
        self.console.say(f"{task.published_parameters():,} as the papers count them{left_out}")


def table(rows: list[tuple[str, str, str]], width: int = WIDTH) -> list[str]:
    """Names, classes and numbers in columns, in so many columns in all."""
    rows = [("part", "class", "parameters"), *rows]
    most = width - _NUMBER - 2
    kinds = min(max(len(kind) for _, kind, _ in rows), most // 3)
    names = min(max(len(name) for name, _, _ in rows), most - kinds - 2)
    return [
        f"{shortened(name, names):<{names}}  {shortened(kind, kinds):<{kinds}}  {count:>{_NUMBER}}"
        for name, kind, count in rows
    ]
