"""Carries out many runs one after the other: the plan with its expected time, one bar for all, a process for each run.

A process of its own for every run keeps memory figures honest and a crash from taking the others along. The parent
learns how far a run is from its run.json.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..record import Record, read_record
from ..reporting.figure import write_figure
from ..reporting.publish import publish
from ..reporting.records import load_records
from ..reporting.table import write_table
from ..tasks import TaskData, task_class
from ..training.config import RunConfig
from ..training.run_folder import is_done

STARTUP_S = 12.0
"""What a run costs besides training, when nothing better is known: start, data, test set."""


@dataclass(frozen=True)
class Job:
    """One run: its folder, the overrides that make it, and its checked configuration."""

    folder: Path
    overrides: tuple[str, ...]
    config: RunConfig


@dataclass
class Outcome:
    """What came of a campaign: the records of its finished runs, and the jobs that failed."""

    records: list[Record] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)


def carry_out(table: str, jobs: Sequence[Job], results: Path, rows: Sequence[dict[str, Any]]) -> Outcome:
    """Runs what is not done yet; after each run the record is published and table and figure are written again.

    `results` is the folder of the table; records go to `results/runs` unless that is the runs' own folder.
    An exception such as `Interrupted` stops the run in progress first.
    """
    data = _load(jobs[0])  # in any case and first, so that a missing file shows before the plan does
    unchanged = _same_data(jobs[0], data)
    open_jobs = [job for job in jobs if not (is_done(job.folder, job.config.plain) and unchanged(job))]
    history = _history(results)
    expected = {job.folder: _expected(job, history) for job in open_jobs}
    _plan(jobs, open_jobs, expected, table, data)
    outcome = Outcome()
    for job in jobs:
        if job not in open_jobs:
            _publish(job, results)
    with _Bar(f"{table} ({len(open_jobs)} runs)", expected) as bar:
        for job in open_jobs:
            if _run(job, bar.at) == 0:
                _publish(job, results)
                _write(table, results, rows, jobs)
            else:
                outcome.failed.append(job)
                bar.say(f"failed: {_error(job)}")
            bar.done(job, _wall_s(job))
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
        return bool(known[key] == read_record(job.folder)["data"]["fingerprint"])

    return unchanged


def _history(results: Path) -> list[Record]:
    """Finished runs, of which the duration is known. Only a hint: what cannot be read is passed over."""
    found = []
    for path in (*Path("runs").rglob("run.json"), *(results / "runs").rglob("*.json")):
        with suppress(DataError):
            found.append(read_record(path))
    return [record for record in found if record["state"] == "finished"]


def _expected(job: Job, history: Sequence[Record]) -> float | None:
    """Seconds the job will take, None when nothing is known.

    By its time limit, by the row's own seconds per epoch before, or by those of the task's other rows.
    """
    config = job.config
    if config.trainer.max_seconds:
        return config.trainer.max_seconds + STARTUP_S
    related = [run for run in history if run["task"] == config.task.name and run["profile"] != "smoke"]
    same = [run for run in related if run["row"] == config.top.row]
    paces = [run["throughput"]["seconds_per_epoch"] for run in same or related]
    return sum(paces) / len(paces) * config.trainer.max_epochs + STARTUP_S if paces else None


def _plan(
    jobs: Sequence[Job],
    open_jobs: Sequence[Job],
    expected: dict[Path, float | None],
    table: str,
    data: TaskData,
) -> None:
    first = jobs[0].config
    known = [value for value in expected.values() if value is not None]
    total = sum(known) + (len(expected) - len(known)) * (sum(known) / len(known) if known else 0)
    duration = _duration(total) if known else "not known before the first run is through"
    rows = ", ".join(dict.fromkeys(job.config.top.row for job in jobs))
    print(f"table    {table}: {rows}")
    print(f"runs     {len(jobs)}, {len(jobs) - len(open_jobs)} of them done; profile {first.top.profile}")
    counts = ", ".join(f"{count:,} {name}" for name, count in data.counts.items())
    print(f"data     {data.description}: {counts}; from {first.top.data_dir}: {data.source}")
    print(f"expected {duration}" if open_jobs else "expected nothing to run", flush=True)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{max(1, minutes)} min"


def _run(job: Job, watch: Callable[[Job, float, float | None], None]) -> int:
    """Runs a job as `sru-repro train` in a process of its own, its output in the run's log.txt."""
    job.folder.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "sru_repro", "train", *job.overrides]
    words += [f"hydra.run.dir={job.folder}", "resume=true"]
    with (job.folder / "log.txt").open("a") as log:
        process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            started = time.time()
            while process.poll() is None:
                time.sleep(0.5)
                fraction, left_s = _progress(job, started)
                watch(job, fraction, left_s)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
    return process.returncode


