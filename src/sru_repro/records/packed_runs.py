"""Finished runs of the GPU check in one file, `results/cuda/<folder>/runs.json`: whole records, which a machine that
is lent for minutes can hand back. `sru-repro report` puts each where a run of the table is committed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from .base import Record, read, write
from .run import PublishedRun


class PackedRuns(Record):
    """Records of finished runs, the newest of each run."""

    COMMAND: ClassVar[str] = "sru-repro gpu-check"
    EXPECTED: ClassVar[str] = "finished runs of the GPU check"
    FILE: ClassVar[str] = "runs.json"
    BY_LINE: ClassVar[Sequence[str]] = ("runs",)

    runs: list[PublishedRun] = Field(default_factory=list)
    """As they are committed; runs with a budget of their own are among them."""


def packed_runs(folder: Path) -> list[PublishedRun]:
    """What a folder of pages has of them, none without the file.

    Raises:
        DataError: the file is broken.
    """
    place = folder / PackedRuns.FILE
    return read(PackedRuns, place).runs if place.exists() else []


def add_packed(folder: Path, runs: Iterable[PublishedRun]) -> None:
    """Puts runs into a folder's file, each in the place of an earlier run of the same row, seed and configuration."""
    known = {_which(run): run for run in packed_runs(folder)}
    known |= {_which(run): run for run in runs}
    write(PackedRuns(runs=list(known.values())), folder / PackedRuns.FILE)


def _which(run: PublishedRun) -> tuple[str, ...]:
    parts = (run.task, run.row, run.profile, run.seed, run.fold, run.changed, run.hardware.slug)
    return tuple(map(str, (*parts, run.data.fingerprint)))
