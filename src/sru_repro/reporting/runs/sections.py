"""Runs put together for a table: what may stand side by side.

A section holds runs of one profile and budget on the same data and hardware; only within a section are numbers
compared with one another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ...records.run import NO_RESULT, PROFILES, PUBLISHED, RunRecord
from .budget import Budget
from .line import Line, Row

TASKS = {"sentences": ("cr", "subj", "mr", "trec", "mpqa")}
"""Tables with a column per task, in the paper's order; any other table has one task."""


@dataclass(frozen=True)
class TableSection:
    """Finished runs of one profile on the same data and hardware, and the profile's rows, run or not."""

    profile: str
    hardware: str
    runs: tuple[RunRecord, ...]
    rows: tuple[Row, ...]
    tasks: tuple[str, ...]
    waiting: tuple[Row, ...] = ()
    """Rows of the paper's profile that have not finished anywhere; the page lists them by themselves."""
    failed: tuple[RunRecord, ...] = ()
    """Runs that ended in an error, under the same conditions as far as they came to know them."""

    @property
    def budgets(self) -> list[Budget]:
        """How long was trained, the longest first: one, but in the paper's profile, where each row has its own."""
        return sorted({Budget.of(run) for run in self.runs}, key=lambda budget: budget.order)

    @property
    def budget(self) -> str:
        """The one budget of all runs, "" where they have several or nobody knows."""
        return self.budgets[0].told if len(self.budgets) == 1 else ""

    def lines(self, task: str = "") -> list[Line]:
        """One line per row of the table, in its order, on one task; without one, those of all tasks."""
        return [
            Line.of(row, name, tuple(run for run in self.runs if (run.row, run.task) == (row.name, name)))
            for name in ([task] if task else self.tasks)
            for row in self.rows
        ]

    def asked(self, task: str) -> list[Line]:
        """The same of one task with the rows that wait: all that a comparison with the paper is about."""
        return [*self.lines(task), *(Line.of(row, task) for row in self.waiting)]

    @property
    def descriptions(self) -> list[str]:
        """What the data is, one text per task that was run; of folds, all but equal in size, the first."""
        return [run.data.description for run in self.first_runs]

    @property
    def first_runs(self) -> list[RunRecord]:
        """The first run of every task."""
        return [
            min(runs, key=lambda run: run.fold or 0)
            for task in self.tasks
            if (runs := [run for run in self.runs if run.task == task])
        ]

    @property
    def vectors(self) -> list[str]:
        """File names of the word vectors."""
        return sorted(PurePath(name).name for name in {run.data.vectors for run in self.runs} if name)

    @property
    def profile_told(self) -> str:
        """The profile; of one whose figures say nothing, that they do not."""
        return self.profile if self.profile in PUBLISHED else NO_RESULT

    @property
    def title(self) -> str:
        """Profile, budget, seeds and hardware."""
        seeds = sorted({run.seed for run in self.runs})
        listed = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
        return ", ".join(filter(None, (f"profile {self.profile_told}", self.budget, listed, self.hardware)))

    @property
    def rank(self) -> tuple[object, ...]:
        """What may be quoted first; then sections in which rows can be compared; then the paper's profile; then the
        longest training; then what is closest to the paper, and the fullest: first of rows, then of seeds."""
        order = PROFILES.index(self.profile) if self.profile in PROFILES else len(PROFILES)
        rows_run = len({(run.row, run.task) for run in self.runs})
        reasons = {
            why for line in self.lines() if line.runs for told in line.why_not for why in told.split("; ")
        }
        what = self.hardware, self.descriptions, self.vectors, self.runs[0].data.fingerprint
        alone = len({run.row for run in self.runs}) < 2
        likeness = self.budgets[0].order, len(reasons), -rows_run, -len(self.runs)
        return self.profile not in PUBLISHED, alone, order, *likeness, *what


