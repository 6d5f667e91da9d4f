"""sru-repro reproduce table=NAME [profile=paper|short|smoke] [seeds=1,2,3] [rows=a,b] [folds=0,1] [jobs=1] [key=value]

Runs every row of a table with every seed, each in a process of its own (jobs=2: two at a time), and writes the table
and its figure. Restartable: a finished run of the same configuration and data is left alone, an interrupted one goes
on from its last checkpoint. Other words (data_dir=..., trainer=cpu, logger=csv) are handed to every run.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ConfigError
from ..core.interrupt import signals
from .campaign import Job, Outcome, carry_out
from .compose import composed
from .tables import Table, described, load_table
from .words import need, split


def run(words: Sequence[str]) -> int:
    """Prints the plan, carries it out, writes table and figure; 1 when a run failed."""
    found, rest = split(words, ("table", "profile", "seeds", "seed", "rows", "folds", "jobs"))
    table = load_table(need(found, "table", "sst"))
    profile = found.get("profile") or "short"
    if profile not in table.seeds:
        raise ConfigError(f"profile: expected one of {', '.join(table.seeds)}, found {profile!r}")
    seeds = _numbers("seeds", found.get("seeds") or found.get("seed"), table.seeds[profile])
    folds: Sequence[int | None] = [None]
    if table.folds is not None:
        folds = _numbers("folds", found.get("folds"), table.folds[profile])
    elif found.get("folds"):
        raise ConfigError(f"folds: table={table.name} has none")
    rows = _rows(table.row_names(profile), found.get("rows"))
    side_by_side, *more = _numbers("jobs", found.get("jobs"), [1])
    if more or side_by_side < 1:
        raise ConfigError(f"jobs: expected one number, at least 1, found {found['jobs']}")
    # Seeds outermost: a campaign that is cut short leaves whole tables of fewer seeds.
    jobs = [
        _job(table, task, row, profile, seed, fold, rest)
        for seed in seeds
        for row in rows
        for task in table.tasks
        for fold in folds
    ]
    results = Path("results") if table.results and profile != "smoke" else Path("runs") / table.name
    all_rows = described(table)
    if (
        results.parts[0] != "results"
    ):  # where the runs of other profiles are not looked at, nothing is said of them
        all_rows = [row for row in all_rows if profile in row.get("profiles", (profile,))]
    with signals() as caught:  # SIGTERM, too, must stop the runs in progress
        outcome = carry_out(table.name, jobs, results, all_rows, side_by_side, caught)
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
    for word in rest:  # another text is another run
        if word.startswith("task.path="):
            folder /= Path(word.removeprefix("task.path=")).name
    if fold is not None:
        overrides.append(f"task.fold={fold}")
        folder /= f"fold{fold}"
    return Job(folder, tuple(overrides), composed(overrides))


def _numbers(key: str, text: str | None, default: list[int]) -> list[int]:
    if not text:
        return default
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"{key}: expected numbers with commas such as 1,2,3, found {text!r}") from None
    return list(dict.fromkeys(numbers))


def _rows(known: list[str], text: str | None) -> list[str]:
    wanted = text.split(",") if text else known
    for row in wanted:
        if row not in known:
            raise ConfigError(f"rows: expected some of {', '.join(known)}, found {row!r}")
    return list(dict.fromkeys(wanted))


def _show(table: Table, results: Path, rows: list[dict[str, object]], outcome: Outcome) -> None:
    """The rows on the terminal, and where the table and the figure lie."""
    from rich.console import Console

    from ..reporting.runs.console import console_table

    if outcome.records:
        width = None if sys.stdout.isatty() else 140
        Console(width=width).print(console_table(table.name, outcome.records, rows))
        print(f"{results / table.name}.md  {results / table.name}.png")
    for job in outcome.failed:
        print(f"failed: {job.folder} (see {job.folder / 'log.txt'})", file=sys.stderr)
