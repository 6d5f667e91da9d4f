"""The verdict's rule: its four outcomes, their borders, and the error rate it promises."""

import random
from statistics import NormalDist, fmean

import pytest

from sru_repro.reporting.runs.verdict import t_quantile, verdict


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        ([89.2, 89.3, 89.1, 89.4, 89.0], "matches"),
        ([89.2, 89.5, 88.9], "matches"),
        ([89.2], "within noise"),  # one run is never enough to say more
        ([89.2, 89.3], "within noise"),
        ([88.5], "within noise"),
        ([88.0], "off (−1.2)"),
        ([87.9, 88.0, 88.1], "off (−1.2)"),
        ([90.5, 90.4, 90.6, 90.5], "off (+1.3)"),
        ([70.0, 89.0, 95.0], "within noise"),  # runs this far apart tell nothing
        ([float("nan"), 89.0], "off (diverged)"),
    ],
)
def test_sru_on_sst(ours: list[float], expected: str) -> None:
    assert verdict(ours, 89.2, 0.3) == expected


def test_reasons_forbid_a_comparison() -> None:
    assert verdict([89.2], 89.2, 0.3, False, "other vectors") == "not comparable: other vectors"
    assert verdict([89.2], 89.2, 0.3, deviation="vectors tuned") == "not comparable: vectors tuned"
    both = verdict([89.2], 89.2, 0.3, False, "other vectors", "tuned")
    assert both == "not comparable: other vectors; tuned"
    assert verdict([89.2], 89.2, 0.3, comparable=False) == "not comparable: other data"


def test_paper_without_a_deviation() -> None:
    assert verdict([1.21], 1.19, None) == "not comparable: a single run, and the paper gives no deviation"
    assert (
        verdict([1.192, 1.194, 1.193], 1.19, None, decimals=3) == "within noise"
    )  # 1.19 may have been 1.1949
    assert verdict([1.212, 1.214, 1.213], 1.19, None, decimals=3) == "off (+0.023)"


def test_lower_is_better_is_told_by_the_sign() -> None:
    assert verdict([1.049, 1.051, 1.050], 1.022, None, decimals=2) == "off (+0.03)"
    assert verdict([0.999, 1.001, 1.000], 1.022, None, decimals=2) == "off (−0.02)"


def test_zeros_that_a_float_has_lost_are_digits_of_the_paper() -> None:
    runs = [1.321, 1.322, 1.323]
    assert verdict(runs, 1.3, None, decimals=3) == "matches", "1.3 may have been a 1.34"
    assert verdict(runs, 1.3, None, decimals=3, paper_decimals=2) == "off (+0.022)", "1.30 cannot"


def test_a_deviation_printed_as_zero_is_not_certainty() -> None:
    assert verdict([28.4], 28.3, 0.0) == "within noise"
    assert verdict([29.0], 28.3, 0.0) == "off (+0.7)"


def test_thirty_folds_match_more_closely_than_five_runs() -> None:
    folds = [84.9 + 1.6 * NormalDist().inv_cdf((k + 0.5) / 30) for k in range(30)]
    assert verdict(folds, 84.9, 1.6, paper_runs=30) == "matches"
    assert verdict([value - 1.2 for value in folds], 84.9, 1.6, paper_runs=30) == "off (−1.2)"
    assert verdict([value - 1.2 for value in folds[::6]], 84.9, 1.6) == "within noise"


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_equal_models_are_called_off_at_most_one_time_in_twenty(n: int) -> None:
    draw = random.Random(0).gauss
    off = 0
    for _ in range(2000):
        paper = [draw(89.0, 0.5) for _ in range(5)]
        mean = fmean(paper)
        dev = (sum((value - mean) ** 2 for value in paper) / 4) ** 0.5
        ours = [draw(89.0, 0.5) for _ in range(n)]
        off += verdict(ours, round(mean, 1), round(dev, 1)).startswith("off")
    assert off / 2000 < 0.06


def test_t_quantiles() -> None:
    special = pytest.importorskip("scipy.special")
    for df in (1, 2, 5, 30, 31, 40, 100, 1000):
        assert t_quantile(df) == pytest.approx(special.stdtrit(df, 0.975), abs=6e-4)
    assert t_quantile(4.9) == t_quantile(4)
