"""What a sweep keeps beside its runs, so that it can be gone on with, ranked and looked at: one file for the sweep, one
for each member.

    FOLDER/sweep.json            what was asked for
    FOLDER/members/NAME.json     a member: its overrides, where its run lies, what came of it
    FOLDER/NAME/                 its run: run.json, metrics.csv, checkpoints, log.txt (elsewhere: `Member.folder`)
    FOLDER/study.log             of a search: Optuna's journal
"""

import os
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from .base import Number, Part, Record, read, write
from .run import RunRecord, read_record

MemberState = Literal["running", "finished", "failed", "pruned", "interrupted"]
MEMBERS = "members"


class Member(Record):
    """One run of a sweep, in any state."""

    EXPECTED: ClassVar[str] = "a member of a sweep"
    MISSING: ClassVar[str] = "name the folder of a sweep"

    name: str
    """Of its file and of its run's folder; the same overrides have the same name."""
    number: int
    """In the order of the sweep; of a search the number of the trial."""
    overrides: list[str]
    """The arguments in which it may differ from the others."""
    state: MemberState
    folder: str | None = None
    """Its run's folder from the sweep's on, where that is not its name."""
    value: Number | None = None
    """The headline on the validation set, of the weights that were kept: what is ranked."""
    error: str | None = None
    """Of one that failed: the last line of what it said."""
    status: int | None = None
    """Its exit status, where it was not 0; negative: the signal that ended it."""
    refused: str | None = None
    """Why the last call could not go on with its run, which is as it was: what stands here is still of that run."""
    started: str = ""
    """UTC, ISO 8601; so is `ended`."""
    ended: str | None = None

    @property
    def answered(self) -> "Member":
        """As the call has it that was refused: failed, with the figure that there is."""
        if self.refused is None:
            return self
        return self.model_copy(update={"state": "failed", "error": self.refused, "status": 2})


class Search(Part):
    """How a search draws its members."""

    sampler: str
    pruner: str | None = None
    trials: int
    study: str = "study.log"


class SweepRecord(Record):
    """What was asked for, together with the members that there are by now."""

    EXPECTED: ClassVar[str] = "a sweep"
    MISSING: ClassVar[str] = "name the folder of a sweep, sweep=FOLDER"
    FILE: ClassVar[str] = "sweep.json"

    name: str
    """The last part of its folder."""
    words: list[str]
    """The arguments as they were given."""
    flags: list[str] = Field(default_factory=list)
    """Hydra's flags beside them, as `--config-dir=FOLDER`, without the one that sweeps."""
    launcher: str
    headline: str = ""
    """The key of the validation figure that is ranked, as in `val/accuracy`."""
    higher_is_better: bool = True
    search: Search | None = None
    """Of a grid null."""
    started: str = ""
    """UTC, ISO 8601."""
    members: list[Member] = Field(default_factory=list, exclude=True)
    """In order; each in a file of its own, as they run at the same time."""


def read_sweep(folder: Path) -> SweepRecord:
    """A sweep with its members. Raises DataError where one is missing or broken."""
    sweep = read(SweepRecord, folder)
    found = [read(Member, path) for path in sorted((folder / MEMBERS).glob("*.json"))]
    sweep.members = sorted(found, key=lambda member: (member.number, member.name))
    return sweep


def place_of(folder: Path, member: Member) -> Path:
    """The folder of a member's run."""
    return Path(os.path.normpath(folder / (member.folder or member.name)))


def run_of(folder: Path, member: Member) -> RunRecord:
    """The record of a member's run. Raises DataError where there is none."""
    return read_record(place_of(folder, member))


def keep(folder: Path, member: Member) -> None:
    """Writes a member's file, in one piece."""
    write(member, folder / MEMBERS / f"{member.name}.json")
