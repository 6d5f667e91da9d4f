"""The checkpoints of a run by name, read with every damage named, and its best weights put back into a task."""

import io
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from ..core.errors import ConfigError, DataError
from ..core.files import whole
from ..records.exported import AGAIN, MODEL
from ..records.run import RunRecord, read_record
from ..tasks import Task
from .exported import exported_weights

FOLDER = "checkpoints"
BEST, LAST = f"{FOLDER}/best.ckpt", f"{FOLDER}/last.ckpt"
PREVIOUS = f"{FOLDER}/last.previous.ckpt"
"""What last.ckpt was before: a run goes on from there where last.ckpt is damaged."""
ASIDE = "replaced"
"""Folder in a run's folder for the run before it, until this one has a checkpoint."""
OF = "run"
"""Under this key a checkpoint says which run it is of: start, configuration, fingerprint of the data."""


def read_checkpoint(path: Path, what: str) -> dict[str, Any]:
    """A checkpoint; nothing that is pickled in it is run, every byte is checked.

    Raises:
        DataError: it is missing, cut, damaged, or no checkpoint of a run.
    """
    found = ""
    try:
        if not zipfile.is_zipfile(path):
            size = path.stat().st_size
            found = f"a cut or broken file ({size:,} bytes)" if size else "an empty file"
        else:
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()  # torch leaves the sums unread
            found = f"a damaged file (part {damaged!r})" if damaged else ""
        if not found:
            content = torch.load(path, map_location="cpu", weights_only=True)
            if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
                return content
            found = "another file of PyTorch"
    except FileNotFoundError:
        found = "no such file"
    except OSError as error:
        found = str(error.strerror or error)
    except UnpicklingError:
        found = "a file that holds other things than tensors and numbers, which are not loaded"
    except Exception as error:  # a damaged archive makes zipfile and torch raise almost anything
        found = f"a damaged file ({' '.join(str(error).split()):.80})"
    raise DataError(f"{path}: expected {what}, found {found}")


def mend_best(folder: Path) -> str:
    """Writes best.ckpt again from last.ckpt, which holds it, too, where it is damaged; what was wrong, else "". Where
    both were taken away, to save space, there is nothing to mend.

    Raises:
        DataError: neither is whole, or it could not be written.
    """
    if not any((folder / name).exists() for name in (BEST, LAST)):
        return ""
    try:
        read_checkpoint(folder / BEST, "the run's best checkpoint")
        return ""
    except DataError as error:
        problem = str(error)
    last = read_checkpoint(folder / LAST, "a checkpoint that holds the best weights, too")
    if "best" not in last:
        raise DataError(f"{problem}; train the run again")
    content = io.BytesIO()
    torch.save({**last["best"], OF: last[OF]}, content)
    try:
        with whole(folder / BEST, flushed=True) as part:
            part.write_bytes(content.getbuffer())
    except OSError as error:
        raise DataError(
            f"{problem}; it could not be mended from last.ckpt ({error.strerror}): make the folder writable or copy it"
        ) from None
    return problem


def best_weights(folder: Path) -> dict[str, Any]:
    """The state of a run's task at its best validation, or that of an exported model.

    Raises:
        DataError: see `read_checkpoint` and `exported_weights`, or the weights are not those of the run whose record
            lies there, or there is a record alone.
    """
    if folder.is_file():
        beside = folder.name == RunRecord.FILE
        found = "its record" if beside else "a committed record, which has no weights"
        raise DataError(f"{folder}: expected a run's folder, found {found}")
    if (small := read_record(folder).exported) is not None:
        return exported_weights(folder, small)
    path = folder / BEST
    if (folder / MODEL).exists() and not path.parent.exists():
        problem = "expected the record of an exported model, as its weights lie there, found that of a run"
        raise DataError(f"{folder / RunRecord.FILE}: {problem}; {AGAIN}")
    try:
        checkpoint = read_checkpoint(path, "the run's best checkpoint")
    except DataError as error:
        advice = "was the run finished? Then resume=true mends it from last.ckpt"
        if (folder / ASIDE / RunRecord.FILE).exists():
            advice = f"the run before this one lies whole in {folder / ASIDE}"
        raise DataError(f"{error}; {advice}") from None
    record = read_record(folder)
    started = checkpoint.get(OF, {}).get("started", record.started)
    step, best = checkpoint.get("global_step"), record.best.step if record.best is not None else None
    if started != record.started or (OF in checkpoint and best not in (None, step)):
        raise DataError(
            f"{path}: expected the weights of the run in run.json, started {record.started}, best at step {best}; "
            f"found those of step {step} of the run started {started}; train it again"
        )
    return {key.removeprefix("task."): value for key, value in checkpoint["state_dict"].items()}


def take_weights(task: Task, weights: dict[str, Any], folder: Path) -> None:
    """Loads the weights of the run in `folder`."""
    try:
        task.load_state_dict(weights)
    except RuntimeError as error:  # torch's list of what is missing or of another size
        found = str(error).splitlines()[1].strip()
        small = read_record(folder).exported is not None
        place, advice = (MODEL, f"; {AGAIN}") if small else (BEST, "")
        raise ConfigError(
            f"{folder / place}: expected weights of this configuration, found: {found}{advice}"
        ) from None
