"""A member of a sweep where it runs, in whatever process a launcher calls: it starts its training, waits for its end,
and writes down what came of it. What it knows comes with its plan; what it tells stands in the sweep's folder, which is
all that it shares with the others. Nothing here imports torch.
"""

import os
import signal
import time
from contextlib import chdir, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.clock import now
from ...core.errors import DataError
from ...core.files import remove_empty
from ...core.interrupt import Signals, signals
from ...core.process import SILENT, Training, last_line, stop
from ...records.base import read
from ...records.run import RunRecord, read_record
from ...records.sweep import MEMBERS, Member, MemberState, keep
from .here import ONE_PROCESS, Here

STOP = "stop"
"""A file in a sweep's folder: while it is there no member begins, and those that run save where they are and end."""
MEMBER = "SRU_REPRO_MEMBER"
"""The variable in which a training is told which member it is."""
_POLL_S = 0.25
_KILLED_S = 120.0
"""Slurm sends SIGTERM and, in its time, SIGKILL: a job that ended by itself before would count as done, and one that is
taken off to make room for another would not be begun again."""
_REFUSED = 2
_ENDED_BY_SIGNAL = tuple(status for number in Signals().numbers for status in (128 + number, -number))
"""Statuses of a training that was asked to end: by itself, or so early or late that it could not save."""


@dataclass(frozen=True)
class Plan:
    """A member that is to run.

    overrides  what makes it differ from the others, as its record names it
    words      the arguments of its training
    folder     of its run; None: where Hydra puts it
    fresh      whether what lies in the folder is another run's, which it is to replace
    planned    when this was decided
    beside     variables of its environment, and their values
    """

    name: str
    number: int
    overrides: tuple[str, ...]
    words: tuple[str, ...]
    folder: str | None
    fresh: bool
    planned: str
    beside: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class RunMember:
    """What a launcher calls for each job: runs the plan of that number.

    sweep         the sweep's folder
    first         the number that Hydra gives to the first job
    side_by_side  how many run at a time on one machine
    """

    sweep: str
    plans: tuple[Plan, ...]
    first: int
    side_by_side: int

    def __call__(self, _: object) -> None:
        from hydra.core.hydra_config import HydraConfig

        hydra = HydraConfig.get()
        plan = self.plans[int(hydra.job.num) - self.first]
        folder = Path(hydra.runtime.output_dir if plan.folder is None else plan.folder)
        with chdir(hydra.runtime.cwd):
            run_member(Path(self.sweep), plan, folder, self.side_by_side)


def run_member(sweep: Path, plan: Plan, folder: Path, side_by_side: int) -> None:
    """Trains a member in a process of its own, and keeps what came of it in the sweep's folder."""
    if _stopped(sweep):
        with suppress(OSError):
            remove_empty(folder)
        return
    member = Member(
        name=plan.name,
        number=plan.number,
        overrides=list(plan.overrides),
        state="running",
        folder=None if folder == sweep / plan.name else os.path.relpath(folder, sweep),
        started=now(),
    )
    before, run = _kept(sweep, plan.name), record_of(folder)
    keep(sweep, member)
    place = Path(os.path.relpath(folder)) if folder.is_relative_to(Path.cwd()) else folder
    try:
        with signals() as caught:
            caught.deferred = True
            began: Any = Here if os.environ.get(ONE_PROCESS) else Training
            words = (*plan.words, f"resume={str(_resumes(folder, plan)).lower()}")
            training = began(words, place, side_by_side, {MEMBER: plan.name, **dict(plan.beside)})
            try:
                while (status := training.wait(_POLL_S)) is None:
                    if caught.received is not None or _stopped(sweep):
                        break
            finally:
                stop([training])
            status = training.poll()
        if status == _REFUSED and not plan.fresh and run is not None and record_of(folder) == run:
            _leave(sweep, member, before, run)
        else:
            close(sweep, member, status)
    except BaseException as error:
        member.error = f"{type(error).__name__}: {error}"
        close(sweep, member, None)
        raise
    if caught.received is not None:
        _hand_on(caught.received)


