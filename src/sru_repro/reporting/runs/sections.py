"""Runs put together for a table: what may stand side by side, and what follows from the runs of one row.

A section holds runs of one profile on the same data and hardware; only within a section are numbers compared
with one another. A line is one row of a section on one task, with its runs over seeds and folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from statistics import fmean, stdev
from typing import Any

from ...record import lookup
from .records import FOLDS, Metric, Record, flatten, metric_of, share
from .verdict import verdict

Row = dict[str, Any]
"""A row of a table as the config declares it: name, label, parameters, paper (or None), and profiles: those it belongs
to, all where the key is missing."""

TASKS = {"sentences": ("cr", "subj", "mr", "trec", "mpqa")}
"""Tables with a column per task, in the paper's order; any other table has one task."""

REFERENCE = "reference loop"
"""The back end that is there to be read, not to be fast."""

_PROFILES = ("paper", "short", "smoke")
_FREE_KEYS = ("seed", "fold", "data_dir", "logger", "paper")
"""Config keys in which the runs of one row may differ."""


@dataclass(frozen=True)
class Line:
    """One row on one task: its finished runs and what follows from them, in the units of the table."""

    name: str
    label: str
    task: str
    parameters: int | None
    paper: dict[str, Any]
    runs: tuple[Record, ...]

    @cached_property
    def metric(self) -> Metric:
        """The headline metric; asked only of a line with runs."""
        return metric_of(self.runs[0]["headline"])

    @cached_property
    def values(self) -> list[float]:
        """The headline of every run."""
        return [run["metrics"][run["headline"]] * self.metric.scale for run in self.runs]

    @cached_property
    def mean(self) -> float:
        """Mean over seeds of the mean over a seed's folds."""
        by_seed = {
            seed: [value for run, value in zip(self.runs, self.values, strict=True) if run["seed"] == seed]
            for seed in self.seeds
        }
        return fmean(fmean(values) for values in by_seed.values())

    @cached_property
    def deviation(self) -> float | None:
        """Sample standard deviation over all runs (each fold is one), as in the paper."""
        return stdev(self.values) if len(self.values) > 1 else None

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds that were run."""
        return sorted({run["seed"] for run in self.runs})

    @property
    def folded(self) -> bool:
        """Whether the task is cross-validated."""
        return any(run["fold"] is not None for run in self.runs)

    @property
    def missing_folds(self) -> str:
        """Says so when a cross-validation is not complete; else empty."""
        wanted = FOLDS * len(self.seeds)
        return f"{len(self.runs)} of {wanted} folds" if self.folded and len(self.runs) < wanted else ""

    @property
    def mixed(self) -> bool:
        """Runs on different states of the data (each fold has a fingerprint): no mean can be formed."""
        sources = {run["data"].get("source") for run in self.runs}
        states = {(run["fold"], run["data"]["fingerprint"]) for run in self.runs}
        return len(sources) > 1 or len(states) > len({run["fold"] for run in self.runs})

    @cached_property
    def changed_settings(self) -> list[str]:
        """Config keys, other than the seed and places, that differ between the runs of this line."""
        configs = [dict(flatten(run["config"])) for run in self.runs]
        keys = sorted({key for config in configs for key in config})
        keys = [key for key in keys if not set(key.split(".")) & set(_FREE_KEYS)]
        return [key for key in keys if any(config.get(key) != configs[0].get(key) for config in configs)]

    @property
    def backends(self) -> list[str]:
        """The recurrences' back ends that ran."""
        return sorted({run["backend"] for run in self.runs})

    def throughput(self, name: str) -> float | None:
        """Mean over the runs of a measure of speed, None when no run has it."""
        found = [value for run in self.runs if (value := run["throughput"].get(name)) is not None]
        return fmean(found) if found else None

    @property
    def training_s(self) -> float | None:
        """Seconds of training until the last validation, as a mean over the runs; None when none was recorded."""
        found = [float(run["epochs"][-1]["wall_s"]) for run in self.runs if run["epochs"]]
        return fmean(found) if found else None

    @property
    def by_clock(self) -> bool:
        """Whether any run had a budget in seconds, within which rows get through different parts of the data."""
        return any(lookup(run, "config.trainer.max_seconds") for run in self.runs)

    @property
    def epochs(self) -> float | None:
        """Passes over the training data until the last validation, as a mean over the runs."""
        found = [
            run["epochs"][-1]["wall_s"] / seconds
            for run in self.runs
            if run["epochs"] and (seconds := run["throughput"].get("seconds_per_epoch"))
        ]
        return fmean(found) if found else None

    @property
    def peak_bytes(self) -> int | None:
        """The largest peak of memory among the runs: the card's where there is one, else the process's."""
        peaks = [run.get("gpu/peak_bytes") or run.get("peak_bytes") for run in self.runs]
        return max((peak for peak in peaks if peak), default=None)

    def speed_against(self, other: "Line | None", measure: str = "") -> float | None:
        """How many times as fast as the other line; 1 is as fast.

        `measure` is a key of throughput; without one, whichever the table shows.
        """
        if other is None or not other.runs or not self.runs:
            return None
        name = measure or ("seconds_per_epoch" if self.metric.per_epoch else "tokens_per_s")
        own, base = self.throughput(name), other.throughput(name)
        if not own or not base:
            return None
        return own / base if name == "tokens_per_s" else base / own

    @property
    def paper_number(self) -> tuple[float, float | None] | None:
        """The paper's mean and deviation on this task."""
        return printed((self.paper.get("metric") or {}).get(self.task))

    @property
    def why_not(self) -> list[str]:
        """What forbids a comparison with the paper, besides the row's own deviation."""
        reasons = []
        for run in self.runs:
            data = run["data"]
            if not data["comparable"]:
                reasons.append(data["why_not"] or "other data")
            elif share(run) < 1:
                reasons.append("part of the data")
            if run["profile"] != "paper":
                reasons.append(f"profile {run['profile']} instead of paper")
        if self.missing_folds:
            reasons.append(self.missing_folds)
        return list(dict.fromkeys(reasons))

    def verdict(self, why_not: Sequence[str]) -> str:
        """The verdict, "" when the paper has no number; `why_not` is `self.why_not`, or marks for it."""
        if self.paper_number is None or not self.runs:
            return ""
        return verdict(
            self.values,
            *self.paper_number,
            comparable=not why_not,
            why_not="; ".join(why_not),
            deviation=self.paper.get("deviation") or "",
            # SRU paper, Table 1: five runs on SST, three times ten folds on the other sets.
            paper_runs=self.paper.get("runs", 3 * FOLDS if self.folded else 5),
            decimals=self.metric.decimals,
            paper_decimals=self.metric.paper_decimals,
        )


