"""Means with intervals, and tests of a difference, for figures over seeds and folds. One place for all reports.

All are Student's: an interval is mean ± t(0.975, n − 1) · s · √(1/n). Two rows are compared pair by pair where every
seed (or fold) of the one with fewer runs stands in the other, too; else by Welch's test, with the degrees of freedom of
Welch and Satterthwaite. Parts of a cross-validation share most of their training data and vary together: there 1/n
becomes 1/n + n_test/n_train (Nadeau and Bengio, Inference for the generalization error, 2003, section 3.3).

Whether two lists of rows stand in one order is Kendall's tau, -1 to 1: pairs in the same order minus pairs in the
other, over all pairs; with ties tau-b, where tied pairs count for neither side. Its interval is that of a parametric
bootstrap, each mean drawn again with its own error.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance
from typing import NamedTuple, TypeVar

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
    error: float | None = None
    """Standard error of the difference."""
    df: float = math.inf
    """Its degrees of freedom."""

    def at(self, level: float) -> tuple[float | None, float | None]:
        """The interval that leaves out so much: `LEVEL` for `low` and `high`, less where several tests share it."""
        if not self.error:
            return self.low, self.high
        half = quantile(self.df, 1 - level / 2) * self.error
        return self.effect - half, self.effect + half

    def against(self, effect: float, terms: Iterable[tuple[float, float]]) -> float | None:
        """Two-sided p of this difference beside another one, which has an error, too: `terms` are its variances with
        their degrees of freedom (Welch and Satterthwaite); None where this one has no error."""
        if not self.error:
            return None
        known = [(self.error**2, self.df), *terms]
        whole = sum(term for term, _ in known)
        df = whole**2 / scatter if (scatter := sum(term**2 / df for term, df in known)) else math.inf
        return 2 * _below(df, -abs(self.effect - effect) / math.sqrt(whole))


class Quartiles(NamedTuple):
    """What a record keeps of n positive values: the median, and the quartiles between the values (`inclusive`)."""

    median: float
    low: float
    high: float
    n: int


def ratio_of_medians(above: Quartiles, below: Quartiles) -> tuple[float, float | None, float | None]:
    """Their quotient, and the ends of its 95 % interval: None where one is of a single value.

    On logarithms, where the quotient is a difference: deviations from the quartiles, as far apart as n normal values
    have them, the error of a median as sqrt(pi/2) of a mean's, degrees of freedom by Welch and Satterthwaite.
    """
    ratio = above.median / below.median
    if min(above.n, below.n) < 2:
        return ratio, None, None
    terms = [_error_of_median(side) ** 2 for side in (above, below)]
    scatter = sum(term**2 / (side.n - 1) for term, side in zip(terms, (above, below), strict=True))
    half = t975(sum(terms) ** 2 / scatter) * math.sqrt(sum(terms)) if scatter else 0.0
    return ratio, ratio * math.exp(-half), ratio * math.exp(half)


def _error_of_median(found: Quartiles) -> float:
    """Of its logarithm."""
    from scipy import special

    # Where the sorted values of a normal sample are expected (Blom, 1958), and its quartiles between them.
    scores = [float(special.ndtri((place + 0.625) / (found.n + 0.25))) for place in range(found.n)]
    place = 0.75 * (found.n - 1)
    below = math.floor(place)
    upper = scores[below] + (place - below) * (scores[min(below + 1, found.n - 1)] - scores[below])
    deviation = math.log(found.high / found.low) / (2 * upper)
    return deviation * math.sqrt(math.pi / 2 / found.n)


def geometric(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """The geometric mean of positive values and the ends of its 95 % interval: Student's, on logarithms."""
    mean, half = interval([math.log(value) for value in values])
    ends = (None, None) if half is None else (math.exp(mean - half), math.exp(mean + half))
    return math.exp(mean), *ends


def at_most(failed: int, tries: int) -> float:
    """The rate of failure that so many failures in so many like tries leave possible, with 95 % (Clopper, Pearson)."""
    from scipy import special

    return 1.0 if failed >= tries else float(special.betaincinv(failed + 1, tries - failed, 1 - LEVEL))


def interval(values: Sequence[float], *, overlap: float = 0.0) -> tuple[float, float | None]:
    """The mean, and half of its 95 % interval: None of a single value, or where one is not finite.

    `overlap` is n_test/n_train where the values are of parts of a cross-validation, 1/9 of ten.
    """
    mean = fmean(values)
    if len(values) < 2 or not math.isfinite(mean):
        return mean, None
    n = len(values)
    return mean, t975(n - 1) * math.sqrt(variance(values) * (1 / n + overlap))


