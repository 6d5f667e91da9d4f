"""The ranking: runs of one configuration are one line, with the mean over seeds and folds and its 95 % interval.

Intervals and tests are those of `statistics`, as in `compare`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from ..runs.line import Line, Row
from ..runs.records import FOLDS
from ..statistics import Test, compare_two, interval
from .entries import Entry, Part
from .settings import Setting, Value, differing, label


@dataclass(frozen=True)
class Group:
    """The runs of one configuration, in the units in which its figure is printed."""

    part: Part
    settings: Sequence[Setting]
    values: Sequence[Value]
    """Of the settings."""
    entries: Sequence[Entry]
    """One for each seed and fold."""

    @cached_property
    def figures(self) -> list[float]:
        """The validation figure of each."""
        return [entry.value * self.part.metric.scale for entry in self.entries if entry.value is not None]

    @cached_property
    def mean(self) -> float:
        """Over seeds and folds."""
        return fmean(self.figures)

    @property
    def label(self) -> str:
        """The configuration in words; the run's name where nothing differs."""
        return label(self.settings, self.values) or self.entries[0].name

    @property
    def half(self) -> float | None:
        """Half the width of the 95 % interval of the mean."""
        return interval(self.figures, overlap=self.overlap)[1]

    @cached_property
    def line(self) -> Line:
        """Its runs as a row of a table: test figures, speed, memory."""
        runs = tuple(entry.run for entry in self.entries if entry.run is not None)
        return Line.of(Row(name=self.label), self.part.task, runs)

    @property
    def repeats(self) -> str:
        """What the mean is over: "3 seeds", "2 seeds × 10 folds", "one seed"."""
        seeds, folds = (list(dict.fromkeys(drawn)) for drawn in zip(*self._drawn, strict=True))
        if folds != [None]:
            whole = len(self.entries) == len(seeds) * len(folds)
            return (
                f"{_many(len(seeds), 'seed')} × {len(folds)} folds" if whole else f"{len(self.entries)} folds"
            )
        return _many(len(self.entries), "seed")

    @property
    def _drawn(self) -> list[tuple[object, object]]:
        return [entry.drawn() for entry in self.entries]

    @property
    def overlap(self) -> float:
        """Of the training data of its folds, as `statistics` wants it."""
        folds = {fold for _, fold in self._drawn}
        return 0.0 if None in folds else 1 / (FOLDS - 1)

    def against(self, other: "Group") -> Test:
        """What its runs say of the difference to another line."""
        own, its = (dict(zip(of._drawn, of.figures, strict=True)) for of in (self, other))
        return compare_two(own, its, overlap=max(self.overlap, other.overlap))


@dataclass(frozen=True)
class Ranking:
    """All configurations of a part, the best first."""

    part: Part
    settings: Sequence[Setting]
    """Of all members of the part, in the order of `part.entries`."""
    groups: Sequence[Group]
    repeated: int
    """Runs that repeat a configuration with its seed, of which the later counts."""

    @property
    def behind(self) -> float:
        """By how much the second lags the first, in the units of the figure."""
        return abs(self.groups[1].mean - self.groups[0].mean)


def ranked(part: Part) -> Ranking:
    """The runs of a part that have a figure, by configuration."""
    settings = differing(part.entries)
    found: dict[str, tuple[list[Value], dict[object, Entry]]] = {}
    for place, entry in enumerate(part.entries):
        if entry.finished:
            values = [setting.values[place] for setting in settings]
            _, own = found.setdefault(repr(values), (values, {}))
            before = own.get(entry.drawn())
            if before is None or before.ended <= entry.ended:
                own[entry.drawn()] = entry
    groups = [Group(part, settings, values, [*own.values()]) for values, own in found.values()]
    groups.sort(key=lambda group: group.mean, reverse=not part.lower)
    counted = sum(len(group.entries) for group in groups)
    return Ranking(part, settings, groups, len(part.ranked) - counted)


def _many(count: int, what: str) -> str:
    return f"one {what}" if count == 1 else f"{count} {what}s"
