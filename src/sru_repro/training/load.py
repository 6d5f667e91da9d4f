"""A finished run brought back: its configuration, its task with the best weights, its figures measured again."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from ..core.errors import ConfigError, DataError
from ..record import read_record
from ..tasks import Task, task_class
from .config import RunConfig, check
from .run import BEST, build_task, load_data, set_threads


def run_config(folder: Path, changes: Sequence[str] = ()) -> tuple[RunConfig, dict[str, Any]]:
    """The configuration of a run, changed by words like `task.batch_size=1`, and its record."""
    record = read_record(folder)
    changed: Any = OmegaConf.merge(record["config"], OmegaConf.from_dotlist(list(changes)))
    return check(OmegaConf.to_container(changed)), record  # type: ignore[arg-type]


def evaluate(config: RunConfig, folder: Path) -> tuple[dict[str, float], str, dict[str, Any]]:
    """Validation and test figures of the best checkpoint on the data as they are now, the data's fingerprint, and what
    the model said of each example of the test set, where the task tells them apart."""
    set_threads(config)
    weights = best_weights(folder)
    data = load_data(config)
    from .fit import TaskModule, build_trainer, measure  # imports Lightning

    module = TaskModule(build_task(config, data), config.optim)
    take_weights(module.task, weights, folder)
    trainer = build_trainer(config)
    figures = {**measure(trainer, module, "val", data.val), **measure(trainer, module, "test", data.test)}
    return figures, data.fingerprint, module.outputs["test"]


def trained_task(config: RunConfig, folder: Path) -> Task:
    """The task of a run with its best weights, built from the checkpoint alone."""
    weights = best_weights(folder)
    task_type, extra = task_class(config.task.kind), weights.get("_extra_state")
    task = task_type.create(config.task, config.model, **(task_type.rebuild(extra) if extra else {}))
    take_weights(task, weights, folder)
    return task.eval()


def best_weights(folder: Path) -> dict[str, Any]:
    """The state of a run's task at its best validation."""
    path = folder / BEST
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected the run's best checkpoint (was the run finished?)")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: expected a checkpoint, found a cut or broken file; train the run again")
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return {key.removeprefix("task."): value for key, value in state.items()}


def take_weights(task: Task, weights: dict[str, Any], folder: Path) -> None:
    """Loads the weights of the run in `folder`."""
    try:
        task.load_state_dict(weights)
    except RuntimeError as error:  # torch's list of what is missing or of another size
        found = str(error).splitlines()[1].strip()
        raise ConfigError(
            f"{folder / BEST}: expected weights of this configuration, found: {found}"
        ) from None
