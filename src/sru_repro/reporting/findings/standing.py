"""Rows of a section on one task, the best first, and the tests behind all that is said of them.

Rows are compared by Welch's test over seeds, parts of a cross-validation pair by pair. Of a single run nothing can be
told but with the deviation of others: that of the section's rows with several runs, else the one that the paper prints.
What is said of a section is one family of tests, corrected together by Holm: the best row against each other one, and
each row of SRU against LSTM. Parts of a cross-validation are compared on those that both rows have, and tested once
none is missing.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from ...records.run import RunRecord
from ..runs.line import Line
from ..runs.records import FOLDS, Metric
from ..runs.sections import TableSection
from ..statistics import LEVEL, Spread, Test, compare_borrowed, compare_two, holm, pooled

_NOT_FINITE = re.compile(r"\bnot finite\b|\bis -?(?:nan|inf)\b", re.IGNORECASE)
"""What the error of a training that diverged says."""


@dataclass(frozen=True)
class Pair:
    """Two rows, the better first: the better mean, or over the parts of a cross-validation that both have."""

    ahead: Line
    behind: Line
    test: Test
    p: float | None
    """After Holm's correction over its family; None where nothing can be tested."""
    borrowed: str = ""
    """Whose deviation a single run was judged by, "" where both rows have several."""
    family: int = 1
    """How many tests p is corrected for."""

    @property
    def gap(self) -> float:
        """Between the means, in the unit of the table; 0 and more."""
        return abs(self.test.effect)

    @property
    def common(self) -> int:
        """How many parts of a cross-validation both have; 0 without one."""
        return len(common([self.ahead, self.behind])) if self.ahead.folded and self.behind.folded else 0

    def interval(self, of: Line) -> tuple[float, float, float] | None:
        """The difference of that row minus the other, and the ends of its 95 % interval, which is as wide as p is
        corrected: it holds 0 where p is 0.05 or more. None where nothing was tested."""
        if self.p is None:
            return None
        low, high = self.test.at(LEVEL * min(1.0, (self.test.p or 0.0) / self.p) if self.p else LEVEL)
        if low is None or high is None:
            return None
        if (of is self.ahead) != of.metric.lower_is_better:
            return self.test.effect, low, high
        return -self.test.effect, -high, -low

    @property
    def differs(self) -> bool | None:
        """Whether they do at 5 %, None where nothing can be tested."""
        return None if self.p is None else self.p < LEVEL


