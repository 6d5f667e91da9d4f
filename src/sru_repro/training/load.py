"""A finished run brought back: its configuration, its task with the best weights, its figures measured again."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ..core.alone import alone
from ..records.run import RunRecord, read_record
from ..tasks import Task, task_class
from .config import RunConfig, check
from .prepare import build_task, load_data, set_threads
from .weights import best_weights, take_weights


def run_config(folder: Path, changes: Sequence[str] = ()) -> tuple[RunConfig, RunRecord]:
    """The configuration of a run, changed by arguments like `task.batch_size=1`, and its record."""
    record = read_record(folder)
    changed: Any = OmegaConf.merge(record.config, OmegaConf.from_dotlist(list(changes)))
    return check(OmegaConf.to_container(changed)), record  # type: ignore[arg-type]


def evaluate(config: RunConfig, folder: Path) -> tuple[dict[str, float], str, dict[str, Any]]:
    """Validation and test figures of the best checkpoint on the data as they are now, the data's fingerprint, and what
    the model said of each example of the test set, where the task tells them apart."""
    set_threads(config)
    weights = best_weights(folder)
    data = load_data(config)
    with alone():
        from .fit import TaskModule, build_trainer, measure  # imports Lightning

    module = TaskModule(build_task(config, data), config.optim)
    take_weights(module.task, weights, folder)
    trainer = build_trainer(config)
    figures = {**measure(trainer, module, "val", data.val), **measure(trainer, module, "test", data.test)}
    return figures, data.fingerprint, module.outputs["test"]


def trained_task(config: RunConfig, folder: Path) -> Task:
    """The task of a run with its best weights, built from the checkpoint alone."""
    record = read_record(folder)
    if record.state != "finished":
        note = f"run={folder}: {record.state}, the weights are those of its best validation until now"
        print(note, file=sys.stderr)
    weights = best_weights(folder)
    task_type, extra = task_class(config.task.kind), weights.get("_extra_state")
    task = task_type.create(config.task, config.model, **(task_type.rebuild(extra) if extra else {}))
    take_weights(task, weights, folder)
    return task.eval()
