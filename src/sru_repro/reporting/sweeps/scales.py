"""Where the values of a setting stand on an axis, from 0 to 1, and what its ticks say.

Numbers that span decades stand on a logarithmic axis; a zero beside such numbers, and names, get places of their own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from .settings import Setting, Value, shown

FEW = 6
"""So many values, or fewer, are the ticks themselves."""
_APART = 0.09
"""Ticks at values are not closer than this."""
_DECADE = 8
"""About a decade: from 16 to 128."""


@dataclass(frozen=True)
class Scale:
    """An axis of one setting."""

    places: dict[Value, float]
    ticks: Sequence[tuple[float, str]]
    named: bool
    """Whether each value has a place of its own, as names have."""
    log: bool = False

    def at(self, value: Value) -> float:
        """The place of one of its values."""
        return self.places[value]


def scale_of(setting: Setting) -> Scale:
    """The axis for a setting: linear, logarithmic, or a place for each value."""
    if setting.numeric:
        values = [float(value) for value in setting.known]  # type: ignore[arg-type]
        log = spans_decades([float(value) for value in setting.values])  # type: ignore[arg-type]
        if min(values) > 0 or not _leap([value for value in values if value > 0]):
            return _of_numbers(setting, values, log)
    known = [*setting.known, *([None] if None in setting.values else [])]
    places = {value: (place + 0.5) / len(known) for place, value in enumerate(known)}
    return Scale(places, [(place, shown(value)) for value, place in places.items()], named=True)


def spans_decades(values: Sequence[float]) -> bool:
    """Whether numbers belong on a logarithmic axis: they span a decade, and lie more evenly there than on a linear one
    (of draws from 0 to 1 the smallest may be a thousandth)."""
    low, high = min(values), max(values)
    if low <= 0 or high / low < _DECADE:
        return False
    middle = median(values)
    linear, log = (middle - low) / (high - low), math.log(middle / low) / math.log(high / low)
    return abs(log - 0.5) < abs(linear - 0.5)


def _leap(values: Sequence[float]) -> bool:
    """Whether a few numbers, in order, lie as far apart as 0.0001, 0.001, 0.01, beside which a zero has no place."""
    steps = [two / one for one, two in pairwise(values)]
    return 0 < len(steps) < 2 * FEW and values[-1] >= _DECADE * values[0] and min(steps) >= 3


def _of_numbers(setting: Setting, values: Sequence[float], log: bool) -> Scale:
    from matplotlib.ticker import LogLocator, MaxNLocator

    low, high = min(values), max(values)

    def at(value: float) -> float:
        if high == low:
            return 0.5
        return math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)

    places = [at(value) for value in values]
    apart = all(two - one >= _APART for one, two in pairwise(places))
    if len(values) <= FEW and apart:
        ticks = list(values)
    elif log:
        for steps in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0)):
            ticks = _within(LogLocator(subs=steps).tick_values(low, high), low, high)
            if len(ticks) > 2:
                break
    else:
        whole = all(isinstance(value, int) for value in setting.values)
        ticks = _within(
            MaxNLocator(nbins=5, integer=whole, steps=[1, 2, 5, 10]).tick_values(low, high), low, high
        )
    known = {value: at(float(value)) for value in setting.known}  # type: ignore[arg-type]
    return Scale(known, [(at(tick), f"{tick:.4g}") for tick in ticks], named=False, log=log)


def _within(ticks: Sequence[float], low: float, high: float) -> list[float]:
    slack = 1e-9 * (high - low)
    return [float(tick) for tick in ticks if low - slack <= tick <= high + slack]
