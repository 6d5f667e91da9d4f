"""Carries out many runs, one after the other, in turns or side by side: the plan with its expected time, a process for
each run.

A process of its own for every run keeps memory figures honest and a crash from taking the others along. The parent
learns how far a run is from its run.json. In turns each trains for a second and then lets the next one go on, so that
whatever else the machine does meets all of them alike. Side by side every run has its share of the cores, which small
models use better than all of them together; the records say so, as their times compare with nobody else's.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..core.errors import DataError
from ..core.interrupt import Signals
from ..core.lock import holder
from ..core.process import Training, last_line, stop
from ..core.turns import Turns
from ..records.run import RunRecord, read_record
from ..reporting.runs.line import Row
from ..reporting.runs.publish import publish
from ..reporting.runs.records import load_records
from ..reporting.runs.table import write_table
from ..tasks import TaskData, task_class
from ..training.config import RunConfig
from ..training.going_on import goes_on
from ..training.run_folder import is_done, now
from .bar import Bar, duration, makespan

STARTUP_S = 12.0
"""What a run costs besides training, when nothing better is known: start, data, test set."""
_HEAR_S, _SHOW_S = 0.2, 2.0


@dataclass(frozen=True)
class Job:
    """One run: its folder, the overrides that make it, and its checked configuration."""

    folder: Path
    overrides: tuple[str, ...]
    config: RunConfig


@dataclass
class Outcome:
    """What came of a campaign: the records of its finished runs, and the jobs that failed."""

    records: list[RunRecord] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)


def carry_out(
    table: str,
    jobs: Sequence[Job],
    results: Path,
    rows: Sequence[Row],
    side_by_side: int,
    caught: Signals,
    in_turns: bool = False,
    seconds: float | None = None,
) -> Outcome:
    """Runs what is not done yet; after each run the record is published and table and figure are written again.

    `results` is the folder of the table, `side_by_side` the number of runs at a time, `in_turns` lets single ones take
    turns, `seconds` is what training one takes where no earlier run tells; records go to `results/runs`
    unless that is the runs' own folder. An exception such as `Interrupted` stops the runs in progress first.
    """
    data = _load(jobs[0])  # in any case and first, so that a missing file shows before the plan does
    unchanged = _same_data(jobs[0], data)
    open_jobs = [job for job in jobs if not (is_done(job.folder, job.config.plain) and unchanged(job))]
    history = _history(results)
    expected = {job.folder: _expected(job, history, seconds) for job in open_jobs}
    _plan(jobs, open_jobs, expected, table, data, side_by_side)
    outcome = Outcome()
    for job in jobs:
        if job not in open_jobs:
            _publish(job, results)
    with Bar(f"{table} ({len(open_jobs)} runs)", expected, side_by_side) as bar:
        caught.deferred = True  # a run that has just been started must not be forgotten
        begun = [_begun(job, unchanged) for job in open_jobs]
        turns = in_turns and side_by_side == 1 and len(begun) > 1
        made = _in_turns(begun, bar, caught) if turns else _finished(begun, side_by_side, bar, caught)
        with closing(made) as finished:
            for job, status in finished:
                if status == 0:
                    _publish(job, results)
                    _write(table, results, rows, jobs)
                else:
                    outcome.failed.append(job)
                    bar.say(f"failed: {_error(job)}")
                bar.done(job.folder, _wall_s(job))
        caught.deferred = False
        caught.raise_if_any()
    outcome.records = _write(table, results, rows, jobs)
    return outcome


def _load(job: Job) -> TaskData:
    config = job.config
    return task_class(config.task.kind).load(config.task, Path(config.top.data_dir), config.top.seed)


def _same_data(first: Job, data: TaskData) -> Callable[[Job], bool]:
    """Whether a finished job's data are still the same; data shared by several rows are loaded once."""
    known = {repr(first.config.task): data.fingerprint}

    def unchanged(job: Job) -> bool:
        key = repr(job.config.task)
        if key not in known:
            known[key] = _load(job).fingerprint
        return known[key] == read_record(job.folder).data.fingerprint

    return unchanged


def _begun(job: Job, unchanged: Callable[[Job], bool]) -> Job:
    """The job as it is started: it goes on from what is there of it, and takes the place of any other run."""
    ours = goes_on(job.folder, job.config.plain) and unchanged(job)
    return replace(job, overrides=(*job.overrides, f"resume={str(ours).lower()}"))


def _history(results: Path) -> list[RunRecord]:
    """Finished runs, of which the duration is known. Only a hint: what cannot be read is passed over."""
    found = []
    for path in (*Path("runs").rglob("run.json"), *(results / "runs").rglob("*.json")):
        with suppress(DataError):
            found.append(read_record(path))
    return [record for record in found if record.finished]


def _expected(job: Job, history: Sequence[RunRecord], usual: float | None = None) -> float | None:
    """Seconds the job will take, None when nothing is known, not even what its training takes as a rule (`usual`).

    It ends at the first of its limits: seconds, steps at the pace of earlier steps, epochs at that of earlier epochs.
    Earlier runs are those of the same model on this task, or else of other models in this profile: between profiles
    a row may change its size.
    """
    trainer, limits = job.config.trainer, []
    related = [run for run in history if run.task == job.config.task.name]
    same = [run for run in related if run.config.get("model") == job.config.plain["model"]]
    near = [run for run in same if run.profile == job.config.top.profile]
    near = near or [run for run in same if run.profile != "smoke"]
    near = near or [run for run in related if run.profile == job.config.top.profile]
    if trainer.max_seconds:
        limits.append(trainer.max_seconds)
    for limit, pace, seconds in (
        (trainer.max_steps, "step_ms", 1e-3),
        (trainer.max_epochs, "seconds_per_epoch", 1.0),
    ):
        paces = [found for run in near if (found := getattr(run.throughput, pace)) is not None]
        if limit and paces:
            limits.append(sum(paces) / len(paces) * seconds * limit)
    if usual and not limits:
        limits.append(usual)
    return min(limits) + STARTUP_S if limits else None


