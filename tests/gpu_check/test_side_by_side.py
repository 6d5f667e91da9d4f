"""Many runs in a time that is given, on a clock that the tests turn: what is begun, predicted, ended early, left."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sru_repro.gpu_check import side_by_side
from sru_repro.gpu_check.side_by_side import STOP_S, WATCHED_S, Ended, Predictions, Run
from sru_repro.training.weights import LAST

START_S = 10.0
"""Of a pretended run, before its first step."""


class Clock:
    """Time passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 0.0  # every file is newer

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Pretended:
    """A run that takes so many seconds of the clock, and says how far it is."""

    def __init__(self, clock: Clock, folder: Path, takes_s: float, silent: bool, status: int) -> None:
        self.clock, self.takes_s, self.silent, self.status = clock, takes_s, silent, status
        self.begun, self.ended = clock.now, False
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").touch()

    def poll(self) -> int | None:
        if self.ended:
            return 143
        return self.status if self.clock.now - self.begun >= self.takes_s else None

    def fraction(self) -> float:
        ran = self.clock.now - self.begun - START_S
        return (
            0.0 if self.silent else min(1.0, max(0.0, ran / (self.takes_s - START_S - side_by_side.AFTER_S)))
        )


Carry = Callable[..., list[Ended]]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def carry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> Carry:
    """`carry({"a": 100.0}, seeds=3, beside=2, seconds=400.0)`: rows that take so long, and what came of them."""

    def call(
        rows: Mapping[str, float],
        seeds: int = 1,
        beside: int = 2,
        seconds: float = 400.0,
        aim_s: float | None = None,
        silent: bool = False,
        status: int = 0,
    ) -> list[Ended]:
        clock, started = Clock(), dict[Path, Pretended]()

        def training(overrides: Any, folder: Path, side_by_side: int) -> Pretended:
            assert overrides[-1] == "resume=true" and side_by_side == beside
            row = overrides[0]
            started[folder] = Pretended(clock, folder, rows[row], silent, status)
            assert sum(one.poll() is None for one in started.values()) <= beside
            return started[folder]

        def record(place: Path) -> Any:
            return SimpleNamespace(progress=SimpleNamespace(fraction=started[place.parent].fraction()))

        def stop(processes: Any, patience_s: float) -> None:
            for one in processes:
                one.ended = True

        monkeypatch.setattr(side_by_side, "time", clock)
        monkeypatch.setattr(side_by_side, "Training", training)
        monkeypatch.setattr(side_by_side, "read_record", record)
        monkeypatch.setattr(side_by_side, "stop", stop)
        runs = [
            Run(row, seed, (row,), tmp_path / row / str(seed)) for seed in range(1, seeds + 1) for row in rows
        ]
        found = list(side_by_side.carry_out(runs, beside, seconds, Predictions(aim_s), said.append))
        assert clock.now - 1000.0 <= seconds, "ends by itself"
        assert all(one.poll() is not None for one in started.values()), "nothing is left running"
        return found

    return call


def names(found: list[Ended], status: int | None = 0) -> list[str]:
    return [one.run.name for one in found if one.status == status]


def test_every_run_is_made_in_order_and_its_time_predicted(carry: Carry, said: list[str]) -> None:
    found = carry({"a": 60.0, "b": 50.0}, seeds=2, seconds=400.0, aim_s=70.0)
    assert sorted(names(found)) == ["a, seed 1", "a, seed 2", "b, seed 1", "b, seed 2"]
    assert {one.run.name: one.predicted_s for one in found} == {
        "a, seed 1": 70.0,
        "b, seed 1": 70.0,
        "a, seed 2": pytest.approx(60.0, abs=1),  # of the run in progress
        "b, seed 2": pytest.approx(50.0, abs=1),
    }
    assert all(one.first_s == pytest.approx(START_S, abs=1) for one in found)
    assert said[0] == "a, seed 1: begun, predicted 70 s (the aim), 392 s left"
    assert any("a, seed 2: begun, predicted 60 s (this row, in progress)" in line for line in said)


