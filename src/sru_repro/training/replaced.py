"""A run that another one takes the place of lies whole in a folder of its own until the new one has a checkpoint."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from ..core.errors import DataError
from ..records.run import RunRecord, read_record
from .weights import BEST, FOLDER, LAST, PREVIOUS

ASIDE = "replaced"
_MOVED = (RunRecord.FILE, "metrics.csv", "predictions.json", "fault.pt", FOLDER)
"""The record goes first: at no moment does one lie beside another run's weights."""


def set_aside(folder: Path) -> None:
    """Moves the run that lies in the folder into `replaced/` there.

    What came to nothing, without a figure and a checkpoint to go on from, is removed: what lies aside stays. A move
    that was cut short is gone on with.
    """
    aside = folder / ASIDE
    half = (aside / RunRecord.FILE).exists() and not (folder / RunRecord.FILE).exists()
    if not half:
        if not _worth_keeping(folder):
            for name in (*_MOVED[:-1], BEST):
                (folder / name).unlink(missing_ok=True)
            return
        _remove(aside)
    aside.mkdir(exist_ok=True)
    for name in _MOVED:
        with suppress(FileNotFoundError):
            os.replace(folder / name, aside / name)


def drop(folder: Path) -> None:
    """Removes what lies aside: the run that replaces it is whole on disk."""
    _remove(folder / ASIDE / RunRecord.FILE)
    _remove(folder / ASIDE)


def _worth_keeping(folder: Path) -> bool:
    only_one = not (folder / ASIDE).exists()
    if any((folder / name).exists() for name in (LAST, PREVIOUS, *([BEST] if only_one else []))):
        return True
    try:
        return read_record(folder).finished
    except DataError:
        return False


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
