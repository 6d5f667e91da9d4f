"""A finished run brought back: its configuration, its task with the best weights, its figures measured again."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from ..errors import DataError
from ..record import read_record
from ..tasks import Task, task_class
from .config import RunConfig, check
from .module import TaskModule
from .run import BEST, build_task, build_trainer, loader, resolve_device


def run_config(folder: Path, changes: dict[str, Any] | None = None) -> tuple[RunConfig, dict[str, Any]]:
    """The configuration of a run (with dotted keys changed), and its record."""
    record = read_record(folder)
    config = record["config"]
    for dotted, value in (changes or {}).items():
        *groups, key = dotted.split(".")
        node = config
        for group in groups:
            node = node.setdefault(group, {})
        node[key] = value
    return check(config), record


def evaluate(config: RunConfig, folder: Path) -> dict[str, float]:
    """Validation and test figures of the best checkpoint, on the data as they are now."""
    task_type = task_class(config.task.kind)
    device = resolve_device(config)
    weights = _checkpoint(folder)
    data = task_type.load(config.task, Path(config.top.data_dir), config.top.seed)
    module = TaskModule(build_task(config, task_type, data), config.optim)
    trainer: pl.Trainer = build_trainer(config, device)
    figures: dict[str, float] = {}
    for split, batches, measure in (("val", data.val, trainer.validate), ("test", data.test, trainer.test)):
        measure(module, loader(batches), ckpt_path=weights, verbose=False, weights_only=True)
        figures |= {f"{split}/{name}": value for name, value in module.results[split].items()}
    return figures


def trained_task(config: RunConfig, folder: Path) -> Task:
    """The task of a run with its best weights, built from the checkpoint alone."""
    task_type = task_class(config.task.kind)
    state = torch.load(_checkpoint(folder), map_location="cpu", weights_only=True)["state_dict"]
    weights = {key.removeprefix("task."): value for key, value in state.items()}
    extra = weights.get("_extra_state")
    task = task_type.create(config.task, config.model, **(task_type.rebuild(extra) if extra else {}))
    task.load_state_dict(weights)
    return task.eval()


def _checkpoint(folder: Path) -> Path:
    path = folder / BEST
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected the run's best checkpoint (was the run finished?)")
    return path
