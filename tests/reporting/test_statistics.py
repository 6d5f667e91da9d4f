"""Intervals and tests against values worked out by hand, and against SciPy's own tests."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from sru_repro.reporting.statistics import (
    Quartiles,
    at_most,
    compare_two,
    geometric,
    holm,
    interval,
    ratio_of_medians,
)


def test_an_interval_by_hand() -> None:
    # mean 2, s = 1, t(0.975, 2) = 4.302653
    mean, half = interval([1.0, 2.0, 3.0])
    assert mean == 2.0 and half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    _, wider = interval([1.0, 2.0, 3.0], overlap=1 / 9)
    assert wider == pytest.approx(4.302653 * math.sqrt(1 / 3 + 1 / 9), rel=1e-6)
    assert interval([0.5]) == (0.5, None) and interval([math.inf, 1.0]) == (math.inf, None)
    assert interval([0.7, 0.7]) == (0.7, 0.0)


def test_common_seeds_are_paired_by_hand() -> None:
    # differences 1, 2, 3: mean 2, error 1/sqrt(3), t = 3.4641 with 2 degrees of freedom, p = 0.0742
    found = compare_two({1: 10.0, 2: 20.0, 3: 30.0}, {3: 33.0, 2: 22.0, 1: 11.0})
    assert found.effect == 2.0 and found.how == "paired, n=3"
    assert found.p == pytest.approx(0.074180, abs=1e-6)
    assert (found.low, found.high) == (pytest.approx(-0.484138, abs=1e-6), pytest.approx(4.484138, abs=1e-6))


def test_more_seeds_on_one_side_pair_where_they_can() -> None:
    found = compare_two({1: 1.0, 2: 2.0, 3: 3.5}, {1: 2.0, 2: 4.0, 3: 6.0, 4: 100.0})
    assert found.how == "paired, n=3" and found.effect == pytest.approx((1 + 2 + 2.5) / 3)


def test_other_seeds_are_welchs_by_hand() -> None:
    # means 2 and 5, variances 1 and 4, n = 3 each: error sqrt(5/3), df = (5/3)^2 / ((1/9 + 16/9) / 2) = 2.941
    a, b = {1: 1.0, 2: 2.0, 3: 3.0}, {4: 3.0, 5: 5.0, 6: 7.0}
    found = compare_two(a, b)
    assert found.effect == 3.0 and found.how == "Welch, n=3 and 3"
    its = stats.ttest_ind(list(b.values()), list(a.values()), equal_var=False)
    assert its.df == pytest.approx(50 / 17) and found.p == pytest.approx(its.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(its.confidence_interval()))


def test_scipy_says_the_same_of_pairs() -> None:
    a = dict(enumerate([0.81, 0.83, 0.79, 0.80]))
    b = dict(enumerate([0.82, 0.83, 0.82, 0.84]))
    found, its = compare_two(a, b), stats.ttest_rel(list(b.values()), list(a.values()))
    assert found.p == pytest.approx(its.pvalue) and found.effect == pytest.approx(0.02)
    assert (found.low, found.high) == pytest.approx(tuple(its.confidence_interval()))
    assert compare_two(b, a).p == found.p and compare_two(b, a).effect == -found.effect
    folds = compare_two(a, b, overlap=1 / 9)
    assert folds.p is not None and found.p is not None and folds.p > found.p


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ({1: 0.5}, {1: 0.6}, "n=1 and 1: nothing can be tested"),
        ({1: 0.5, 2: 0.4}, {3: 0.6}, "n=2 and 1: nothing can be tested"),
        ({1: 0.5, 2: 0.4}, {1: 0.7, 2: 0.6}, "paired, n=2: no spread over the runs, nothing can be tested"),
        (
            {1: 0.5, 2: 0.5},
            {3: 0.6, 4: 0.6},
            "Welch, n=2 and 2: no spread over the runs, nothing can be tested",
        ),
        ({1: 0.5, 2: math.inf}, {1: 0.7, 2: 0.6}, "paired, n=2: a run diverged"),
        ({1: 0.5, 2: math.nan}, {3: 0.7, 4: 0.6}, "Welch, n=2 and 2: a run diverged"),
        ({1: 0.5, 2: math.inf}, {3: 0.7, 4: 0.6}, "Welch, n=2 and 2: a run diverged"),
    ],
)
def test_what_cannot_be_tested_is_said(a: dict[int, float], b: dict[int, float], said: str) -> None:
    found = compare_two(a, b)
    assert found.p is None and found.low is None and found.how == said


def test_the_same_figures_do_not_differ() -> None:
    found = compare_two({1: 0.5, 2: 0.4}, {1: 0.5, 2: 0.4})
    assert (found.effect, found.p) == (0.0, 1.0)


def test_holms_correction_by_hand() -> None:
    # 0.01 * 4, 0.02 * 3, 0.03 * 2 stays at the one before it, 0.9 * 1
    assert holm([0.03, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert holm([None, 0.5, 0.6]) == [None, 1.0, 1.0] and holm([]) == []


def quartiles(values: Sequence[float]) -> Quartiles:
    middle, low, high = np.quantile(values, (0.5, 0.25, 0.75)).tolist()
    return Quartiles(middle, low, high, len(values))


def test_a_ratio_of_medians_has_an_interval_that_holds_what_it_says() -> None:
    """Rounds of two equal models, 2 and 5 % apart: at 3 and at 9 rounds the interval holds 1 in about 95 % of cases."""
    rng = np.random.default_rng(0)
    for n, least, most in ((3, 0.95, 0.995), (9, 0.92, 0.975)):
        held = 0
        for _ in range(400):
            samples = (np.exp(rng.normal(0, deviation, n)).tolist() for deviation in (0.02, 0.05))
            first, second = map(quartiles, samples)
            _, low, high = ratio_of_medians(first, second)
            assert low is not None and high is not None
            held += low <= 1 <= high
        assert least <= held / 400 <= most, n


def test_of_a_single_value_there_is_a_ratio_and_no_interval() -> None:
    once, several = Quartiles(4.0, 4.0, 4.0, 1), Quartiles(2.0, 1.9, 2.1, 5)
    assert ratio_of_medians(once, several) == (2.0, None, None)
    assert ratio_of_medians(Quartiles(4.0, 4.0, 4.0, 3), Quartiles(2.0, 2.0, 2.0, 3)) == (2.0, 2.0, 2.0)


def test_a_geometric_mean_and_a_rate_of_failure_by_hand() -> None:
    mean, low, high = geometric([1.0, 2.0, 4.0])
    half = 4.302653 * math.log(2) / math.sqrt(3)  # deviation ln 2, t(0.975, 2)
    assert mean == pytest.approx(2.0) and geometric([3.0]) == (pytest.approx(3.0), None, None)
    assert (low, high) == (
        pytest.approx(2 * math.exp(-half), rel=1e-6),
        pytest.approx(2 * math.exp(half), rel=1e-6),
    )
    assert at_most(0, 20) == pytest.approx(1 - 0.05 ** (1 / 20)) and at_most(3, 3) == 1.0
    assert at_most(1, 29) == pytest.approx(stats.beta.ppf(0.95, 2, 28))