@dataclass(frozen=True)
class Standing:
    """Rows with a mean, the best first; `diverged` are those whose mean is no number."""

    ranked: tuple[Line, ...]
    diverged: tuple[Line, ...] = ()
    base: str = ""
    """The row that all others are compared with, besides the best; "" is SRU's rows with LSTM."""
    asked: tuple[Line, ...] = ()
    """All rows of the section, run or not, and those that wait for their first run."""
    failed: tuple[RunRecord, ...] = ()
    """Runs on this task that ended in an error."""

    @property
    def metric(self) -> Metric:
        """That of the headline."""
        return self.ranked[0].metric

    @cached_property
    def runs(self) -> int:
        """How many runs the row with the fewest has."""
        return min(len(line.runs) for line in self.ranked)

    @cached_property
    def seen(self) -> Spread | None:
        """The deviation that rows with several runs have in common."""
        return pooled((line.deviation or 0.0, len(line.runs)) for line in self.ranked)

    @cached_property
    def printed(self) -> Spread | None:
        """The deviation that the paper prints for these rows."""
        known = [(line.paper_number[1], line.paper_runs) for line in self.ranked if line.paper_number]
        return pooled((dev, runs) for dev, runs in known if dev)

    @property
    def spread(self) -> Spread | None:
        """What a single run is judged by."""
        return self.seen or self.printed

    @property
    def spread_told(self) -> str:
        """Whose deviation that is."""
        if self.seen:
            return "our own deviation"
        doubt = any(line.paper.doubted("metric") for line in self.ranked if line.paper_number)
        return (
            ""
            if not self.printed
            else "the paper's unconfirmed deviation"
            if doubt
            else "the paper's deviation"
        )

    def sorted(self, one: Line, other: Line) -> tuple[Line, Line]:
        """The two, the better first."""
        return (one, other) if self.ranked.index(one) < self.ranked.index(other) else (other, one)

    def tested(self, pairs: Sequence[tuple[Line, Line]]) -> list[Pair]:
        """The pairs, the better first in each, as a family of tests of their own."""
        found = [self._tested(*self.sorted(*pair)) for pair in pairs]
        tests = [test for _, _, test in found]
        corrected = holm([test.p for test in tests])
        family = sum(test.p is not None for test in tests)
        return [
            Pair(
                ahead,
                behind,
                test,
                p,
                self.spread_told if min(len(ahead.runs), len(behind.runs)) < 2 else "",
                family,
            )
            for (ahead, behind, test), p in zip(found, corrected, strict=True)
        ]

    @cached_property
    def family(self) -> list[Pair]:
        """Every pair that something is said of."""
        best = self.ranked[0]
        pairs = [(best, line) for line in self.ranked[1:]]
        if (base := self.called(self.base)) is not None:
            against = [line for line in self.ranked if line is not base]
        else:
            base, against = self.best_of("lstm"), self.all_of("sru")
        for line in against if base else ():
            if base and best not in (line, base):
                pairs.append((line, base))
        return self.tested(pairs)

    def pair(self, one: Line, other: Line) -> Pair:
        """That of the family, or else the pair alone."""
        both = {one.name, other.name}
        known = [pair for pair in self.family if {pair.ahead.name, pair.behind.name} == both]
        return known[0] if known else self.tested([(one, other)])[0]

    def called(self, name: str) -> Line | None:
        """The row of that name, None where it has no mean."""
        return next((line for line in self.ranked if line.name == name), None)

    @cached_property
    def lost(self) -> dict[str, list[RunRecord]]:
        """Runs that diverged and have no figures, by row, of rows without any finished run."""
        ran = {line.name for line in self.asked if line.runs}
        found: dict[str, list[RunRecord]] = {}
        for run in self.failed:
            if run.row not in ran and has_diverged(run):
                found.setdefault(run.row, []).append(run)
        return found

    def all_of(self, model: str) -> list[Line]:
        """The rows of a model, the best first; such as depart from the paper on purpose are left out."""
        return [line for line in self.ranked if line.model == model and not line.paper.deviation]

    def best_of(self, model: str) -> Line | None:
        """The best of them."""
        return next(iter(self.all_of(model)), None)

    def _tested(self, ahead: Line, behind: Line) -> tuple[Line, Line, Test]:
        """The better first, which over common parts of a cross-validation may be the other one."""
        test = self._test(ahead, behind)
        return (ahead, behind, test) if test.effect >= 0 else (behind, ahead, self._test(behind, ahead))

    def _test(self, ahead: Line, behind: Line) -> Test:
        """Its effect is how much the first is better."""
        less, more = (ahead, behind) if self.metric.lower_is_better else (behind, ahead)
        if less.folded and more.folded and (both := common([less, more])):
            left, right = ({key: line.figures[key] for key in both} for line in (less, more))
            test = compare_two(left, right, overlap=1 / (FOLDS - 1))
            if less.missing_folds or more.missing_folds:
                return Test(test.effect, None, None, None, "folds are missing")
            return test
        if less.missing_folds or more.missing_folds:
            return Test(more.mean - less.mean, None, None, None, "no common folds")
        if min(len(less.runs), len(more.runs)) > 1:
            overlap = 1 / (FOLDS - 1) if less.folded or more.folded else 0.0
            return compare_two(less.figures, more.figures, overlap=overlap, paired=False)
        if self.spread is None:
            return Test(more.mean - less.mean, None, None, None, "one seed")
        return compare_borrowed(less.values, more.values, self.spread)


def standing(section: TableSection, task: str, base: str = "") -> Standing | None:
    """The rows of a section on a task; None where none has a mean."""
    found = [line for line in section.lines(task) if line.runs and not line.mixed]
    finite = [line for line in found if math.isfinite(line.mean)]
    if not finite:
        return None
    sign = 1 if finite[0].metric.lower_is_better else -1
    shared = common(finite) if finite[0].folded else []

    def place(line: Line) -> float:
        return sign * (fmean(line.figures[key] for key in shared) if shared else line.mean)

    return Standing(
        ranked=tuple(sorted(finite, key=place)),
        diverged=tuple(line for line in found if line not in finite),
        base=base,
        asked=tuple(section.asked(task)),
        failed=tuple(run for run in section.failed if run.task == task),
    )


def has_diverged(run: RunRecord) -> bool:
    """Whether a run ended as its loss or gradient was no number, or has a figure that is none."""
    if run.finished:
        return not math.isfinite(run.score)
    return bool(_NOT_FINITE.search(run.error or ""))


def common(lines: Sequence[Line]) -> list[tuple[int, int | None]]:
    """Seeds and parts of a cross-validation that all of them have."""
    return [key for key in lines[0].figures if all(key in line.figures for line in lines)]
