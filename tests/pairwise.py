"""A few cases of a large grid, in which every two values of different options still meet."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

Case = dict[str, Any]
Pair = tuple[int, Any, int, Any]


def anything(case: Case) -> bool:
    """Every case is possible."""
    return True


def pairwise(options: Mapping[str, Sequence[Any]], possible: Callable[[Case], bool] = anything) -> list[Case]:
    """Cases of `options`, each a choice of one value per name, that hold every pair which a possible case holds.

    Greedy: the next case is the one of the whole grid with most pairs that are new, the first of equals, so the same
    options always give the same cases. Values must be hashable.
    """
    number: dict[Pair, int] = {}  # of each pair: a case is a set of pairs, as the bits of an integer
    cases, held = [], []
    for case in _grid(options):
        if possible(case):
            cases.append(case)
            held.append(sum(1 << number.setdefault(pair, len(number)) for pair in _pairs(case)))
    missing = (1 << len(number)) - 1
    chosen: list[Case] = []
    while missing:
        best = max(range(len(cases)), key=lambda i: (held[i] & missing).bit_count())
        chosen.append(cases[best])
        missing &= ~held[best]
    return chosen


def _grid(options: Mapping[str, Sequence[Any]]) -> Iterator[Case]:
    for values in product(*options.values()):
        yield dict(zip(options, values, strict=True))


def _pairs(case: Case) -> Iterator[Pair]:
    for (i, a), (j, b) in combinations(enumerate(case.values()), 2):
        yield i, a, j, b
