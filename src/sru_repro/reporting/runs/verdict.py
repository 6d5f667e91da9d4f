"""Does our number agree with the paper's? One rule for all tables, stated in full here.

With n runs of ours and m of the paper's, d is the difference of the means. Its 95 % interval is Welch's:
half-width t(0.975, df) * sqrt(s_ours^2 / n + s_paper^2 / m), df after Welch and Satterthwaite.
Half a unit of the last digit that the paper prints is granted on top.

- *off (d)*: the interval does not hold zero.
- *matches*: it holds zero and lies within two of the paper's own deviations, where 95 % of its runs fall.
  This wants runs enough to say so, and at least three: two may lie close together by chance.
- *within noise*: it holds zero, but is too wide to say more.

One run of ours borrows the paper's deviation. Where the paper gives one number without a deviation, that
number counts as a single run that varies as ours do. Folds of a cross-validation count as runs, as in the
paper; both sides cut the same pool, so the interval is rather too wide than too narrow.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from statistics import fmean, stdev

from ..statistics import t975


def t_quantile(df: float) -> float:
    """The 97.5 % quantile of Student's t; below 31 degrees of freedom that of the whole number beneath."""
    return t975(max(int(df), 1) if df < 31 else df)


def digits(printed: float, least: int) -> int:
    """Digits after the point of a number of the paper's, which as a float has lost the zeros at its end."""
    return max(least, -int(Decimal(str(printed)).as_tuple().exponent))


def verdict(
    ours: Sequence[float],
    paper_mean: float,
    paper_dev: float | None,
    comparable: bool = True,
    why_not: str = "",
    deviation: str = "",
    *,
    paper_runs: int = 5,
    decimals: int = 1,
    paper_decimals: int = 1,
) -> str:
    """One of "matches", "within noise", "off (−1.2)", "not comparable: why".

    `ours` and the paper's numbers share a unit (per cent, bits per byte). `why_not` says what is wrong with
    the data, `deviation` how the row departs from the paper on purpose; either forbids a comparison.
    `decimals` are those of the difference, `paper_decimals` what the paper prints at least: 1.3 may be a 1.30.
    """
    reasons = [reason for reason in ("" if comparable else why_not or "other data", deviation) if reason]
    if reasons:
        return "not comparable: " + "; ".join(reasons)
    if not all(math.isfinite(value) for value in ours):
        return "off (diverged)"
    n = len(ours)
    own_dev = stdev(ours) if n > 1 else None
    if own_dev is None and paper_dev is None:
        return "not comparable: a single run, and the paper gives no deviation"

    rounding = 0.5 * 10.0 ** -digits(paper_mean, paper_decimals)
    if paper_dev is None:
        spread, paper_runs = own_dev or 0.0, 1
    else:
        spread = max(paper_dev, rounding)  # a printed 0.0 is a deviation that was rounded away
    own_term = (spread if own_dev is None else own_dev) ** 2 / n
    paper_term = spread**2 / paper_runs
    # A borrowed deviation brings no degrees of freedom of its own; nor does a paper that gives none.
    scatter = own_term**2 / (n - 1) if n > 1 else 0.0
    if n == 1:
        df = float(paper_runs - 1)
    elif paper_dev is None:
        df = float(n - 1)
    else:
        df = (own_term + paper_term) ** 2 / (scatter + paper_term**2 / (paper_runs - 1))

    difference = fmean(ours) - paper_mean
    margin = t_quantile(df) * math.sqrt(own_term + paper_term)
    if abs(difference) > margin + rounding:
        return f"off ({difference:+.{decimals}f})".replace("-", "−")
    if n > 2 and abs(difference) + margin <= 2 * spread + rounding:
        return "matches"
    return "within noise"
