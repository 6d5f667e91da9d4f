"""Which runs a word of the command line means: a run's folder, a record, a folder with runs below it, a glob."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from ...core.errors import DataError
from ...core.files import below
from ...records.run import RunRecord, read_record

_ASIDE = "replaced"
"""The folder within a run's folder where the run lies that it took the place of: found only by its own name."""
_MARKS = {"state", "task", "row"}
"""Keys that every run's record has; other JSON files below a folder, of sweeps or benchmarks, have not all of them."""


@dataclass(frozen=True)
class Found:
    """A run and where it lies."""

    place: Path
    """Its record's file."""
    run: RunRecord

    @property
    def folder(self) -> Path | None:
        """The run's own folder; None of a record that was copied elsewhere."""
        return self.place.parent if self.place.name == RunRecord.FILE else None

    @property
    def name(self) -> str:
        """As a user would name it."""
        return (self.folder or self.place).as_posix()


def records_of(word: str) -> list[Path]:
    """The records that a word means, in the order of their names; none where there is nothing of that name.

    What exists is taken by its name, whatever signs that holds; only else it is a glob, `**` for any depth.
    """
    place = Path(word)
    if place.exists():
        return _below(place) if place.is_dir() else [place] * _is_record(place)
    if not has_magic(word):
        return []
    found: list[Path] = []
    for name in sorted(glob(word, recursive=True)):
        match = Path(name)
        found += _below(match) if match.is_dir() else [match] * _is_record(match)
    return [path for path in found if not _is_exported(path)]


def gather(places: Iterable[Path]) -> list[Found]:
    """The runs in these records or folders, each once, also where it is named twice or was copied.

    Raises:
        DataError: a record is missing or broken, or is that of an exported model, which is no further run.
    """
    found: dict[str, Found] = {}
    for place in places:
        run = read_record(place)
        if run.exported is not None:
            raise DataError(
                f"{place}: expected a run, found an exported model; name the run it was taken from"
            )
        one = Found(place / RunRecord.FILE if place.is_dir() else place, run)
        content = json.dumps(run.plain(), sort_keys=True)
        if content not in found or (one.folder and not found[content].folder):  # beside it lie finer curves
            found[content] = one
    return list(found.values())


def _below(folder: Path) -> list[Path]:
    """The run of a folder; or else all runs below it; or else all records that were copied there. An exported model
    below it is no run."""
    if (folder / RunRecord.FILE).is_file():
        return [folder / RunRecord.FILE]
    every = sorted(path for path in below(folder) if path.suffix == ".json" and not _is_exported(path))
    found = [path for path in every if path.name == RunRecord.FILE and path.parent.name != _ASIDE]
    return found or [path for path in every if _is_record(path)]


def _is_record(path: Path) -> bool:
    """Whether a file is to be read as one. A broken one is, so that it is named, not passed over."""
    if path.suffix != ".json" or not path.is_file():
        return False
    content = _content(path)
    return content is None or content.keys() >= _MARKS


def _is_exported(path: Path) -> bool:
    return path.name == RunRecord.FILE and (_content(path) or {}).get("exported") is not None


def _content(path: Path) -> dict[str, object] | None:
    """What the file holds, nothing where that is no mapping; None where it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else {}
