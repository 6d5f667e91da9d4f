"""The console of a run, and its first lines: what is trained, on what, where."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ..records.run import RunRecord
from ..tasks import task_class
from .config import RunConfig
from .console import Console
from .screen import WIDTH, wrapped


@contextmanager
def console_of(config: RunConfig, content: RunRecord, folder: Path, start: Path | None) -> Iterator[Console]:
    """The console of a run that is about to train, after its first lines."""
    title = f"{config.task.name}/{config.top.row} seed {config.top.seed}"
    looks = config.callbacks.rich_progress
    with Console(
        title,
        task_class(config.task.kind).headline_of(config.task),
        folder / "log.txt",
        caveat=f"({content.caveat})" if content.caveat else "",
        **(looks.model_dump() if looks is not None else {}),
    ) as console:
        for line in opening(config, content, folder, start, title):
            console.say(line)
        yield console


def opening(config: RunConfig, content: RunRecord, folder: Path, start: Path | None, title: str) -> list[str]:
    """Model, parameters, device and precision; then data and folder. In lines of 80 columns."""
    layers = getattr(config.model, "num_layers", None)
    model = config.model.name + (f", {layers} layer{'s' * (layers != 1)}" if layers else "")
    first = wrapped(
        [
            title,
            f"{model}, {content.parameters:,} parameters",
            f"{_device(config)} {config.trainer.precision}{_threads(config)}",
            content.caveat,
            f"goes on from {start.name}" if start is not None else "",
        ]
    )
    count = content.data.counts.get("train")
    size = f", {count:,} to train on" if count else ""
    second = wrapped(
        [
            f"data {content.data.description}{size} ({content.data.fingerprint[:8]})",
            os.path.relpath(folder),
        ]
    )
    return [*first, *second]


def _device(config: RunConfig) -> str:
    name: str = config.trainer.accelerator
    if name == "cuda":
        name = torch.cuda.get_device_name()[: WIDTH // 3]
    return f"{config.trainer.world} x {name}" if config.trainer.world > 1 else name


def _threads(config: RunConfig) -> str:
    if config.trainer.accelerator != "cpu":
        return ""
    count = torch.get_num_threads()
    return f", {count} thread{'s' * (count != 1)}{' each' * (config.trainer.world > 1)}"
