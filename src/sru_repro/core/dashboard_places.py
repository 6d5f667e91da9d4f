"""Where dashboards keep what they show: known to those that write it, move it aside, and open it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVENTS = "events.out.tfevents.*"
"""TensorBoard's files in a run's folder, by which it calls the run."""
OFFLINE = "wandb/offline-run-*"
"""wandb's folders in a run's folder."""
OFFLINE_OF = "wandb/offline-run-*-{id}"
"""One run's where a variable of wandb's names the folder."""
ELSEWHERE = ("WANDB_DIR", "WANDB_ROOT_DIR")
"""Those variables."""
STORE = "runs/trackio"
"""What conf/logger/trackio.yaml says."""
VARIABLE = "TRACKIO_DIR"
"""trackio's own: the folder of its files, read once, when it is imported."""


@contextmanager
def trackio_in(folder: Path) -> Iterator[Path]:
    """Has a trackio that is imported within keep its files there, unless its user's variable says where."""
    told = os.environ.get(VARIABLE)
    place = Path(told or folder).absolute()
    os.environ[VARIABLE] = str(place)
    try:
        yield place
    finally:
        if told is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = told