def test_nothing_is_begun_that_would_not_be_through(carry: Carry, said: list[str]) -> None:
    found = carry({"a": 100.0}, seeds=9, beside=2, seconds=270.0)
    assert len(found) == 4 and names(found) == [f"a, seed {seed}" for seed in (1, 2, 3, 4)]
    assert said[-1] == "a, seed 5: not begun, predicted 100 s (this row, measured), 62 s left"


def test_what_fits_goes_before_what_does_not(carry: Carry) -> None:
    found = carry({"long": 150.0, "short": 40.0}, seeds=2, beside=1, seconds=320.0)
    assert names(found) == ["long, seed 1", "short, seed 1", "short, seed 2"]


def test_what_is_hopeless_is_ended_early_and_its_row_left(carry: Carry, said: list[str]) -> None:
    found = carry({"slow": 5000.0, "fast": 60.0}, seeds=3, beside=2, seconds=400.0)
    assert sorted(names(found)) == ["fast, seed 1", "fast, seed 2", "fast, seed 3"]
    (slow,) = [one for one in found if one.status is None]
    assert slow.run.name == "slow, seed 1" and slow.took_s < START_S + 3 * WATCHED_S
    assert any("slow, seed 1: ended after" in line and "it would take 49" in line for line in said)
    assert any(line.startswith("slow, seed 2: not begun, predicted 50") for line in said)


def test_predictions_come_from_what_is_nearest() -> None:
    predictions = Predictions(200.0)
    assert predictions.of("a", {}) == (200.0, "the aim") and Predictions().of("a", {}) == (None, "nothing")
    predictions.measured("b", 850.0)
    assert predictions.of("a", {"a": 45.0}) == (45.0, "this row, in progress")
    assert predictions.of("c", {"a": 45.0, "d": 60.0}) == (60.0, "the other rows")
    predictions.measured("a", 40.0)
    assert predictions.of("a", {"a": 45.0}) == (40.0, "this row, measured")


def test_what_is_slow_at_first_is_given_time(carry: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of its pace for 15 s, while kernels are compiled: nothing is ended for that."""

    def fraction(run: Pretended) -> float:
        ran = run.clock.now - run.begun - START_S
        return max(0.0, ran - 0.9 * min(ran, WATCHED_S)) / (run.takes_s - START_S)

    monkeypatch.setattr(Pretended, "fraction", fraction)
    assert names(carry({"a": 330.0}, seconds=380.0)) == ["a, seed 1"]


def test_what_says_nothing_is_ended_in_time(carry: Carry) -> None:
    found = carry({"a": 1000.0}, seconds=100.0, silent=True)
    assert names(found, None) == ["a, seed 1"] and found[0].took_s <= 100.0 - STOP_S + 1


def test_a_run_that_fails_is_told_and_measures_nothing(carry: Carry) -> None:
    found = carry({"a": 20.0}, seeds=2, beside=1, seconds=100.0, status=1, aim_s=30.0)
    assert names(found, 1) == ["a, seed 1", "a, seed 2"]
    assert [one.predicted_s for one in found] == [30.0, 30.0]


def test_what_goes_on_from_a_checkpoint_is_no_measure_of_its_row(carry: Carry, tmp_path: Path) -> None:
    place = tmp_path / "a/1" / LAST
    place.parent.mkdir(parents=True)
    place.touch()
    found = carry({"a": 50.0}, seeds=2, beside=1, seconds=300.0, aim_s=90.0)
    assert [one.predicted_s for one in found] == [90.0, 90.0] and names(found) == ["a, seed 1", "a, seed 2"]


def test_a_caller_that_stops_asking_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Any] = []
    clock = Clock()
    monkeypatch.setattr(side_by_side, "time", clock)
    monkeypatch.setattr(
        side_by_side,
        "Training",
        lambda overrides, folder, beside: Pretended(
            clock, folder, 20.0 if folder.name == "1" else 900.0, True, 0
        ),
    )
    monkeypatch.setattr(side_by_side, "stop", lambda processes, patience_s: ended.extend(processes))
    runs = [Run("a", seed, ("a",), tmp_path / str(seed)) for seed in (1, 2, 3)]
    every = side_by_side.carry_out(runs, 3, 4000.0, Predictions(), lambda line: None)
    assert next(every).run.seed == 1 and not ended
    every.close()  # type: ignore[attr-defined]
    assert len(ended) == 2
