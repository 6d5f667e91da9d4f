"""Names, figures and probabilities as they stand in a sentence."""

from collections.abc import Callable, Sequence

from ..numbers import listed
from ..runs.line import Line
from ..runs.records import Metric
from .standing import Pair

_MOST = 4
"""Names that a sentence tells at most."""
LONGEST = 140
"""Letters of the answer in one sentence."""


def name(line: Line) -> str:
    """A label without commas of its own: "SRU (4 layers)"."""
    first, comma, rest = line.label.partition(", ")
    return f"{first} ({rest})" if comma else first


def names(lines: Sequence[Line], tell: Callable[[Line], str] = name) -> str:
    """As many as a sentence tells."""
    return names_of([tell(line) for line in lines])


def names_of(told: Sequence[str]) -> str:
    """The same of names that are text already."""
    return listed(told if len(told) <= _MOST + 1 else [*told[:_MOST], f"{len(told) - _MOST} more"])


def value(mean: float, metric: Metric) -> str:
    """A figure with its unit: "81.4 %", "1.946 bits per byte", "perplexity 229.44"."""
    called, _, unit = metric.name.partition(", ")
    figure = f"{mean:.{metric.decimals}f}"
    if unit:
        return f"{figure} {unit}"
    return f"{figure} {called}" if " " in called else f"{called} {figure}"


def of(line: Line) -> str:
    """A row's mean with its unit."""
    return value(line.mean, line.metric)


def gap(size: float, metric: Metric) -> str:
    """A difference with its unit."""
    return _with_unit(signed(size, metric).removeprefix("+"), metric)


def difference(size: float, metric: Metric) -> str:
    """The same with its sign."""
    return _with_unit(signed(size, metric), metric)


def _with_unit(figure: str, metric: Metric) -> str:
    called, _, unit = metric.name.partition(", ")
    return (
        f"{figure} points"
        if unit == "%"
        else f"{figure} {called}"
        if " " in called
        else f"{figure} in {called}"
    )


def signed(size: float, metric: Metric) -> str:
    """A difference with its sign."""
    return f"{size:+.{metric.decimals}f}".replace("-", "−")


def chance(p: float) -> str:
    """A probability: "p = 0.03"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def missing_folds(pair: Pair) -> bool:
    """Whether a cross-validation is not complete, so that nothing was tested."""
    return bool(pair.ahead.missing_folds or pair.behind.missing_folds)


def certainty(pair: Pair) -> str:
    """What stands behind a difference: its p and the number of runs, or why there is none."""
    n = sorted({len(pair.ahead.runs), len(pair.behind.runs)})
    count = " and ".join(map(str, n))
    runs = f"{count} folds" if pair.ahead.folded else f"n = {count}"
    if pair.common:
        runs = f"{pair.common} {'common ' * (pair.common < n[-1])}folds"
    if missing_folds(pair):
        return f"{runs}, folds missing"
    if pair.p is None:
        return "one seed, not testable" if n[0] == 1 else f"{runs}, not testable"
    return f"one seed, {chance(pair.p)} by {pair.borrowed}" if pair.borrowed else f"{chance(pair.p)}, {runs}"


def fitting(*texts: str) -> str:
    """The first that is short enough for an answer in one sentence; else the last one's beginning."""
    return next((text for text in texts if len(text) <= LONGEST), f"{texts[-1][: LONGEST - 1]}…")


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