def _progress(job: Job, since: float) -> tuple[float, float | None]:
    path = job.folder / "run.json"
    try:
        if os.path.getmtime(path) < since:
            return 0.0, None
        progress = read_record(path).get("progress") or {}
    except (OSError, DataError):
        return 0.0, None
    return progress.get("fraction", 0.0), progress.get("left_s")


def _publish(job: Job, results: Path) -> None:
    if results.parts[0] == "results" and not read_record(job.folder).get("changed"):
        publish(job.folder, results)


def _write(table: str, results: Path, rows: Sequence[dict[str, Any]], jobs: Sequence[Job]) -> list[Record]:
    """Writes table and figure from the records of all runs of the table; returns those of these jobs."""
    folders = [job.folder for job in jobs if (job.folder / "run.json").is_file()]
    ours = list(map(read_record, folders))
    own = [record for record in ours if record["state"] == "finished"]
    shown = load_records(results / "runs") if results.parts[0] == "results" else own
    shown = [record for record in shown if record["table"] == table]
    if shown:
        shown += [record for record in ours if record["state"] in ("failed", "interrupted")]
        results.mkdir(parents=True, exist_ok=True)
        write_table(table, shown, rows, results / f"{table}.md", f"{table}.png")
        write_figure(table, shown, rows, results / f"{table}.png")
    return own


def _error(job: Job) -> str:
    try:
        error = read_record(job.folder)["error"]
    except DataError:
        error = None
    if error:
        return f"{job.folder}: {error}"
    log = (job.folder / "log.txt").read_text(errors="replace").strip().splitlines()
    return f"{job.folder}: {log[-1] if log else 'no word from it'}"


def _wall_s(job: Job) -> float | None:
    try:
        return float(read_record(job.folder)["wall_s"])
    except DataError:
        return None


class _Bar:
    """Progress of the whole campaign; on a terminal a bar with time left, elsewhere a line a run."""

    def __init__(self, title: str, expected: dict[Path, float | None]) -> None:
        self.title, self.expected = title, dict(expected)
        self._spent: dict[Path, float] = {}
        self._bar: Any = None

    def __enter__(self) -> "_Bar":
        if sys.stderr.isatty() and self.expected:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
            )
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(self.title, total=1.0, left="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """One line."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def _left(self, job: Job | None, left_s: float | None) -> float | None:
        """Seconds left for the whole campaign, rows never run before taken as the mean of the others."""
        waiting = [
            folder
            for folder in self.expected
            if folder not in self._spent and (job is None or folder != job.folder)
        ]
        known = [*self._spent.values(), *(value for value in self.expected.values() if value is not None)]
        if job is not None and left_s is None:
            left_s = self.expected[job.folder]
        if not known and left_s is None:
            return None
        usual = sum(known) / len(known) if known else left_s or 0.0
        return (left_s or 0.0) + sum(self.expected[folder] or usual for folder in waiting)

    def at(self, job: Job, fraction: float, left_s: float | None) -> None:
        """The job in progress is that far."""
        if self._bar is not None:
            left = self._left(job, left_s)
            share = (len(self._spent) + fraction) / len(self.expected)
            note = f"{job.config.top.row} {fraction:.0%}" + (
                f", {_duration(left)} left" if left is not None else ""
            )
            self._bar.update(self._task, completed=share, left=note)

    def done(self, job: Job, wall_s: float | None) -> None:
        """The job is through."""
        self._spent[job.folder] = wall_s or 0.0
        left = self._left(None, None)
        note = f", {_duration(left)} left" if left else ""
        self.say(f"{len(self._spent)}/{len(self.expected)} {job.folder} {wall_s or 0:.0f} s{note}")
