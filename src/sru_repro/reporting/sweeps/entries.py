"""What is ranked: the members of a sweep, or all runs below a folder, each with its record as far as there is one."""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...core.errors import DataError
from ...core.home import shown
from ...records.run import NO_RESULT, RunRecord, read_record
from ...records.sweep import Member, SweepRecord, read_sweep
from ..runs.records import METRICS, Metric, metric_head, metric_of

STATES = ("finished", "diverged", "running", "pruned", "failed", "interrupted")
"""In the order in which they are counted."""
_WORD = re.compile(r"^(?:\+{0,2}|--)([\w.@/-]+)=(.*)$", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """One run in any state.

    value    the headline on the validation set of the weights that were kept, as recorded; of a pruned run the last
    """

    number: int
    name: str
    folder: Path
    """Of its run, or a committed record."""
    state: str
    overrides: Sequence[str]
    value: float | None = None
    run: RunRecord | None = None
    error: str = ""
    ended: str = ""

    @property
    def finished(self) -> bool:
        """Whether it is ranked."""
        return self.state == "finished"

    @property
    def record(self) -> RunRecord:
        """Of one whose record is there."""
        if self.run is None:
            raise DataError(f"{self.name}: expected a run record, found none")
        return self.run

    def given(self) -> dict[str, str]:
        """The arguments by their keys, as texts."""
        return {found[1]: found[2] for word in self.overrides if (found := _WORD.match(word))}

    def drawn(self) -> tuple[int | str | None, int | str | None]:
        """Seed and fold, in which repetitions of one configuration differ."""
        given = self.given()
        if self.run is not None:
            return self.run.seed, self.run.fold
        return given.get("seed"), given.get("task.fold")


def drawn_order(entry: Entry) -> tuple[float, float]:
    """By seed, then by fold."""
    seed, fold = (float(drawn) if str(drawn).isdecimal() else -1.0 for drawn in map(str, entry.drawn()))
    return seed, fold


@dataclass(frozen=True)
class Part:
    """The runs on one task, which one figure ranks."""

    task: str
    headline: str
    """The key of the test figure."""
    lower: bool
    entries: Sequence[Entry]

    @property
    def metric(self) -> Metric:
        """How the figure is printed."""
        return metric_of(self.headline)

    @property
    def ranked(self) -> list[Entry]:
        """Those with a figure."""
        return [entry for entry in self.entries if entry.finished]

    @property
    def runs(self) -> list[RunRecord]:
        """The records of those that are ranked."""
        return [entry.run for entry in self.ranked if entry.run is not None]

    @property
    def heads(self) -> tuple[str, str]:
        """What the validation figure and the test figure are called."""
        return f"validation {self.metric.name}", metric_head(self.headline)

    @property
    def caveat(self) -> str:
        """What has to stand beside the figures."""
        return NO_RESULT if any(run.caveat for run in self.runs) else ""

    def better(self, one: float, other: float) -> bool:
        """Whether one figure is better than another."""
        return one < other if self.lower else one > other


@dataclass(frozen=True)
class Sweep:
    """A folder that is reported: `record` where it is a sweep's."""

    folder: Path
    entries: Sequence[Entry]
    record: SweepRecord | None = None
    parts: Sequence[Part] = field(default_factory=list)

    @property
    def name(self) -> str:
        """For a title."""
        return (self.record.name if self.record else "") or self.folder.resolve().name

    @property
    def searched(self) -> bool:
        """Whether each member followed from those before it."""
        return self.record is not None and self.record.search is not None

    def counts(self) -> str:
        """How many members are in which state: "2 finished, 1 failed"."""
        found = {state: sum(entry.state == state for entry in self.entries) for state in STATES}
        return ", ".join(f"{count} {state}" for state, count in found.items() if count)


def read_folder(folder: Path, only: Collection[Path] = ()) -> Sweep:
    """A sweep, or all runs below a folder that is none; where records are named, `only` what has one of them.

    Raises:
        DataError: no such folder, no run below it, or a file in it is broken.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "none"
        raise DataError(f"{shown(folder)}: expected the folder of a sweep or of runs, found {found}")
    record = read_sweep(folder) if (folder / SweepRecord.FILE).is_file() else None
    if record is not None:
        entries = [_of_member(folder, member) for member in record.members]
    else:
        runs = [(place, _name(place, folder), run) for place, run in _runs(folder)]
        runs.sort(key=lambda run: run[2].started)
        entries = [_of_run(number, *run) for number, run in enumerate(runs)]
    if only:
        entries = [one for one in entries if {one.folder, one.folder / RunRecord.FILE} & {*only}]
    if not entries:
        what = "a member" if record is not None else "a run (run.json)"
        raise DataError(f"{shown(folder)}: expected {what} in this folder, found none; has a training begun?")
    return Sweep(folder, entries, record, _parts(entries, record))


def _runs(folder: Path) -> Iterator[tuple[Path, RunRecord]]:
    """The records below a folder; what lies within a run's folder, such as the run that it replaces, is none of it,
    nor is an exported model a run."""
    holders = {path.parent for path in folder.rglob(RunRecord.FILE)}
    own = [place / RunRecord.FILE for place in sorted(holders) if holders.isdisjoint(place.parents)]
    found = [(place, run) for place in own if (run := read_record(place)).exported is None]
    yield from found or (
        (place, read_record(place)) for place in sorted(folder.rglob("seed*.json"))
    )  # committed


def _name(place: Path, folder: Path) -> str:
    run = place.parent if place.name == RunRecord.FILE else place.with_suffix("")
    return run.relative_to(folder).as_posix() if run != folder else folder.resolve().name


def _of_member(folder: Path, member: Member) -> Entry:
    place = folder / str(getattr(member, "folder", None) or member.name)
    run = read_record(place) if (place / RunRecord.FILE).is_file() else None
    state: str = member.state
    # A member that ended without a word, or was gone on with by hand, says less than its run.
    if run is not None and (state == "running" or (run.finished and state in ("interrupted", "failed"))):
        state = run.state
    if run is not None and run.state == "running":  # somebody trains it, whatever came of it before
        return _judged(Entry(member.number, member.name, place, "running", member.overrides, run=run))
    value = member.value if member.value is not None else _validated(run)
    error = member.error or (run.error if run is not None else None) or ""
    if not error and member.status:
        error = f"ended with status {member.status}"
    ended = member.ended or ""
    return _judged(
        Entry(member.number, member.name, place, state, member.overrides, value, run, error, ended)
    )


def _of_run(number: int, place: Path, name: str, run: RunRecord) -> Entry:
    told = _validated(run), run, run.error or "", run.ended or ""
    where = place.parent if place.name == RunRecord.FILE else place
    return _judged(Entry(number, name, where, run.state, run.overrides, *told))


def _judged(entry: Entry) -> Entry:
    """A run that finished without a figure, or with one that is no number, is not ranked."""
    if entry.value is not None and math.isfinite(entry.value):
        return entry
    return replace(entry, value=None, state="diverged" if entry.finished else entry.state)


def _validated(run: RunRecord | None) -> float | None:
    """The headline on the validation set: of the weights that were tested, else the last one."""
    if run is None:
        return None
    lines = [
        run.best.figures if run.best else {},
        run.metrics,
        *(one.figures for one in reversed(run.epochs)),
    ]
    return next((line[run.validated] for line in lines if run.validated in line), None)


def _parts(entries: Sequence[Entry], record: SweepRecord | None) -> list[Part]:
    """By task, in the order in which they come; figures of different tasks are not ranked with each other."""
    tasks: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.run is not None and entry.run.headline:
            tasks.setdefault((entry.run.task, entry.run.headline), []).append(entry)
    if not tasks:
        name = (record.headline if record else "").rpartition("/")[2]
        tasks[(entries[0].given().get("task", ""), f"test/{name or 'figure'}")] = []
    for entry in entries:
        if entry.run is None or not entry.run.headline:
            task = entry.run.task if entry.run else entry.given().get("task", "")
            key = next((key for key in tasks if key[0] == task), next(iter(tasks)))
            tasks[key].append(entry)
    return [
        Part(task, headline, _lower(headline, found, record), sorted(found, key=lambda entry: entry.number))
        for (task, headline), found in tasks.items()
    ]


def _lower(headline: str, entries: Sequence[Entry], record: SweepRecord | None) -> bool:
    name = headline.rpartition("/")[2]
    if name in METRICS:
        return METRICS[name].lower_is_better
    told = [entry.run.higher_is_better for entry in entries if entry.run is not None]
    return not (told[0] if told else record is None or record.higher_is_better)
