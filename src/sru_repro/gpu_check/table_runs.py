"""Sections `table1`, `table2`, `ablation`: rows of the papers' tables with their own budgets, as many side by side as
help. What has finished is kept whole in `runs.json` beside the page, so that several calls add up to a table.

A run that has finished before with the same configuration, data and kind of machine is not made again
(`finished_runs`).
"""

import shutil
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from ..core.settings import checked
from ..records.base import read
from ..records.gpu_page import FailedRun, FinishedRun, FoundRuns, GPUPage
from ..records.packed_runs import add_packed
from ..records.run import RunRecord
from ..reporting.runs.publish import public_record
from . import mps, training
from .finished_runs import TableRuns, finished_before
from .plan import Failed, Functions, SectionOptions, Unfinished
from .section import say
from .side_by_side import Ended, Predictions, Run, carry_out
from .speed import measured_rates

PIECE = "runs"


def runs(options: SectionOptions, seconds: float) -> Mapping[str, object]:
    """Makes what is open of the section's runs; the figures of all that have finished, also before.

    Raises:
        Failed: some runs failed. Unfinished: some are open for want of time.
    """
    plan = checked(TableRuns, options.table or {})
    if options.rehearse:
        shutil.rmtree(plan.folder, ignore_errors=True)
    planned = list(plan.runs())
    done = finished_before(options, plan, planned)
    todo = [run for run, _ in planned if run.name not in done]
    told = f"{len(planned)} runs, {len(done)} of them done, {plan.side_by_side} side by side"
    say(options, told + (f", aim {plan.aim_s:.0f} s each" if plan.aim_s else ""))
    predictions = Predictions(plan.aim_s, _paces(plan, planned, done))
    earlier = _on_the_page(options)
    times = {name: (run.predicted_s, run.took_s, run.first_s) for name, run in earlier.items()}
    failed: dict[str, FailedRun] = {}
    stopped: set[str] = set()
    notes: list[str] = []
    with closing(_carried_out(options, plan, todo, seconds, predictions, notes)) as every:
        for ended in every:
            name = ended.run.name
            record = training.record_of(ended.process) if ended.status == 0 else None
            if ended.status is None:
                stopped.add(name)
            elif record is None or not record.finished:
                failed[name] = training.failed_run(name, ended.process)
                say(options, f"{name}: failed: {failed[name].error}")
            else:
                done[name] = record
                times[name] = (ended.predicted_s, ended.took_s, ended.first_s)
                add_packed(Path(options.out), [public_record(record)])
                say(options, f"{name}: {_figure(record)}, {_compared(ended)}")
    found = FoundRuns(
        side_by_side=plan.side_by_side,
        bfloat16_flop_per_s=training.bfloat16_rate(options),
        runs=[
            *(run for name, run in earlier.items() if name not in {run.name for run, _ in planned}),
            *(_shown(run, done[run.name], times) for run, _ in planned if run.name in done),
            *failed.values(),
        ],
        note="; ".join([f"{len(done)} of {len(planned)} runs finished", *notes]),
    )
    if failed:
        first = next(iter(failed))
        raise Failed(f"{len(failed)} runs failed: {first}: {failed[first].error}", found.plain())
    if open_runs := [run.name for run, _ in planned if run.name not in done]:
        ended_early = f", {len(stopped)} ended for want of time" if stopped else ""
        told = f"{len(done)} of {len(planned)} runs finished{ended_early}; next: {open_runs[0]}"
        raise Unfinished(told, found.plain())
    return found.plain()


def _carried_out(
    options: SectionOptions,
    plan: TableRuns,
    todo: Sequence[Run],
    seconds: float,
    predictions: Predictions,
    notes: list[str],
) -> Generator[Ended]:
    """The runs that have ended, made at the same time where several are made; `notes` takes how they share the GPU."""
    end = time.monotonic() + (3600.0 if options.rehearse else seconds)
    together = options.on_gpu and plan.side_by_side > 1 and len(todo) > 1 and not options.rehearse
    with mps.shared() if together and plan.mps else nullcontext() as how:
        if how:
            notes.append(how)
            say(options, how)
        left_s = end - time.monotonic()
        yield from carry_out(todo, plan.side_by_side, left_s, predictions, lambda line: say(options, line))


def _figure(record: RunRecord) -> str:
    return f"{record.headline} {record.score:.4f}"


def _compared(ended: Ended) -> str:
    """What it took against what was predicted."""
    told = f"took {ended.took_s:.0f} s" + (
        f", first steps after {ended.first_s:.0f} s" if ended.first_s else ""
    )
    if ended.predicted_s is None:
        return told
    return f"{told}, predicted {ended.predicted_s:.0f} s ({ended.took_s / ended.predicted_s - 1:+.0%})"


Times = tuple[float | None, float | None, float | None]
"""Seconds predicted, taken, and until the first steps."""


def _shown(run: Run, record: RunRecord, times: Mapping[str, Times]) -> FinishedRun:
    """A run on the page. Its curve is in its record, but for a budget of its own, with which it enters no table."""
    found = training.finished_run(record)
    found.seed = run.seed
    if not record.changed:
        found.epochs = []
    found.predicted_s, found.took_s, found.first_s = times.get(run.name, (None, None, None))
    return found


def _on_the_page(options: SectionOptions) -> dict[str, FinishedRun]:
    """The runs that the page has of earlier calls, which may have been told to make others, by name."""
    piece = read(GPUPage, options.page).piece(PIECE)
    runs = piece.values.finished if piece and isinstance(piece.values, FoundRuns) else []
    return {f"{run.row}, seed {run.seed}": run for run in runs}


def _paces(
    plan: TableRuns, planned: Sequence[tuple[Run, dict[str, Any]]], done: Mapping[str, RunRecord]
) -> dict[str, list[float]]:
    """Seconds of the runs that are done, by row: what a process needs besides is small beside them."""
    found: dict[str, list[float]] = {}
    for run, _ in planned:
        if run.name in done:
            found.setdefault(run.row, []).append(float(done[run.name].wall_s) + START_S)
    return found


START_S = 10.0
"""From the start of a process to its record: Python, PyTorch, Lightning, the data."""
FUNCTIONS: Functions = {"rates": measured_rates, PIECE: runs}
