"""sru-repro reproduce table=NAME [profile=paper|short|smoke] [seeds=1,2,3] [rows=a,b] [folds=0,1] [jobs=1] [key=value]

Runs every row of a table with every seed, each in a process of its own (jobs=2: two at a time), and writes the table
and its figure. Restartable: a finished run of the same configuration and data is left alone, an interrupted one goes
on from its last checkpoint. Other arguments (data_dir=..., trainer=cpu, logger=csv) are handed to every run.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from ..core.errors import ConfigError
from ..core.interrupt import signals
from ..core.variables import forget_run_id
from ..reporting.runs.line import Row
from .campaign import Job, Outcome, carry_out
from .compose import composed
from .options import Names, Options, numbers, some_of, whole
from .tables import Table, described, load_table

Numbers = Annotated[list[int], numbers(0)]


class ReproduceOptions(Options):
    """Which runs of a table, and how many at a time. None, and an empty value: as many as the table says."""

    table: str = Field(examples=["sst"])
    profile: str = "short"
    seeds: Numbers | None = None
    seed: Numbers | None = None
    rows: Names | None = None
    folds: Numbers | None = None
    jobs: Annotated[int, whole(1)] = 1

    @model_validator(mode="before")
    @classmethod
    def _given(cls, values: dict[str, str]) -> dict[str, str]:
        return {key: value for key, value in values.items() if value}

    @model_validator(mode="after")
    def _clashes(self) -> "ReproduceOptions":
        if self.seeds is not None and self.seed is not None:
            raise ValueError("seed: expected either seeds= or seed=, found both")
        return self


def run(args: Sequence[str]) -> int:
    """Prints the plan, carries it out, writes table and figure; 1 when a run failed."""
    options, rest = ReproduceOptions.parse_known(args)
    table, profile = load_table(options.table), options.profile
    if profile not in table.seeds:
        raise ConfigError(f"profile: expected one of {', '.join(table.seeds)}, found {profile!r}")
    seeds = options.seeds or options.seed or table.seeds[profile]
    folds: Sequence[int | None] = [None]
    if table.folds is not None:
        folds = options.folds or table.folds[profile]
    elif options.folds:
        raise ConfigError(f"folds: table={table.name} has none")
    known = table.row_names(profile)
    some_of("rows", options.rows, known)
    rows = list(dict.fromkeys(options.rows or known))
    # Seeds outermost: a campaign that is cut short leaves whole tables of fewer seeds.
    jobs = [
        _job(table, task, row, profile, seed, fold, rest)
        for seed in seeds
        for row in rows
        for task in table.tasks
        for fold in folds
    ]
    if len(jobs) > 1:
        forget_run_id("a table")
    results = Path("results") if table.results and profile != "smoke" else Path("runs") / table.name
    all_rows = described(table)
    if (
        results.parts[0] != "results"
    ):  # where the runs of other profiles are not looked at, nothing is said of them
        all_rows = [row for row in all_rows if profile in (row.profiles or (profile,))]
    with signals() as caught:  # SIGTERM, too, must stop the runs in progress
        how = options.jobs, caught, table.in_turns, table.seconds.get(profile)
        outcome = carry_out(table.name, jobs, results, all_rows, *how)
    _show(table, results, all_rows, outcome)
    return 1 if outcome.failed else 0


def _job(
    table: Table, task: str, row: str, profile: str, seed: int, fold: int | None, rest: Sequence[str]
) -> Job:
    overrides = [
        f"experiment={table.folder(profile)}/{row}",
        f"task={task}",
        f"profile={profile}",
        f"seed={seed}",
        *rest,
    ]
    folder = Path("runs") / task / row / profile / f"seed{seed}"
    for arg in rest:  # another text is another run
        if arg.startswith("task.path="):
            folder /= Path(arg.removeprefix("task.path=")).name
    if fold is not None:
        overrides.append(f"task.fold={fold}")
        folder /= f"fold{fold}"
    job = Job(folder, tuple(overrides), composed(overrides, once=True))
    if job.config.debug is not None:
        raise ConfigError(
            f"debug: expected it with `sru-repro train`, as its runs are no results, found {job.config.debug.name}"
        )
    return job


def _show(table: Table, results: Path, rows: Sequence[Row], outcome: Outcome) -> None:
    """The rows on the terminal, and where the table and the figure lie."""
    from rich.console import Console

    from ..reporting.runs.table import console_table

    if outcome.records:
        width = None if sys.stdout.isatty() else 140
        Console(width=width).print(*console_table(table.name, outcome.records, rows))
        print(f"{results / table.name}.md  {results / table.name}.svg")
    for job in outcome.failed:
        print(f"failed: {job.folder} (see {job.folder / 'log.txt'})", file=sys.stderr)
