"""Statistics behind the sentences: Welch where seeds pair nothing, borrowed deviations, Kendall's tau and its interval,
against values worked out by hand and SciPy's own."""

import math

import pytest
from scipy import stats

from sru_repro.reporting.statistics import agreement, compare_borrowed, compare_two, pooled


def test_seeds_alone_pair_nothing_where_welch_is_asked_for() -> None:
    a, b = {1: 1.0, 2: 2.0, 3: 3.0}, {1: 3.0, 2: 5.0, 3: 7.0}
    assert compare_two(a, b).how == "paired, n=3"
    found = compare_two(a, b, paired=False)
    assert found.how == "Welch, n=3 and 3"
    assert found.p == pytest.approx(stats.ttest_ind([1, 2, 3], [3, 5, 7], equal_var=False).pvalue)


def test_a_single_run_borrows_the_deviation_of_others() -> None:
    # variances 1 (n=3) and 4 (n=2): (1*2 + 4*1) / 3 = 2
    spread = pooled([(1.0, 3), (2.0, 2), (9.0, 1), (math.nan, 4)])
    assert spread is not None and spread.df == 3 and spread.deviation == pytest.approx(math.sqrt(2))
    assert pooled([(1.0, 1)]) is None and pooled([]) is None
    found = compare_borrowed([10.0], [14.0, 15.0], spread)
    assert found.effect == 4.5
    t = 4.5 / math.sqrt(2 * 1.5)
    assert found.p == pytest.approx(2 * stats.t.sf(t, 3)) and found.low is not None and found.low < 0


def test_an_order_and_its_interval() -> None:
    same = agreement([1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0])
    assert same is not None and same.tau == 1 and same.low is None
    assert same.p == pytest.approx(2 / math.factorial(4)), "of all orders this one and its mirror"
    turned = agreement([1.0, 2.0, 4.0, 3.0], [10.0, 20.0, 30.0, 40.0])
    assert turned is not None and turned.tau == pytest.approx(4 / 6), "5 pairs against 1"
    sharp = agreement([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.01] * 3, [0.01] * 3, 4)
    assert sharp is not None and (sharp.low, sharp.high) == (1, 1)
    vague = agreement([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [5.0] * 3, [0.0] * 3, 4)
    assert vague is not None and vague.low is not None and vague.low <= -1 / 3 and vague.high == 1
    theirs = agreement([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.0] * 3, [5.0] * 3)
    assert theirs is not None and theirs.low is not None and theirs.low < 0, "the paper's error counts, too"
    again = agreement([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [5.0] * 3, [0.0] * 3, 4)
    assert again == vague, "the same figures, the same interval"


@pytest.mark.parametrize("ours", [[1.0], [math.nan, 1.0, 2.0], [1.0, 1.0]])
def test_no_order_of_one_row_of_what_diverged_or_of_ties_alone(ours: list[float]) -> None:
    assert agreement(ours, [1.0, 2.0, 3.0][: len(ours)]) is None


def test_ties_count_for_neither_side() -> None:
    found = agreement([1.0, 2.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0])
    assert found is not None
    assert (
        found.tau == pytest.approx(stats.kendalltau([1, 2, 2, 3], [1, 2, 3, 4]).statistic) and found.tau < 1
    )


def test_the_interval_of_an_order_with_ties_holds_its_tau() -> None:
    """Two rows that the paper has level: whatever the other pairs say, that one says nothing, nor of the interval."""
    theirs = [78.8, 79.3, 79.3, 79.7]
    found = agreement([63.0, 67.0, 68.0, 69.0], theirs, [0.01] * 4, [0.01] * 4)
    assert found is not None and found.tau == pytest.approx(5 / math.sqrt(6 * 5))
    assert (found.low, found.high) == (pytest.approx(found.tau), pytest.approx(found.tau))
