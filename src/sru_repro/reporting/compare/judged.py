"""Which rows of a section differ in its headline: each against one of them, by default the best."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..numbers import listed
from ..runs.budget import not_comparable
from ..runs.records import Metric
from ..statistics import LEVEL, Test, compare_two, holm
from .differences import line_of
from .groups import Group, Section

MANY = 40
"""Rows that are compared pair by pair, at most: of more nobody reads which are alike."""
SAID = 8
"""Names that a sentence tells at most."""


@dataclass(frozen=True)
class Judged:
    """A row's difference to the row that all are compared with."""

    group: Group
    test: Test | None
    """None of that row itself."""
    corrected: float | None
    """p after Holm's correction over all rows."""

    @property
    def differs(self) -> bool | None:
        """Whether it does at 5 % after the correction; None where nothing could be tested."""
        return None if self.corrected is None else self.corrected < LEVEL


def called(section: Section, wanted: str) -> list[Group]:
    """The rows with a figure that a name means: the one that is called so, or else all that were configured as it."""
    return [group for group in section.ranked if group.name == wanted] or [
        group for group in section.ranked if group.first.row == wanted
    ]


def base_of(section: Section, wanted: str = "") -> Group | None:
    """The row that all are compared with: the one that `wanted` means; else the best, of those with several runs where
    there are two such. None where no row has a figure."""
    ranked, named = section.ranked, called(section, wanted)
    if len(named) == 1:
        return named[0]
    several = [group for group in ranked if len(group.figures(section.headline)) > 1]
    return several[0] if len(several) > 1 else next(iter(ranked), None)


def judged(section: Section, base: Group) -> list[Judged]:
    """Each row with a figure against `base`, in the order of the section."""
    own = base.figures(section.headline)
    tests = [
        None
        if group is base
        else compare_two(own, group.figures(section.headline), overlap=max(base.overlap, group.overlap))
        for group in section.ranked
    ]
    corrected = holm([None if test is None else test.p for test in tests])
    return [Judged(*line) for line in zip(section.ranked, tests, corrected, strict=True)]


def alike(section: Section) -> list[list[int]]:
    """For each row with a figure, the places of those that do not differ from it even before any correction."""
    ranked = section.ranked
    found: list[list[int]] = [[] for _ in ranked]
    if len(ranked) > MANY:
        return found
    for place, one in enumerate(ranked):
        for later in range(place + 1, len(ranked)):
            other = ranked[later]
            overlap = max(one.overlap, other.overlap)
            p = compare_two(one.figures(section.headline), other.figures(section.headline), overlap=overlap).p
            if p is not None and p >= LEVEL:
                found[place].append(later)
                found[later].append(place)
    return [sorted(places) for places in found]


def finding(section: Section, base: Group | None, wanted: str = "") -> list[str]:
    """What the section says, in sentences; also where it has not the one row that was wanted to compare with."""
    ranked = section.ranked
    if base is None:
        return ["No run has finished: there are no figures to compare."]
    said = [f"{ranked[0].name} has the best figure: {_figure(section, ranked[0])}."]
    if wanted and len(named := called(section, wanted)) != 1:
        so = f"{len(named)} rows here are" if named else "No row with a figure here is"
        against = f": the others are compared with {base.name}" * (len(ranked) > 1)
        said.append(f"{so} called {line_of(wanted)}{against}.")
    elif base is not ranked[0]:
        said.append(f"The others are compared with {base.name}: {_figure(section, base)}.")
    said += _caveats(ranked)
    runs = [(group.name, run) for group in ranked for run in group.counted.values()]
    said += [line for line in [not_comparable(runs)] if line]
    if len(ranked) == 1:
        return [f"{base.name}: {_figure(section, base)}. There is nothing to compare it with.", *said[1:]]
    rows = [line for line in judged(section, base) if line.test]
    corrected = ", by Holm's correction" * (len(rows) > 1)
    for verdict, words in (
        (True, ("differs from it", "differ from it", f"at {100 * LEVEL:.0f} %{corrected}")),
        (False, ("does not differ from it", "do not differ from it", "for all that these runs can tell")),
        (None, ("", "", "")),
    ):
        found = [line for line in rows if line.differs is verdict]
        if found:
            said.append(_sentence(found, rows, words, section.metric))
    return said


def _caveats(ranked: Sequence[Group]) -> list[str]:
    """What has to stand beside the figures, with the rows that it is said of where it is not all."""
    of: dict[str, list[str]] = {}
    for group in ranked:
        for caveat in dict.fromkeys(run.caveat for run in group.counted.values() if run.caveat):
            of.setdefault(caveat, []).append(group.name)
    return [
        f"{caveat[:1].upper()}{caveat[1:]}" + f" ({_told(names)})" * (len(names) < len(ranked)) + "."
        for caveat, names in of.items()
    ]


def _told(names: Sequence[str]) -> str:
    """As many as a sentence tells."""
    return listed(names) if len(names) <= SAID else f"{', '.join(names[:SAID])} and {len(names) - SAID} more"


def _figure(section: Section, group: Group) -> str:
    mean = group.mean(section.headline)
    name, _, unit = section.head.partition(", ")
    figure = f"{number(mean[0], section.metric)} {unit}".strip() if mean else ""
    return f"{name} {figure} (n={len(group.figures(section.headline))})"


def _sentence(found: Sequence[Judged], rows: Sequence[Judged], words: Sequence[str], metric: Metric) -> str:
    names = [f"{line.group.name} ({change(line.test.effect, metric)})" for line in found if line.test]
    told = _told(names)
    one, several, why = words
    verb = one if len(found) == 1 else several
    if not why:
        why = "; ".join(dict.fromkeys(line.test.how for line in found if line.test))
        return f"Not tested: {told}; {why}."
    if len(found) == len(rows) > 1:
        return f"All {len(rows)} others {verb} {why}" + f": {told}" * (len(found) <= SAID // 2) + "."
    return f"{told} {verb} {why}."


def number(value: float, metric: Metric) -> str:
    """A figure with the decimals of its metric."""
    return f"{value:.{metric.decimals}f}"


def change(value: float, metric: Metric) -> str:
    """A difference with its sign."""
    return f"{value:+.{metric.decimals}f}".replace("-", "−")
