"""The checkpoints of a run by name, and its best weights read back into a task."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from ..core.errors import ConfigError, DataError
from ..tasks import Task

BEST, LAST = "checkpoints/best.ckpt", "checkpoints/last.ckpt"


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