def _plan(
    jobs: Sequence[Job],
    open_jobs: Sequence[Job],
    expected: dict[Path, float | None],
    table: str,
    data: TaskData,
    side_by_side: int,
) -> None:
    first = jobs[0].config
    known = [value for value in expected.values() if value is not None]
    usual = sum(known) / len(known) if known else 0.0
    total = makespan((usual if value is None else value for value in expected.values()), side_by_side)
    time_left = duration(total) if known else "not known before the first run is through"
    rows = ", ".join(dict.fromkeys(job.config.top.row for job in jobs))
    print(f"table    {table}: {rows}")
    print(f"runs     {len(jobs)}, {len(jobs) - len(open_jobs)} of them done; profile {first.top.profile}")
    beside = f", {side_by_side} runs side by side" if side_by_side > 1 else ""
    counts = ", ".join(f"{count:,} {name}" for name, count in data.counts.items())
    print(f"data     {data.description}: {counts}; from {first.top.data_dir}: {data.source}")
    print(f"expected {time_left}{beside}" if open_jobs else "expected nothing to run", flush=True)


_Started = tuple[Job, Training, float]
"""A job, its process, and when that began."""


def _finished(
    jobs: Sequence[Job], side_by_side: int, bar: Bar, caught: Signals
) -> Generator[tuple[Job, int]]:
    """Runs the jobs, so many at a time; yields each with its exit status when it is through."""
    waiting = list(jobs)
    active: list[_Started] = []
    try:
        while waiting or active:
            while waiting and len(active) < side_by_side:
                job = waiting.pop(0)
                run = Training(job.overrides, job.folder, side_by_side)
                active.append((job, run, time.time()))
            time.sleep(0.5)
            caught.raise_if_any()
            for entry in list(active):
                job, run, since = entry
                status = run.poll()
                if status is None:
                    bar.at(job.folder, job.config.top.row, *_progress(job, since))
                else:
                    active.remove(entry)
                    yield job, status
    finally:  # of an interruption: the runs in progress keep their checkpoints
        stop(run for _, run, _ in active)


def _in_turns(jobs: Sequence[Job], bar: Bar, caught: Signals) -> Generator[tuple[Job, int]]:
    """Runs the jobs in turns; yields each with its exit status when it is through.

    A job has the turn from the start of its process until it hands it on, a step of its training, or ends.
    """
    waiting, queue = list(jobs), deque[_Started]()
    current: _Started | None = None
    shown = time.time()
    try:
        made = Turns(now())
    except OSError as error:
        bar.say(f"rows take no turns, each trains at a stretch: no socket could be made ({error})")
        yield from _finished(jobs, 1, bar, caught)
        return
    with closing(made) as turns:
        try:
            while waiting or queue or current:
                if current is None and waiting:
                    job = waiting.pop(0)
                    run = Training(job.overrides, job.folder, 1, turns.environment)
                    current = (job, run, time.time())
                elif current is None:
                    current = queue.popleft()
                    turns.give(current[1].pid)
                if turns.heard(current[1].pid, _HEAR_S):
                    queue.append(current)
                    current = None
                caught.raise_if_any()
                due = time.time() - shown > _SHOW_S
                shown = time.time() if due else shown
                if current is None and not due:
                    continue  # without delay
                for entry in [*queue, *([current] if current else [])]:
                    job, run, since = entry
                    status = run.poll()
                    if status is None:
                        if due:
                            bar.at(job.folder, job.config.top.row, *_progress(job, since))
                        continue
                    if entry is current:
                        current = None
                    else:
                        queue.remove(entry)
                    yield job, status
        finally:  # of an interruption: all keep their checkpoints
            stop(run for _, run, _ in (*queue, *([current] if current else [])))


def _progress(job: Job, since: float) -> tuple[float, float | None]:
    path = job.folder / "run.json"
    try:
        if os.path.getmtime(path) < since:
            return 0.0, None
        progress = read_record(path).progress
    except (OSError, DataError):
        return 0.0, None
    return (progress.fraction, progress.left_s) if progress else (0.0, None)


def _publish(job: Job, results: Path) -> None:
    if results.parts[0] == "results" and not read_record(job.folder).changed:
        publish(job.folder, results)


def _write(table: str, results: Path, rows: Sequence[Row], jobs: Sequence[Job]) -> list[RunRecord]:
    """Writes table and figure from the records of all runs of the table; returns those of these jobs."""
    folders = [job.folder for job in jobs if (job.folder / "run.json").is_file()]
    ours = list(map(read_record, folders))
    own = [record for record in ours if record.finished]
    shown = load_records(results / "runs") if results.parts[0] == "results" else own
    shown = [record for record in shown if record.table == table]
    if shown:
        shown += [record for record in ours if record.state in ("failed", "interrupted")]
        write_table(table, shown, rows, results)
    return own


def _error(job: Job) -> str:
    if who := holder(job.folder):
        return f"{job.folder}: in use by {who}"
    try:
        error = read_record(job.folder).error
    except DataError:
        error = None
    return f"{job.folder}: {error or last_line(job.folder / 'log.txt')}"


def _wall_s(job: Job) -> float | None:
    try:
        return float(read_record(job.folder).wall_s)
    except DataError:
        return None