def sections(table: str, records: Sequence[RunRecord], rows: Sequence[Row]) -> list[TableSection]:
    """The finished runs of a table by profile, budget, data and hardware, in the order of their `rank`.

    A row that has runs in a profile but is not among its `rows` is appended; rows `not_run` have no place there.
    """
    finished = _finished(table, records)
    waiting = not_run(table, records, rows)
    grouped: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in finished:
        # Where every task has data of its own, what its runs share are the vectors and the share.
        own = (run.task, run.data.description, run.data.fingerprint)
        what = (str(run.data.part),) if table in TASKS else own
        grouped.setdefault((run.profile, run.hardware.slug, str(run.data.vectors), *what), []).append(run)
    found = [
        TableSection(
            profile=profile,
            hardware=runs[0].hardware.name,
            runs=tuple(sorted(runs, key=lambda run: (run.task, run.row, run.seed, run.fold or 0))),
            rows=_rows_of(profile, rows, waiting if profile == "paper" else (), finished),
            tasks=tuple(dict.fromkeys((*TASKS.get(table, ()), *sorted({run.task for run in runs})))),
            waiting=tuple(waiting if profile == "paper" else ()),
            failed=tuple(run for run in records if _failed_beside(run, runs)),
        )
        for (profile, *_), together in grouped.items()
        for runs in _by_budget(together, each_its_own=profile == "paper" or table in TASKS)
    ]
    return sorted(found, key=lambda section: section.rank)


def _by_budget(runs: Sequence[RunRecord], each_its_own: bool) -> list[list[RunRecord]]:
    """Runs of one budget each. Where each row (or task) may have a budget of its own, as in the papers, they stand
    together unless a row has several."""
    budgets: dict[Budget, list[RunRecord]] = {}
    of_rows: dict[tuple[str, str], set[Budget]] = {}
    for run in runs:
        budgets.setdefault(Budget.of(run), []).append(run)
        of_rows.setdefault((run.task, run.row), set()).add(Budget.of(run))
    if each_its_own and all(len(found) == 1 for found in of_rows.values()):
        return [list(runs)]
    return list(budgets.values())


def _failed_beside(run: RunRecord, others: Sequence[RunRecord]) -> bool:
    """Whether a run failed under the conditions of others, as far as it came to know its own, and none was made in its
    place."""
    first = others[0]
    if run.state != "failed" or (run.table, run.profile) != (first.table, first.profile):
        return False
    if run.hardware.slug not in ("", first.hardware.slug) or run.task not in {other.task for other in others}:
        return False
    if run.config and Budget.of(run) not in {Budget.of(other) for other in others}:
        return False
    if any(
        (run.row, run.task, run.seed, run.fold) == (other.row, other.task, other.seed, other.fold)
        for other in others
    ):
        return False
    known = {other.data.fingerprint for other in others if other.task == run.task}
    return run.fold is not None or run.data.fingerprint in ("", *known)


def not_run(table: str, records: Sequence[RunRecord], rows: Sequence[Row]) -> list[Row]:
    """Rows of the paper's profile, where that has rows of its own, that have not finished anywhere."""
    run = {record.row for record in _finished(table, records) if record.profile == "paper"}
    return [row for row in rows if "paper" in (row.profiles or ()) and row.name not in run]


def unfinished(table: str, records: Sequence[RunRecord]) -> list[str]:
    """One line per run of the table without a result: what it was, its state and its error."""
    lines = []
    for run in records:
        if run.table == table and not run.finished:
            task = "" if run.task == table else f"{run.task}, "
            error = " ".join((run.error or "").split())
            fold = "" if run.fold is None else f" fold {run.fold}"
            what = f"{task}{run.row}, profile {run.profile}, seed {run.seed}{fold}: {run.state}"
            lines.append(f"{what}: {error}" if error else what)
    return sorted(lines)


def _finished(table: str, records: Sequence[RunRecord]) -> list[RunRecord]:
    return [run for run in records if run.table == table and run.finished]


def _rows_of(
    profile: str, rows: Sequence[Row], left_out: Sequence[Row], finished: Sequence[RunRecord]
) -> tuple[Row, ...]:
    """The rows of a profile, then those that only its runs know."""
    own = [row for row in rows if profile in (row.profiles or (profile,)) and row not in left_out]
    known = {row.name for row in own}
    unknown = {run.row: run for run in finished if run.profile == profile and run.row not in known}
    extra = [
        Row(name=name, label=(run.paper and run.paper.label) or name, paper=run.paper)
        for name, run in sorted(unknown.items())
    ]
    # No number of a paper's stands beside what is no result.
    shown = (*own, *extra)
    return shown if profile in PUBLISHED else tuple(row.model_copy(update={"paper": None}) for row in shown)
