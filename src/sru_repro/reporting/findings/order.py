"""Whether our rows stand in the paper's order, also where their levels cannot be compared.

*yes*: Kendall's tau is more than chance gives (p < 0.05, so at least five rows), its whole interval lies above 0, and
no pair contradicts the paper. *no*: a pair does, or the whole interval lies below 0. A pair contradicts where it stands
the other way round, its rows differ at 5 %, and its difference differs at 5 % from the paper's, which has an error,
too. Neither is said of rows that trained for equal time and not equal epochs, or by a deviation that is not of our own
runs; and no *yes* by numbers of the paper's that could not be checked.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from ..runs.line import Line
from ..runs.verdict import digits
from ..statistics import LEVEL, Agreement, Spread, agreement, holm
from . import words
from .standing import Pair, Standing

_TOLD = 2
"""Reversed pairs that are told with their figures."""
_FREEDOM = 4
"""Degrees of freedom from which on our own deviation counts as known."""
_ALIKE = 1.05
"""Epochs of the row with most of them over those of the row with fewest, from which on training is not equal."""


@dataclass(frozen=True)
class Order:
    """Rows with a number of the paper's, ours beside it."""

    lines: Sequence[Line]
    found: Agreement
    reversed: Sequence[Pair]
    """Pairs that the paper has the other way round, the widest gap first; a family of tests of their own, but for those
    that the section tests anyway."""
    contradicting: Sequence[Pair] = ()
    """Those of them that neither our seeds nor the paper's explain."""
    wanted: int = 0
    """How many rows have a number of the paper's, run or not."""
    known: bool = False
    """Whether the deviation is that of our own runs."""

    @property
    def single(self) -> bool:
        """Whether some row has one run."""
        return any(len(line.runs) == 1 for line in self.lines)

    @property
    def doubted(self) -> bool:
        """Whether a number of the paper's could not be checked."""
        return any(line.paper.doubted("metric") for line in self.lines)

    @property
    def pairs(self) -> int:
        """How many pairs the rows make."""
        return math.comb(len(self.lines), 2)

    @property
    def unequal(self) -> bool:
        """Whether rows had the same time, and got through different parts of the data in it."""
        epochs = [line.epochs for line in self.lines if line.epochs]
        return (
            any(line.by_clock for line in self.lines) and bool(epochs) and max(epochs) > _ALIKE * min(epochs)
        )

    @property
    def barred(self) -> list[str]:
        """What forbids to say anything."""
        one = "one seed" if self.single else "too few seeds"
        missing = any(line.missing_folds for line in self.lines)
        reasons = (
            (not self.known, one),
            (self.unequal, "unequal epochs"),
            (missing, "folds missing"),
        )
        return [why for holds, why in reasons if holds]

    @property
    def verdict(self) -> str:
        """yes, no or cannot say."""
        if self.barred:
            return "cannot say"
        low, high = self.found.low, self.found.high
        if self.contradicting or (high is not None and high < 0):
            return "no"
        sure = low is not None and low > 0 and self.found.p < LEVEL
        return "yes" if sure and not self.doubted else "cannot say"

    @property
    def of(self) -> str:
        """How many rows it is about, "" where it is all."""
        return f"{len(self.lines)} of {self.wanted} rows" if len(self.lines) < self.wanted else ""

    @property
    def why(self) -> str:
        """What stands behind the verdict, in the few words of a cell."""
        verdict, doubt = self.verdict, "unconfirmed numbers" if self.doubted else ""
        if verdict == "cannot say":
            turned = f"; here {_ahead(self.reversed)}" if self.reversed else ""
            reasons = [self.of, *self.barred, doubt, words.chance(self.found.p) + turned]
        else:
            turned = f"{len(self.contradicting)} of {self.pairs} pairs reversed" if self.contradicting else ""
            below = words.chance(self.found.p) if verdict == "no" and not turned else ""
            reasons = [
                self.of,
                turned,
                below,
                f"by {doubt}" if doubt else "",
                "some by one seed" * self.single,
            ]
        return ", ".join(filter(None, reasons))


def order(standing: Standing) -> Order | None:
    """Ours against the paper's; None where fewer than two rows have a number there. Rows that depart from the paper on
    purpose do not count."""
    lines = [line for line in standing.ranked if line.paper_number and not line.paper.deviation]
    if len(lines) < 2:
        return None
    theirs = [number(line) for line in lines]
    spread = standing.spread
    ours = [spread.deviation / math.sqrt(len(line.runs)) for line in lines] if spread else None
    their = [math.sqrt(_term(line, spread)[0]) for line in lines]
    df = spread.df if spread else math.inf
    found = agreement([line.mean for line in lines], theirs, ours, their, df)
    if found is None:
        return None
    sign = 1 if standing.metric.lower_is_better else -1
    other = [
        (one, two)
        for one, two in combinations(lines, 2)
        if one.mean != two.mean and sign * number(one) > sign * number(two)
    ]
    known = {frozenset((pair.ahead.name, pair.behind.name)): pair for pair in standing.family}
    turned = [known[key] for one, two in other if (key := frozenset((one.name, two.name))) in known]
    turned += standing.tested([pair for pair in other if frozenset(line.name for line in pair) not in known])
    ps = holm([_beside(pair, spread) for pair in turned])
    beyond = [
        pair for pair, p in zip(turned, ps, strict=True) if pair.differs and p is not None and p < LEVEL
    ]
    return Order(
        lines,
        found,
        sorted(turned, key=lambda pair: -pair.gap),
        sorted(beyond, key=lambda pair: -pair.gap),
        sum(bool(line.paper_number and not line.paper.deviation) for line in standing.asked),
        standing.seen is not None and standing.seen.df >= _FREEDOM,
    )


