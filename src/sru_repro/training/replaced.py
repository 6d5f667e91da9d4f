"""A run that another one takes the place of lies whole in a folder of its own until the new one has a checkpoint."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from ..core.dashboard_places import EVENTS
from ..core.errors import DataError
from ..records.run import RunRecord, read_record
from .weights import ASIDE, BEST, FOLDER, LAST, PREVIOUS

_NAMES = (RunRecord.FILE, "metrics.csv", "predictions.json", "fault.pt")
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
            for name in (*_moved(folder), BEST):
                (folder / name).unlink(missing_ok=True)
            return
        _remove(aside)
    aside.mkdir(exist_ok=True)
    for name in _moved(folder):
        with suppress(FileNotFoundError):
            os.replace(folder / name, aside / name)
    weights = folder / FOLDER
    if not weights.is_dir():
        return
    if weights.is_symlink() and not (aside / FOLDER).exists():  # to a disk with room, where they stay
        (weights / ASIDE).mkdir(exist_ok=True)
        (aside / FOLDER).symlink_to((weights / ASIDE).resolve())
    (aside / FOLDER).mkdir(exist_ok=True)
    _move_files(weights, aside / FOLDER)


def put_back(folder: Path) -> None:
    """Moves the run that lies aside back into the folder, in place of one that came to nothing."""
    aside = folder / ASIDE
    if (folder / RunRecord.FILE).exists():  # else a move that was cut short is gone on with
        (folder / BEST).unlink(missing_ok=True)
        (folder / RunRecord.FILE).unlink()
    if (aside / FOLDER).is_dir():
        (folder / FOLDER).mkdir(exist_ok=True)
        _move_files(aside / FOLDER, folder / FOLDER)
    for name in _moved(folder):
        (folder / name).unlink(missing_ok=True)
    for name in reversed(_moved(aside)):
        with suppress(FileNotFoundError):
            os.replace(aside / name, folder / name)
    _remove(aside)


def lies_aside(folder: Path) -> bool:
    """Whether another run waits in `replaced/` for what the one in the folder comes to, which has no checkpoint yet."""
    begun = (folder / RunRecord.FILE).exists() and any((folder / name).exists() for name in (LAST, PREVIOUS))
    return (folder / ASIDE / RunRecord.FILE).exists() and not begun


def drop(folder: Path) -> None:
    """Removes what lies aside: the run that replaces it is whole on disk."""
    (folder / ASIDE / RunRecord.FILE).unlink(missing_ok=True)
    _remove(folder / ASIDE)


def _moved(folder: Path) -> list[str]:
    return [*_NAMES, *(path.name for path in folder.glob(EVENTS))]  # which TensorBoard would take for one run


def _worth_keeping(folder: Path) -> bool:
    only_one = not (folder / ASIDE).exists()
    if any((folder / name).exists() for name in (LAST, PREVIOUS, *([BEST] if only_one else []))):
        return True
    try:
        return read_record(folder).finished
    except DataError:
        return False


def _move_files(here: Path, there: Path) -> None:
    for place in here.iterdir():
        if not place.is_dir():
            os.replace(place, there / place.name)


def _remove(aside: Path) -> None:
    if (aside / FOLDER).is_symlink():
        shutil.rmtree((aside / FOLDER).resolve(), ignore_errors=True)
        (aside / FOLDER).unlink()
    if aside.is_dir():
        shutil.rmtree(aside)
    else:
        aside.unlink(missing_ok=True)