def printed(found: Any) -> tuple[float, float | None] | None:
    """Mean and deviation of what `paper` says of a metric: a number, [mean], [mean, deviation] or nothing."""
    if found is None:
        return None
    mean, dev = (*found, None)[:2] if isinstance(found, Sequence) else (found, None)
    return float(mean), None if dev is None else float(dev)


def line_of(row: Row, task: str, runs: tuple[Record, ...] = ()) -> Line:
    """The line of a row; the runs' own count of parameters, where they agree, before that of the configuration."""
    counted = {run["parameters"] for run in runs}
    parameters = counted.pop() if len(counted) == 1 else row.get("parameters")
    return Line(row["name"], row.get("label") or row["name"], task, parameters, row.get("paper") or {}, runs)


@dataclass(frozen=True)
class Section:
    """Finished runs of one profile on the same data and hardware, and the profile's rows, run or not."""

    profile: str
    hardware: str
    runs: tuple[Record, ...]
    rows: tuple[Row, ...]
    tasks: tuple[str, ...]

    def lines(self, task: str) -> list[Line]:
        """One line per row of the table, in its order."""
        lines = []
        for row in self.rows:
            runs = tuple(run for run in self.runs if run["row"] == row["name"] and run["task"] == task)
            lines.append(line_of(row, task, runs))
        return lines

    @property
    def descriptions(self) -> list[str]:
        """What the data is, one text per task that was run; of folds, all but equal in size, the first."""
        return [run["data"]["description"] for run in self.first_runs]

    @property
    def first_runs(self) -> list[Record]:
        """The first run of every task."""
        return [
            min(runs, key=lambda run: run["fold"] or 0)
            for task in self.tasks
            if (runs := [run for run in self.runs if run["task"] == task])
        ]

    @property
    def vectors(self) -> list[str]:
        """File names of the word vectors."""
        named = {run["data"].get("vectors") for run in self.runs}
        return sorted(PurePath(name).name for name in named if name)

    @property
    def seed_list(self) -> str:
        """All seeds that were run, in words."""
        seeds = sorted({run["seed"] for run in self.runs})
        return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def sections(table: str, records: Sequence[Record], rows: Sequence[Row]) -> list[Section]:
    """The finished runs of a table by profile, data and hardware: the paper's profile and fullest first.

    A row that has runs in a profile but is not among its `rows` is appended; rows `not_run` have no place there.
    """
    finished = _finished(table, records)
    waiting = not_run(table, records, rows)
    grouped: dict[tuple[Any, ...], list[Record]] = {}
    for run in finished:
        data = run["data"]
        # Where every task has data of its own, what its runs share are the vectors and the share.
        what = share(run) if table in TASKS else (run["task"], data["description"], data["fingerprint"])
        key = (run["profile"], run["hardware"]["slug"], str(data.get("vectors")), what)
        grouped.setdefault(key, []).append(run)
    found = [
        Section(
            profile=profile,
            hardware=runs[0]["hardware"]["name"],
            runs=tuple(
                sorted(runs, key=lambda run: (run["task"], run["row"], run["seed"], run["fold"] or 0))
            ),
            rows=_rows_of(profile, rows, waiting if profile == "paper" else (), finished),
            tasks=tuple(dict.fromkeys((*TASKS.get(table, ()), *sorted({run["task"] for run in runs})))),
        )
        for (profile, *_), runs in grouped.items()
    ]
    return sorted(found, key=_rank)


