"""Files of a finished run as artifacts of wandb's, offline too: best checkpoint, predictions, run.json; and where wandb
keeps what it has not sent yet."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...records.run import RunRecord
from ..weights import BEST

KEPT = {
    "checkpoint": ("model", BEST),
    "predictions": ("predictions", "predictions.json"),
    "record": ("run", "run.json"),
}
"""By the first part of its name: type and file."""
STAGING = "wandb/staging"


def keep_files(run: Any, folder: Path, content: RunRecord) -> None:
    """Hands over what there is of them; called in the thread in which wandb is called."""
    import wandb

    for name, (kind, file) in KEPT.items():
        if (folder / file).is_file():
            figures = {
                key: value for key, value in content.metrics.items() if key.startswith(("val/", "test/"))
            }
            artifact = wandb.Artifact(f"{name}-{content.wandb_id}", kind, metadata=figures)
            with staged_in(folder):
                artifact.add_file(str(folder / file), Path(file).name)
                run.log_artifact(artifact)


@contextmanager
def staged_in(folder: Path) -> Iterator[None]:
    """Inside, wandb lays copies of tables and artifacts into the run's folder, until they are sent, and names them by
    their paths from the working directory. By itself it takes the home folder, whose name would stand in its file, and
    which the machine that sends them need not have."""
    from wandb.sdk.artifacts import artifact, staging
    from wandb.sdk.interface.interface import InterfaceBase

    place = folder / STAGING
    place.mkdir(parents=True, exist_ok=True)
    as_record: Any = getattr(InterfaceBase, "_make_artifact", None)

    def by_relative_paths(self: Any, artifact: Any) -> Any:
        for entry in artifact.manifest.entries.values():
            if entry.local_path:
                entry.local_path = os.path.relpath(entry.local_path)
        return as_record(self, artifact)

    with (
        _in_place_of(artifact, "get_staging_dir", lambda: str(place)),
        _in_place_of(staging, "get_staging_dir", lambda: str(place)),
        _in_place_of(InterfaceBase, "_make_artifact", by_relative_paths),
    ):
        yield


@contextmanager
def _in_place_of(owner: Any, name: str, other: Any) -> Iterator[None]:
    """Nothing where a release of wandb's has no such name."""
    original = getattr(owner, name, None)
    if original is not None:
        setattr(owner, name, other)
    try:
        yield
    finally:
        if original is not None:
            setattr(owner, name, original)
