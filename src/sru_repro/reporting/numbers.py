"""Numbers as people read them."""

import math
from collections.abc import Sequence

from .document import NONE


def ratio(above: float | None, below: float | None) -> float | None:
    """Their quotient, None where one is missing."""
    return above / below if above is not None and below else None


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the median of what was drawn from lies, with 95 % at least: two of the sorted values, as many from each end
    (of fewer than six the smallest and the largest, which say less)."""
    ordered, n = sorted(values), len(values)
    outside, place = 2 * 0.5**n, 0  # both tails
    while place < (n - 1) // 2 and (outside := outside + 2 * math.comb(n, place + 1) * 0.5**n) <= 0.05:
        place += 1
    return ordered[place], ordered[n - 1 - place]


def shown(value: float | None, form: str = "{:,.0f}") -> str:
    """The number in that form, by default whole, with thousands commas."""
    return NONE if value is None else form.format(value)


def times(value: float | None) -> str:
    """So many times as fast."""
    return shown(value, "{:.2f}×")


def significant(value: float | None) -> str:
    """Three digits, with thousands commas and without exponents."""
    if value is None:
        return NONE
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{max(0, decimals)}f}"


def size(count: int | None) -> str:
    """Bytes."""
    for unit, name in ((1e6, "MB"), (1e3, "KB")):
        if count is not None and count >= unit:
            return f"{significant(count / unit)} {name}"
    return NONE if count is None else f"{count} B"


def listed(items: Sequence[object]) -> str:
    """ "a, b and c"."""
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last