def not_run(table: str, records: Sequence[Record], rows: Sequence[Row]) -> list[Row]:
    """Rows of the paper's profile, where that has rows of its own, that have not finished anywhere."""
    run = {record["row"] for record in _finished(table, records) if record["profile"] == "paper"}
    return [row for row in rows if "paper" in (row.get("profiles") or ()) and row["name"] not in run]


def _finished(table: str, records: Sequence[Record]) -> list[Record]:
    return [run for run in records if run["table"] == table and run["state"] == "finished"]


def _rows_of(
    profile: str, rows: Sequence[Row], left_out: Sequence[Row], finished: Sequence[Record]
) -> tuple[Row, ...]:
    """The rows of a profile, then those that only its runs know."""
    own = [row for row in rows if profile in (row.get("profiles") or (profile,)) and row not in left_out]
    known = {row["name"] for row in own}
    unknown = {run["row"]: run for run in finished if run["profile"] == profile and run["row"] not in known}
    extra = [
        {"name": name, "label": (run["paper"] or {}).get("label") or name, "paper": run["paper"]}
        for name, run in sorted(unknown.items())
    ]
    return (*own, *extra)


def unfinished(table: str, records: Sequence[Record]) -> list[str]:
    """One line per run of the table without a result: what it was, its state and its error."""
    lines = []
    for run in records:
        if run["table"] == table and run["state"] != "finished":
            fold = "" if run["fold"] is None else f" fold {run['fold']}"
            task = "" if run["task"] == table else f"{run['task']}, "
            error = " ".join((run["error"] or "").split())
            what = f"{task}{run['row']}, profile {run['profile']}, seed {run['seed']}{fold}: {run['state']}"
            lines.append(f"{what}: {error}" if error else what)
    return sorted(lines)


def _rank(section: Section) -> tuple[Any, ...]:
    order = _PROFILES.index(section.profile) if section.profile in _PROFILES else len(_PROFILES)
    rows_run = len({(run["row"], run["task"]) for run in section.runs})
    fingerprint = section.runs[0]["data"]["fingerprint"]
    return order, -rows_run, section.hardware, section.descriptions, section.vectors, fingerprint
