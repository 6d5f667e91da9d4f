"""The cases of `pairwise`: every pair occurs, no case is needless, and what is impossible is left out."""

from itertools import combinations, product

import pytest

from .pairwise import Case, pairwise

GRIDS: dict[str, dict[str, tuple[object, ...]]] = {
    "two": {"a": (1, 2, 3), "b": (True, False)},
    "uneven": {"a": (1, 2, 3, 4), "b": ("x", "y", None), "c": (0, 1), "d": (0, 1), "e": (0, 1, 2)},
}


def pairs(cases: list[Case]) -> set[object]:
    return {pair for case in cases for pair in combinations(case.items(), 2)}


@pytest.mark.parametrize("name", GRIDS)
def test_every_pair_occurs_in_few_cases(name: str) -> None:
    options = GRIDS[name]
    cases = pairwise(options)
    whole = [dict(zip(options, values, strict=True)) for values in product(*options.values())]
    assert pairs(cases) == pairs(whole)
    most = sorted(map(len, options.values()))[-2:]
    assert most[0] * most[1] <= len(cases) <= most[0] * most[1] + 4
    assert cases == pairwise(options), "the same cases every time"
    assert all(pairs([other for other in cases if other is not case]) != pairs(cases) for case in cases)


def test_what_is_impossible_is_left_out_and_all_else_occurs() -> None:
    options = GRIDS["uneven"]

    def possible(case: Case) -> bool:
        return not (case["a"] == 1 and case["b"] == "x")

    cases = pairwise(options, possible)
    assert all(map(possible, cases))
    assert pairs(pairwise(options)) - pairs(cases) == {(("a", 1), ("b", "x"))}
