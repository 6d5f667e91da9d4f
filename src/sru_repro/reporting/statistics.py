"""Means with intervals, and tests of a difference, for figures over seeds and folds. One place for all reports.

All are Student's: an interval is mean ± t(0.975, n − 1) · s · √(1/n). Two rows are compared pair by pair where every
seed (or fold) of the one with fewer runs stands in the other, too; else by Welch's test, with the degrees of freedom of
Welch and Satterthwaite. Parts of a cross-validation share most of their training data and vary together: there 1/n
becomes 1/n + n_test/n_train (Nadeau and Bengio, Inference for the generalization error, 2003, section 3.3).
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import TypeVar

K = TypeVar("K", bound=Hashable)

LEVEL = 0.05
"""Differences with a smaller p count."""
_ROUNDING = 1e-12
"""Of figures that are the same but for their last digits, as a part of them."""


@dataclass(frozen=True)
class Test:
    """What is known of a difference b − a, in the unit of the figures; None where nothing can be said."""

    effect: float
    """Difference of the means, over the pairs where runs are paired."""
    low: float | None
    high: float | None
    """Its 95 % interval, before any correction."""
    p: float | None
    """Two-sided: how often chance alone would give as large a difference."""
    how: str
    """ "paired, n=3", "Welch, n=3 and 5", or why nothing can be tested."""


def interval(values: Sequence[float], *, overlap: float = 0.0) -> tuple[float, float | None]:
    """The mean, and half of its 95 % interval: None of a single value, or where one is not finite.

    `overlap` is n_test/n_train where the values are of parts of a cross-validation, 1/9 of ten.
    """
    mean = fmean(values)
    if len(values) < 2 or not math.isfinite(mean):
        return mean, None
    n = len(values)
    return mean, t975(n - 1) * math.sqrt(variance(values) * (1 / n + overlap))


def compare_two(a: Mapping[K, float], b: Mapping[K, float], *, overlap: float = 0.0) -> Test:
    """The difference b − a of two rows, each a figure by its seed, or its seed and fold; neither is empty.

    `overlap` as of `interval`.
    """
    fewer = min(a, b, key=len)
    common = [key for key in a if key in b]
    if len(common) == len(fewer) > 1:
        return _paired(
            [b[key] - a[key] for key in common], max(map(abs, (*a.values(), *b.values()))), overlap
        )
    left, right = list(a.values()), list(b.values())
    effect = fmean(right) - fmean(left)
    if len(fewer) < 2:
        return Test(effect, None, None, None, f"n={len(a)} and {len(b)}: nothing can be tested")
    terms = [variance(side) * (1 / len(side) + overlap) for side in (left, right)]
    scatter = sum(term**2 / (len(side) - 1) for term, side in zip(terms, (left, right), strict=True))
    how = f"Welch, n={len(a)} and {len(b)}"
    df = sum(terms) ** 2 / scatter if scatter else 1.0
    return _tested(effect, math.sqrt(sum(terms)), df, max(map(abs, (*left, *right))), how)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """The p values of several tests, corrected so that with 95 % none is below 0.05 by chance (Holm, 1979); None, where
    nothing was tested, stays and does not count."""
    known = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        corrected[place] = largest
    return corrected


def _paired(differences: Sequence[float], scale: float, overlap: float) -> Test:
    n = len(differences)
    effect = fmean(differences)
    error = math.sqrt(variance(differences) * (1 / n + overlap)) if math.isfinite(effect) else math.nan
    return _tested(effect, error, n - 1, scale, f"paired, n={n}")


def _tested(effect: float, error: float, df: float, scale: float, how: str) -> Test:
    if not math.isfinite(effect) or not math.isfinite(error):
        return Test(effect, None, None, None, f"{how}: a run diverged")
    if error <= _ROUNDING * scale:  # all differ by the same: t would divide by rounding
        if abs(effect) <= _ROUNDING * scale:
            return Test(effect, effect, effect, 1.0, how)
        return Test(effect, None, None, None, f"{how}: no spread over the runs, nothing can be tested")
    half = t975(df) * error
    return Test(effect, effect - half, effect + half, 2 * _below(df, -abs(effect) / error), how)


def t975(df: float) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy import special  # brings NumPy, which reading records has no need of

    return float(special.stdtrit(df, 0.975))


def _below(df: float, t: float) -> float:
    """How probable a t below this one is."""
    from scipy import special

    return float(special.stdtr(df, t))
