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

WITHOUT_VECTORS = ("task.vectors=random",)
"""How the data of an exported model are read: its vectors lie in its file."""


def run_config(folder: Path, changes: Sequence[str] = ()) -> tuple[RunConfig, RunRecord]:
    """The configuration of a run, changed by arguments like `task.batch_size=1`, and its record."""
    record = read_record(folder)
    own = WITHOUT_VECTORS if record.exported is not None else ()
    changed: Any = OmegaConf.merge(record.config, OmegaConf.from_dotlist([*own, *changes]))
    return check(OmegaConf.to_container(changed)), record  # type: ignore[arg-type]


def evaluate(config: RunConfig, folder: Path) -> tuple[dict[str, float], str, dict[str, Any]]:
    """Validation and test figures of the best checkpoint on the data as they are now, the data's fingerprint, and what
    the model said of each example of the test set, where the task tells them apart."""
    small = read_record(folder).exported is not None
    return evaluate_weights(config, best_weights(folder), folder, small)


def evaluate_weights(
    config: RunConfig, weights: dict[str, Any], folder: Path, small: bool
) -> tuple[dict[str, float], str, dict[str, Any]]:
    """As `evaluate` does, with the weights of the run in `folder`, or with those of a small model made of it."""
    set_threads(config)
    data = load_data(config)
    with alone():
        from .fit import TaskModule, build_trainer, measure  # imports Lightning

    module = TaskModule(build_task(config, data), config.optim)
    take_weights(module.task, module.task.for_data(weights, data.build) if small else weights, folder)
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
