"""Rounds, quartiles, errors, and the end of the time that is given."""

import time
from functools import partial

import pytest
import torch

from sru_repro.bench.timing import FEWEST_ROUNDS, failure, interleaved

CPU = torch.device("cpu")


def test_rounds_are_interleaved_after_a_warm_up() -> None:
    called: list[str] = []
    calls = {name: partial(called.append, name) for name in "AB"}
    found = interleaved(calls, CPU, 4, 60.0, inner=2)
    assert "".join(called) == "AA" + "BB" + "AABB" * 4
    assert {timing.repeats for timing in found.values()} == {4}


def test_it_is_told_which_part_of_the_processor_the_rounds_had() -> None:
    found = interleaved({name: partial(time.sleep, 0.01) for name in "AB"}, CPU, 5, 60.0)
    (share,) = {timing.processor for timing in found.values()}
    assert share is None or 0 <= share <= 1


def test_a_slower_call_takes_longer_and_the_quartiles_enclose_the_median() -> None:
    calls = {seconds: partial(time.sleep, seconds) for seconds in (0.002, 0.006)}
    found = interleaved(calls, CPU, 7, 60.0)
    for seconds, timing in found.items():
        low, middle, high = (timing.plain()[key] for key in ("q1_s", "median_s", "q3_s"))
        assert low <= middle <= high and middle >= seconds
    assert found[0.006].plain()["median_s"] > 2 * found[0.002].plain()["median_s"]


def test_quick_calls_are_repeated_inside_a_sample() -> None:
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    (timing,) = interleaved({"": count}, CPU, 1, 60.0).values()
    assert calls > 100 and timing.plain()["median_s"] < 1e-4


@pytest.mark.parametrize("interrupted", [1, 2])
def test_one_interrupted_call_does_not_make_samples_short(interrupted: int) -> None:
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == interrupted:
            time.sleep(0.01)

    interleaved({"": count}, CPU, 1, 60.0)
    assert calls > 100


def test_when_the_time_is_over_the_fewest_rounds_are_still_made() -> None:
    (timing,) = interleaved({"": lambda: time.sleep(0.003)}, CPU, 50, 0.0).values()
    assert timing.repeats == FEWEST_ROUNDS


def test_a_call_that_fails_holds_its_first_line_and_the_others_go_on() -> None:
    left = 3

    def fails_later() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError("out of memory\n  at line 3")

    def fails() -> None:
        raise ValueError("wrong shape")

    calls = {"later": fails_later, "at once": fails, "never": lambda: None}
    found = interleaved(calls, CPU, 5, 60.0, inner=1)
    assert found["later"].plain() == {"error": "RuntimeError: out of memory"}
    assert found["at once"].plain() == {"error": "ValueError: wrong shape"}
    assert found["never"].repeats == 5


@pytest.mark.parametrize(
    ("error", "line"), [(KeyError(), "KeyError"), (RuntimeError("\n a \nb"), "RuntimeError: a")]
)
def test_the_line_of_an_error(error: Exception, line: str) -> None:
    assert failure(error) == line