def _leave(sweep: Path, member: Member, before: Member | None, record: RunRecord) -> None:
    """Writes down that a training was refused, as one with a smaller budget than its run has used, and nothing else: a
    run that lies there is what it was."""
    why = _error(sweep / (member.folder or member.name), member, _REFUSED)
    if before is not None and not (record.finished or record.pruned):
        member = before.model_copy(
            update={"number": member.number, "started": member.started, "refused": why}
        )
        keep(sweep, member)
    else:
        close(sweep, member, None, refused=why)


def _kept(sweep: Path, name: str) -> Member | None:
    """A member's file; None where there is none that can be read."""
    with suppress(DataError):
        path = sweep / MEMBERS / f"{name}.json"
        return read(Member, path) if path.exists() else None
    return None


def close(sweep: Path, member: Member, status: int | None, *, refused: str | None = None) -> None:
    """Writes down, in one piece, what came of a member whose training has ended, so far as its run and its log tell.

    `status` is its exit status; None where nobody knows, as its job ended before. `refused` is why the last call could
    not go on with its run.
    """
    folder = sweep / (member.folder or member.name)
    record = record_of(folder)
    member.state = state_of(record, status)
    member.ended = (record.ended if record is not None and status is None else None) or now()
    member.status, member.refused = status or None, refused
    if record is not None and member.state in ("finished", "pruned"):
        member.value, member.error = record.value, None
    if member.state == "failed" or (member.state == "interrupted" and status is not None):
        member.error = _error(folder, member, status)
    keep(sweep, member)
    if record is None and status in (2, *_ENDED_BY_SIGNAL):  # nothing was begun
        with suppress(OSError):
            (folder / "log.txt").unlink(missing_ok=True)
            remove_empty(Path(os.path.normpath(folder)))


def state_of(record: RunRecord | None, status: int | None) -> MemberState:
    """What a member's state is, by its run's record and its exit status."""
    if status in (0, None) and record is not None and record.finished:
        return "finished"
    if status in (0, None) and record is not None and record.pruned:
        return "pruned"
    if status in _ENDED_BY_SIGNAL or (
        status is None and record is not None and record.state == "interrupted"
    ):
        return "interrupted"
    return "failed"


def record_of(folder: Path) -> RunRecord | None:
    """A run's record; None where there is none that can be read."""
    try:
        return read_record(folder)
    except DataError:
        return None


def headline_of(record: RunRecord) -> float | None:
    """The best validation so far of a run."""
    found = [entry.figures[record.validated] for entry in record.epochs if record.validated in entry.figures]
    return (max if record.higher_is_better else min)(found) if found else None


def _error(folder: Path, member: Member, status: int | None) -> str:
    """Why it did not finish: the last line of its log, and the signal that ended it."""
    said = last_line(folder / "log.txt").removeprefix("sru-repro: ")
    last = "" if said == SILENT else f"; the last line of its log: {said}"
    if status is None:
        return member.error or f"its job ended without a word{last}"
    if status < 0:
        name = signal.Signals(-status).name
        memory = ", which the system sends where memory runs out" if -status == signal.SIGKILL else ""
        return f"ended by {name}{memory}{last}"
    return f"it ended with status {status}, and {SILENT}" if said == SILENT else said


def _resumes(folder: Path, plan: Plan) -> bool:
    """Whether it goes on with what lies in its folder."""
    record = record_of(folder)
    return record is not None and not (plan.fresh and record.started < plan.planned)


def _stopped(sweep: Path) -> bool:
    """Whether the sweep is being stopped: by its folder, or by a signal, where members run in its own process."""
    outer = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return (sweep / STOP).exists() or (isinstance(outer, Signals) and outer.received is not None)


def _hand_on(number: int) -> None:
    """Hands a signal on to whoever had it before, such as a scheduler's client, which has the job begun again."""
    handler: Any = signal.getsignal(number)
    if os.environ.get("SUBMITIT_EXECUTOR") == "slurm" and number == signal.SIGTERM:
        time.sleep(_KILLED_S)
    ours = handler is signal.default_int_handler or isinstance(getattr(handler, "__self__", None), Signals)
    if callable(handler) and not ours:
        handler(number, None)