def number(line: Line) -> float:
    """The paper's mean."""
    assert line.paper_number is not None
    return line.paper_number[0]


def _term(line: Line, spread: Spread | None) -> tuple[float, float]:
    """Variance of the paper's mean and its degrees of freedom, by the rule of runs/verdict.py: a printed 0.0 was
    rounded away, and a number without a deviation counts as a single run that varies as ours do."""
    assert line.paper_number is not None
    mean, dev = line.paper_number
    rounding = 0.5 * 10.0 ** -digits(mean, line.metric.paper_decimals)
    if dev is None:
        return max(spread.deviation if spread else 0.0, rounding) ** 2, spread.df if spread else math.inf
    return max(dev, rounding) ** 2 / line.paper_runs, max(line.paper_runs - 1, 1)


def _beside(pair: Pair, spread: Spread | None) -> float | None:
    """The p of our difference beside the paper's, which is on the other side of 0."""
    paper = -abs(number(pair.ahead) - number(pair.behind))
    return pair.test.against(paper, [_term(line, spread) for line in (pair.ahead, pair.behind)])


def told(standing: Standing, found: Order | None) -> list[str]:
    """Sentences on the order, and on what stands the other way round."""
    if found is None:
        return []
    tau = f"Kendall's tau {found.found.tau:.2f}".replace("-", "−")
    if found.found.low is not None and found.found.high is not None:
        tau += f", 95 % interval {found.found.low:.2f} to {found.found.high:.2f}".replace("-", "−")
    tau += f"; {words.chance(found.found.p)}"
    count, turned = len(found.lines), len(found.reversed)
    doubt = ", of which some numbers are unconfirmed" if found.doubted else ""
    if found.pairs == 1:
        way = "the other way round than in the paper" if turned else "in the paper's order"
        said = [f"Of the paper's rows two have run, and stand {way}{doubt}."]
    elif not turned:
        said = [f"The {count} rows stand in the paper's order in all {found.pairs} pairs{doubt} ({tau})."]
    else:
        stand = "stands" if turned == 1 else "stand"
        way = f"{stand} the other way round than in the paper"
        said = [f"Of the {found.pairs} pairs of {count} rows {turned} {way}{doubt} ({tau})."]
    if not turned:
        return said + _barred(found)
    if not found.contradicting:
        untested = all(pair.p is None for pair in found.reversed)
        if turned == 1:
            which = "It cannot be tested with one seed a row" if untested else "It is not significant"
        else:
            why = "can be tested with one seed a row" if untested else "is significant"
            which = f"None of these reversals {why}"
        said.append(f"{which}{_widest(found.reversed[0], turned)}.")
        together = found.verdict == "no"
        return [*said, *["Together they are: the whole interval lies below 0."] * together, *_barred(found)]
    shown = [_reversal(pair) for pair in found.contradicting[:_TOLD]]
    beyond = len(found.contradicting)
    more = f"; and {beyond - _TOLD} more" if beyond > _TOLD else ""
    which = "It is" if turned == 1 else f"{beyond} of {turned} {'is' if beyond == 1 else 'are'}"
    return [*said, f"{which} significant: {'; '.join(shown)}{more}.", *_barred(found)]


def _barred(found: Order) -> list[str]:
    """Why the order says nothing of the paper's."""
    if not found.unequal:
        return []
    epochs = [line.epochs for line in found.lines if line.epochs]
    return [
        f"They had equal time, not equal training ({min(epochs):.1f} to {max(epochs):.1f} epochs), "
        "so that this order is not the paper's experiment."
    ]


def _ahead(pairs: Sequence[Pair]) -> str:
    """Who is ahead of whom here, of the row with most such pairs: "LSTM ahead of SRU and QRNN"."""
    by_row: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_row.setdefault(words.name(pair.ahead), []).append(pair)
    name = max(by_row, key=lambda key: len(by_row[key]))
    more = len(pairs) - len(by_row[name])
    others = f", and {more} more pair{'s' * (more > 1)}" if more else ""
    return f"{name} ahead of {words.names([pair.behind for pair in by_row[name]])}{others}"


def _widest(pair: Pair, turned: int) -> str:
    if pair.p is None:
        return ""
    return f"{'; the widest is' if turned > 1 else ':'} {_reversal(pair)}"


def _reversal(pair: Pair) -> str:
    metric = pair.ahead.metric
    paper = abs(number(pair.ahead) - number(pair.behind))
    doubt = any(line.paper.doubted("metric") for line in (pair.ahead, pair.behind))
    return (
        f"{words.name(pair.ahead)} ahead of {words.name(pair.behind)} by {words.gap(pair.gap, metric)} "
        f"({words.certainty(pair)}), in the paper behind by {words.gap(paper, metric)}{' (unconfirmed)' * doubt}"
    )
