"""Sections `train-sst`, `train-enwik8`, `train-squad`: short real trainings in bfloat16, of fixed seconds. Small models
run side by side and share the GPU, as in a sweep; the papers' sizes run alone.

A run is `sru-repro train` in a process of its own; the page keeps its figures, its curve, and what it made of the GPU.
"""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..core.errors import DataError
from ..core.process import Training, stop, wait_all
from ..records.base import read
from ..records.gpu_page import FailedRun, FinishedRun, FoundRates, FoundRuns, GPUPage, RunData
from ..records.run import RunRecord, read_record
from .plan import Each, Failed, Functions, SectionOptions, Several, Unfinished
from .speed import measured_rates

RUNS = Path("runs/gpu-check")
PATIENCE_S = 8.0
"""How long a group may go on beyond the section's time: the section is ended a little later."""
ALONE_S = 8.0
"""Seconds of training of a row that runs alone: enough for its pace, the same for all."""


@dataclass(frozen=True)
class Group:
    """Runs side by side.

    rows        places in conf/experiment
    changes     what is changed in all of them
    around_s    seconds of a run besides its training, where this machine has not shown them yet
    """

    name: str
    rows: tuple[str, ...]
    changes: tuple[str, ...]
    around_s: float


def _rows(folder: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


# One stream of millions of symbols would take longer to evaluate than the training takes.
_STREAMS = ("task.eval_batch_size=32", "trainer.log_every=25")
_SHORT_RATE = ("optim.schedule=constant", "optim.lr=0.0005", "optim.warmup_steps=50")
_SST = ("cnn", "lstm", "qrnn", "qrnn-highway", "sru2", "sru4", "sru8")
_SMALL = ("sru", "srupp", "lstm", "gru", "qrnn", "mingru", "transformer_xl")
_PAPER = ("sru6", "lstm6", "srupp-base", "qrnn6", "transformer-xl")
_SQUAD = ("sru3", "sru6", "qrnn4-highway", "lstm3")

# The papers' rates take hours to warm up: a short run needs one that is there at once.
_PAPER_CHANGES = ("trainer.validate_every=100", *_SHORT_RATE, *_STREAMS)

GROUPS: Mapping[str, tuple[Group, ...]] = {
    "train-sst": (Group("table", _rows("sst", _SST), ("trainer.validate_every=600",), 22.0),),
    "train-enwik8": (
        Group("small", _rows("small", _SMALL), ("trainer.validate_every=500", *_STREAMS), 22.0),
        *(Group(f"paper/{row}", _rows("enwik8", (row,)), _PAPER_CHANGES, 18.0) for row in _PAPER),
    ),
    "train-squad": (
        Group("table", _rows("squad", _SQUAD), ("trainer.validate_every=400", "task.val_limit=1000"), 40.0),
    ),
}
"""Of every section: what trains side by side, then what trains alone."""


def _alone(options: SectionOptions) -> Iterator[Each]:
    """What trains alone; a rehearsal goes without."""
    for group in () if options.rehearse else GROUPS[options.section][1:]:
        yield Each(group.name.split("/")[1], (group,), measured_s=partial(_needs_s, options, group))


def _needs_s(options: SectionOptions, group: Group) -> float:
    """Seconds of a row that runs alone."""
    return around_s(options, group) + ALONE_S


def around_s(options: SectionOptions, group: Group) -> float:
    """Seconds of a run besides its training: the most that the section's page has seen, also of groups for which there
    was not time enough; what the group says where nothing was seen."""
    page = read(GPUPage, options.page) if options.page.exists() else None
    seen = [
        piece.seconds - piece.values.seconds_each
        for piece in (page.pieces if page else ())
        if piece.state != "failed" and isinstance(piece.values, FoundRuns) and piece.values.seconds_each
    ]
    return max(seen, default=group.around_s)


def overrides(options: SectionOptions, group: Group, row: str, seconds: float) -> list[str]:
    """What `sru-repro train` is told of a run."""
    args = [
        f"experiment={row}",
        f"trainer={options.device}",
        "logger=csv",
        "seed=1",
        f"data_dir={options.data_dir}",
    ]
    if options.rehearse:
        return [*args, "profile=smoke"]
    limits = ["trainer.max_epochs=1000000", "trainer.max_steps=0", f"trainer.max_seconds={seconds:.1f}"]
    return [*args, "profile=short", "trainer.precision=bf16-mixed", *limits, *group.changes]


def _train(options: SectionOptions, seconds: float, group: Group) -> Mapping[str, object]:
    """Runs a group; every run's figures, also when some of them failed."""
    rows = group.rows[:2] if options.rehearse else group.rows
    each_s = ALONE_S if len(rows) == 1 else max(4.0, seconds - around_s(options, group))
    # A run that takes longer than its share takes it from later pieces: ended before its time it is worth nothing.
    most_s = max(seconds, options.until - time.time()) if options.until else seconds
    started: dict[str, Training] = {}
    try:
        for row in rows:
            folder = RUNS / options.section / group.name / row.split("/")[-1]
            shutil.rmtree(folder, ignore_errors=True)
            started[row] = Training(overrides(options, group, row, each_s), folder, len(rows))
        in_time = wait_all(started.values(), (3600.0 if options.rehearse else most_s) + PATIENCE_S)
    finally:
        stop(started.values(), 4.0)
    peak = bfloat16_rate(options)
    runs = [_told(row, run) for row, run in started.items()]
    found = FoundRuns(
        side_by_side=len(rows),
        seconds_each=each_s,
        bfloat16_flop_per_s=peak,
        runs=runs,
        note="; ".join(map(_line, runs)),
    )
    if failed := found.failed:
        told = f"{failed[0].row}: {failed[0].error}"
        if not in_time:
            raise Unfinished(
                f"{len(failed)} of {len(runs)} runs were not through in time: {told}", found.plain()
            )
        raise Failed(f"{len(failed)} of {len(runs)} runs failed: {told}", found.plain())
    return found.plain()


def _told(row: str, run: Training) -> FinishedRun | FailedRun:
    """What the page keeps of a run."""
    record = record_of(run)
    if run.poll() or record is None or not record.finished:
        return failed_run(row.split("/")[-1], run)
    return finished_run(record)


def record_of(run: Training) -> RunRecord | None:
    """What a run has written down, None where it has not come so far."""
    try:
        return read_record(run.folder)
    except DataError:
        return None


def failed_run(row: str, run: Training) -> FailedRun:
    """A run that did not come to its end, and its last word."""
    record = record_of(run)
    error = (record and record.error) or run.last_line()
    return FailedRun(row=row, label=row, state="failed", error=str(error)[:300])


def finished_run(record: RunRecord) -> FinishedRun:
    """What the page keeps of one that did: figures and curve."""
    flop, step_ms = record.throughput.flop_per_step, record.throughput.step_ms
    return FinishedRun(
        row=record.row,
        state="finished",
        error=None,
        label=(record.paper and record.paper.label) or record.row,
        headline=record.headline,
        higher_is_better=record.higher_is_better,
        metrics=dict(record.metrics),
        epochs=[epoch.plain() for epoch in record.epochs],
        parameters=record.parameters,
        backend=record.backend,
        precision=record.config["trainer"]["precision"],
        flop_per_step=flop,
        flop_per_s=1e3 * flop / step_ms if flop and step_ms else None,
        processor=record.throughput.processor,
        notes=record.notes,
        data=RunData(
            description=record.data.description,
            comparable=record.data.comparable,
            why_not=record.data.why_not,
        ),
    )


def _line(run: FinishedRun | FailedRun) -> str:
    """A run in a few words."""
    if isinstance(run, FailedRun):
        return f"{run.row} failed ({run.error})"
    return f"{run.row} {run.metrics[run.headline]:.4g}"


def bfloat16_rate(options: SectionOptions) -> float | None:
    """What this GPU multiplies in bfloat16, as measured at the head of the page."""
    measured = read(GPUPage, options.page).piece("rates")
    values = measured.values if measured else None
    return values.rates.bfloat16_flop_per_s if isinstance(values, FoundRates) else None


def _side_by_side(options: SectionOptions, seconds: float) -> Mapping[str, object]:
    return _train(options, seconds, GROUPS[options.section][0])


FUNCTIONS: Functions = {
    "rates": measured_rates,
    "table": _side_by_side,
    "small": _side_by_side,
    "paper/ROW": Several(_train, _alone),
}
