"""Rows whose test figure their own validation contradicts: a rank by the test alone says little of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from ..runs.line import Line
from . import words
from .standing import Standing

GROSS = 1.25
"""So many times as far apart as the other rows' are validation and test where they contradict each other."""
_FEWEST = 3
"""Rows that have both."""


@dataclass(frozen=True)
class Odd:
    """A row whose validation, as a multiple of its test, lies far from that of the others."""

    line: Line
    figure: float
    """Of validation, with the weights that were tested."""
    place: int
    """Among the rows, by validation; 1 is the best."""
    rows: int
    others: tuple[float, float]
    """From the least to the most that validation and test of the other rows lie apart, as parts of the test's."""

    @property
    def validated(self) -> str:
        """ "perplexity 421.78 in validation, place 7 of 7"."""
        figure = words.value(self.figure, self.line.metric)
        return f"{figure} in validation, place {self.place} of {self.rows}"


def odd(standing: Standing) -> list[Odd]:
    """Such rows, by their rank."""
    known = {line.name: found for line in standing.ranked if (found := _validated(line)) is not None}
    lines = [line for line in standing.ranked if known.get(line.name) and line.mean]
    if len(lines) < _FEWEST:
        return []
    ratios = {line.name: known[line.name] / line.mean for line in lines}
    middle = median(ratios.values())
    gross = [line for line in lines if not middle / GROSS <= ratios[line.name] <= middle * GROSS]
    far = [abs(ratios[line.name] - 1) for line in lines if line not in gross]
    order = sorted(known.values(), reverse=not standing.metric.lower_is_better)
    return [
        Odd(
            line,
            known[line.name],
            order.index(known[line.name]) + 1,
            len(order),
            (min(far), max(far)),
        )
        for line in gross
        if far
    ]


def told(standing: Standing) -> list[str]:
    """A sentence on each."""
    said, rows = [], len(standing.ranked)
    for one in odd(standing):
        place = standing.ranked.index(one.line) + 1
        text = f"Test and validation contradict each other for {words.name(one.line)}: {words.of(one.line)} in the test"
        text += f", place {place} of {rows}, but {one.validated}"
        rest = f"of the other rows they lie {_percent(one.others)} apart"
        said.append(f"{text}; {rest}. Its place rests on the test alone.")
    return said


def _validated(line: Line) -> float | None:
    """The mean over runs, None where one lacks it."""
    found = [run.metrics.get(run.validated) for run in line.runs]
    known = [figure * line.metric.scale for figure in found if figure is not None]
    return fmean(known) if len(known) == len(found) else None


def _percent(ends: Sequence[float]) -> str:
    low, high = (f"{100 * end:.0f}" for end in ends)
    return f"{low} %" if low == high else f"{low} to {high} %"
