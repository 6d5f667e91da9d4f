"""One row of a table on one task: its finished runs over seeds and folds, and what follows from them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import truediv
from statistics import fmean, median
from typing import Self

from ...records.base import Part
from ...records.run import Paper, Printed, RunRecord
from ..document import literal
from ..marks import least
from ..statistics import deviation
from .records import FOLDS, Metric, flatten, free, metric_of
from .verdict import verdict

REFERENCE = "reference loop"
"""The back end that is there to be read, not to be fast."""


class Row(Part):
    """A row of a table as the configuration declares it."""

    name: str
    label: str = ""
    parameters: int | None = None
    config: str = ""
    """The place of its file."""
    paper: Paper | None = None
    profiles: list[str] | None = None
    """Those it belongs to; all where nothing is said."""


@dataclass(frozen=True)
class Line:
    """A row with its runs, in the units of the table."""

    name: str
    label: str
    task: str
    parameters: int | None
    paper: Paper
    runs: tuple[RunRecord, ...]

    @classmethod
    def of(cls, row: Row, task: str, runs: tuple[RunRecord, ...] = ()) -> Self:
        """The runs' own count of parameters, where they agree, comes before that of the configuration."""
        counted = {run.parameters for run in runs}
        parameters = counted.pop() if len(counted) == 1 else row.parameters
        return cls(row.name, literal(row.label or row.name), task, parameters, row.paper or Paper(), runs)

    @cached_property
    def metric(self) -> Metric:
        """The headline metric; asked only of a line with runs."""
        return metric_of(self.runs[0].headline)

    @property
    def model(self) -> str:
        """What it is built of, "" when no run can tell."""
        return self.runs[0].model if self.runs else ""

    @cached_property
    def values(self) -> list[float]:
        """The headline of every run."""
        return [run.score * self.metric.scale for run in self.runs]

    @cached_property
    def figures(self) -> dict[tuple[int, int | None], float]:
        """The headline of every run by its seed and fold."""
        return {(run.seed, run.fold): value for run, value in zip(self.runs, self.values, strict=True)}

    @cached_property
    def mean(self) -> float:
        """Mean over seeds of the mean over a seed's folds."""
        by_seed: dict[int, list[float]] = {}
        for run, value in zip(self.runs, self.values, strict=True):
            by_seed.setdefault(run.seed, []).append(value)
        return fmean(map(fmean, by_seed.values()))

    @cached_property
    def deviation(self) -> float | None:
        """Sample standard deviation over all runs (each fold is one), as in the paper; NaN where one diverged."""
        return deviation(self.values)

    @property
    def diverged(self) -> list[RunRecord]:
        """Finished runs whose headline is no number."""
        return [run for run in self.runs if not math.isfinite(run.score)]

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds that were run."""
        return sorted({run.seed for run in self.runs})

    @property
    def folded(self) -> bool:
        """Whether the task is cross-validated."""
        return any(run.fold is not None for run in self.runs)

    @property
    def missing_folds(self) -> str:
        """Says so when a cross-validation is not complete; else empty."""
        wanted = FOLDS * len(self.seeds)
        return f"{len(self.runs)} of {wanted} folds" if self.folded and len(self.runs) < wanted else ""

    @property
    def mixed(self) -> bool:
        """Runs on different states of the data (each fold has a fingerprint): no mean can be formed."""
        states = {(run.fold, run.data.fingerprint) for run in self.runs}
        sources = {run.data.source for run in self.runs}
        return len(sources) > 1 or len(states) > len({run.fold for run in self.runs})

    @cached_property
    def changed_settings(self) -> list[str]:
        """Config keys, other than the seed and places, that differ between the runs of this line."""
        configs = [dict(flatten(run.config)) for run in self.runs]
        keys = sorted({key for config in configs for key in config if not free(key)})
        return [key for key in keys if any(config.get(key) != configs[0].get(key) for config in configs)]

    @property
    def backends(self) -> list[str]:
        """The recurrences' back ends that ran."""
        return sorted({run.backend for run in self.runs})

    def throughput(self, name: str) -> float | None:
        """Mean over the runs of a field of `Throughput`, None when no run has it."""
        return _mean(getattr(run.throughput, name) for run in self.runs)

    @property
    def processor(self) -> float | None:
        """The smallest part of the processor that one of the trainings had, None where nobody knows."""
        return least(run.throughput.processor for run in self.runs)

    @property
    def pace(self) -> float | None:
        """Tokens a second: of rows that trained in turns the median turn's, else the mean."""
        turns = [
            pace for run in self.runs if run.throughput.turns for pace in run.throughput.turns.tokens_per_s
        ]
        return median(turns) if turns else self.throughput("tokens_per_s")

    def in_turns(self, other: "Line | None") -> list[float]:
        """How many times as fast as the other line in each turn that both took one after the other, per seed."""
        found: list[float] = []
        for run in self.runs:
            for base in other.runs if other else ():
                own, its = run.throughput.turns, base.throughput.turns
                if own and its and own.session == its.session and run.seed == base.seed:
                    found += map(truediv, own.tokens_per_s, its.tokens_per_s)
        return found

    @property
    def training_s(self) -> float | None:
        """Seconds of training until the last validation, as a mean over the runs; None when none was recorded."""
        return _mean(run.epochs[-1].wall_s for run in self.runs if run.epochs)

    @property
    def by_clock(self) -> bool:
        """Whether any run had a budget in seconds, within which rows get through different parts of the data."""
        return any((run.config.get("trainer") or {}).get("max_seconds") for run in self.runs)

    @property
    def epochs(self) -> float | None:
        """Passes over the training data until the last validation, as a mean over the runs."""
        return _mean(
            run.epochs[-1].wall_s / seconds
            for run in self.runs
            if run.epochs and (seconds := run.throughput.seconds_per_epoch)
        )

    @property
    def peak_bytes(self) -> int | None:
        """The largest peak of memory among the runs: the GPU's where there is one, else the process's."""
        peaks = [run.gpu_peak_bytes or run.peak_bytes for run in self.runs]
        return max((peak for peak in peaks if peak), default=None)

    def speed_against(self, other: "Line | None", measure: str = "") -> float | None:
        """How many times as fast as the other line; 1 is as fast.

        `measure` is a field of `Throughput`; without one, whichever the table shows.
        """
        if other is None or not other.runs or not self.runs:
            return None
        if not measure and (turns := self.in_turns(other)):
            return median(turns)
        name = measure or ("seconds_per_epoch" if self.metric.per_epoch else "tokens_per_s")
        own, base = self.throughput(name), other.throughput(name)
        if not own or not base:
            return None
        return own / base if name == "tokens_per_s" else base / own

    @property
    def paper_number(self) -> tuple[float, float | None] | None:
        """The paper's mean and deviation on this task."""
        return printed((self.paper.metric or {}).get(self.task))

    @property
    def paper_runs(self) -> int:
        """Behind that mean; SRU paper, Table 1: five runs on SST, three times ten folds on the other sets."""
        return self.paper.runs or (3 * FOLDS if self.folded else 5)

    @property
    def why_not(self) -> list[str]:
        """What forbids a comparison with the paper, besides the row's own deviation."""
        reasons = []
        for run in self.runs:
            if not run.data.comparable:
                reasons.append(run.data.why_not or "other data")
            elif run.data.part < 1:
                reasons.append("part of the data")
            if run.profile != "paper":
                reasons.append(f"profile {run.profile} instead of paper")
        return list(dict.fromkeys([*reasons, *filter(None, [self.missing_folds])]))

    def verdict(self, why_not: Sequence[str]) -> str:
        """The verdict, "" when the paper has no number; `why_not` is `self.why_not`, or marks for it."""
        if self.paper_number is None or not self.runs:
            return ""
        return verdict(
            self.values,
            *self.paper_number,
            comparable=not why_not,
            why_not="; ".join(why_not),
            deviation=self.paper.deviation or "",
            paper_runs=self.paper_runs,
            decimals=self.metric.decimals,
            paper_decimals=self.metric.paper_decimals,
        )


def printed(found: Printed) -> tuple[float, float | None] | None:
    """Mean and deviation of what `paper` says of a metric: a number, [mean], [mean, deviation] or nothing."""
    mean, dev = (*found, None)[:2] if isinstance(found, list) else (found, None)
    return None if mean is None else (float(mean), None if dev is None else float(dev))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