def compare_two(
    a: Mapping[K, float], b: Mapping[K, float], *, overlap: float = 0.0, paired: bool = True
) -> Test:
    """The difference b − a of two rows, each a figure by its seed, or its seed and fold; neither is empty.

    `overlap` as of `interval`; `paired=False` asks for Welch's test also where the seeds are the same, as a seed alone
    makes two models no more alike.
    """
    fewer = min(a, b, key=len)
    common = [key for key in a if key in b]
    if paired and len(common) == len(fewer) > 1:
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


@dataclass(frozen=True)
class Spread:
    """A deviation that rows share, from runs or from what a paper prints."""

    deviation: float
    df: float


def pooled(groups: Iterable[tuple[float, float]]) -> Spread | None:
    """The common deviation of several groups, each its deviation and number of runs; None of single runs alone."""
    known = [(dev, n) for dev, n in groups if n > 1 and math.isfinite(dev)]
    df = sum(n - 1 for _, n in known)
    return Spread(math.sqrt(sum(dev**2 * (n - 1) for dev, n in known) / df), df) if df else None


def compare_borrowed(a: Sequence[float], b: Sequence[float], spread: Spread) -> Test:
    """The difference b − a where one of the rows has a single run: with the deviation of others."""
    scale = max(map(abs, (*a, *b)))
    error = spread.deviation * math.sqrt(1 / len(a) + 1 / len(b))
    how = "one seed"
    return _tested(fmean(b) - fmean(a), error, spread.df, scale, how)


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau of two lists of means."""

    tau: float
    p: float
    """How often chance alone would give as much, in one direction or the other: exact of few rows without ties."""
    low: float | None
    high: float | None
    """The 95 % interval, None where no error is known."""


_DRAWS = 4000


def agreement(
    ours: Sequence[float],
    theirs: Sequence[float],
    our_errors: Sequence[float] | None = None,
    their_errors: Sequence[float] | None = None,
    df: float = math.inf,
) -> Agreement | None:
    """How far two lists of means have one order; errors are standard errors, ours Student's with `df` degrees of
    freedom. The same figures give the same interval. None of fewer than two rows, or where a list has one value only.
    """
    if len(ours) < 2 or not all(map(math.isfinite, (*ours, *theirs))):
        return None
    from scipy import stats

    found = stats.kendalltau(ours, theirs)
    if not math.isfinite(found.statistic):
        return None
    tau, p = float(found.statistic), float(found.pvalue)
    if our_errors is None:
        return Agreement(tau, p, None, None)
    import numpy as np

    rng = np.random.default_rng(0)
    shape = _DRAWS, len(ours)
    noise = rng.standard_normal(shape) if math.isinf(df) else rng.standard_t(df, shape)
    drawn = np.asarray(ours) + noise * np.asarray(our_errors)
    other = np.asarray(theirs) + rng.standard_normal(shape) * np.asarray(their_errors or [0.0] * len(ours))
    first, second = np.triu_indices(len(ours), 1)
    signs = np.sign(drawn[:, first] - drawn[:, second]) * np.sign(other[:, first] - other[:, second])
    known = [np.asarray(side)[first] != np.asarray(side)[second] for side in (ours, theirs)]
    whole = math.sqrt(math.prod(int(side.sum()) for side in known))
    low, high = np.quantile((signs * (known[0] & known[1])).sum(axis=1) / whole, (0.025, 0.975))
    return Agreement(tau, p, float(low), float(high))


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
    return Test(effect, effect - half, effect + half, 2 * _below(df, -abs(effect) / error), how, error, df)


def deviation(values: Sequence[float]) -> float | None:
    """Sample standard deviation; None of fewer than two values, NaN where one is not finite."""
    if len(values) < 2:
        return None
    return stdev(values) if all(map(math.isfinite, values)) else math.nan


def t975(df: float) -> float:
    """The 97.5 % quantile of Student's t."""
    return quantile(df, 0.975)


def quantile(df: float, part: float) -> float:
    """That of Student's t."""
    from scipy import special  # brings NumPy, which reading records has no need of

    return float(special.stdtrit(df, part))


def _below(df: float, t: float) -> float:
    """How probable a t below this one is."""
    from scipy import special

    return float(special.stdtr(df, t))
