"""Many runs in a time that is given: so many at once, none begun that would not be through, the hopeless ended early.

What a run takes is predicted before it starts and again while it runs: from runs of the same row on this machine, those
in progress among them, from the other rows, or at first from what the caller aims at.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from ..core.errors import DataError
from ..core.process import Training, stop
from ..records.run import RunRecord, read_record
from ..training.going_on import goes_on
from ..training.weights import LAST

STOP_S = 8.0
"""So long before the end what is still running is ended: a training saves where it is."""
WATCHED_S = 15.0
"""Seconds of progress without which nothing follows from it."""
HOPELESS = 1.3
"""A run that would take so many times what is left is ended at once; with fewer neighbours the others get faster."""
AFTER_S = 8.0
"""What follows the last step of a run: its test, its figures, the end of the process."""
POLL_S = 0.25

Say = Callable[[str], object]


@dataclass(frozen=True)
class Run:
    """A run that is to be made: `overrides` are those of `sru-repro train`, but for its folder; `config` is what they
    make, where that is known: another run that lies there is replaced then."""

    row: str
    seed: int
    overrides: tuple[str, ...]
    folder: Path
    config: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """For who watches."""
        return f"{self.row}, seed {self.seed}"


@dataclass
class Ended:
    """What came of a run: `status` of its process, None where it was ended for want of time; `first_s` is when its
    first steps were seen."""

    run: Run
    status: int | None
    took_s: float
    predicted_s: float | None
    process: Training
    first_s: float | None = None


@dataclass
class Predictions:
    """What runs of a row take, in seconds.

    aim_s  what is taken where nothing was measured; None: nothing is known then, and a run is begun all the same
    known  by row: what runs took here before
    """

    aim_s: float | None = None
    known: dict[str, list[float]] = field(default_factory=dict)

    def measured(self, row: str, seconds: float) -> None:
        """A run of the row took so long, or would have."""
        self.known.setdefault(row, []).append(seconds)

    def of(self, row: str, running: Mapping[str, float]) -> tuple[float | None, str]:
        """The prediction, and what it comes from; `running` is what runs in progress will have taken, by row."""
        if own := self.known.get(row):
            return own[-1], "this row, measured"
        if row in running:
            return running[row], "this row, in progress"
        others = [*running.values(), *(found[-1] for found in self.known.values())]
        if others:
            return median(others), "the other rows"
        return self.aim_s, "the aim" if self.aim_s else "nothing"


class Active:
    """A run in progress."""

    def __init__(self, run: Run, side_by_side: int, predicted_s: float | None) -> None:
        self.run, self.predicted_s = run, predicted_s
        self.started, self._since = time.monotonic(), time.time()
        self.resumed = (run.folder / LAST).is_file()
        ours = run.config is None or goes_on(run.folder, run.config)
        self.process = Training((*run.overrides, f"resume={str(ours).lower()}"), run.folder, side_by_side)
        self._seen: list[tuple[float, float]] = []  # (time, part that is done)

    @property
    def took_s(self) -> float:
        """Since it began."""
        return time.monotonic() - self.started

    def ended(self, status: int | None) -> Ended:
        """What came of it."""
        first_s = self._seen[0][0] - self.started if self._seen and not self.resumed else None
        return Ended(self.run, status, self.took_s, self.predicted_s, self.process, first_s)

    def look(self) -> None:
        """Sees how far it is; a record of an earlier attempt says nothing."""
        place = self.run.folder / RunRecord.FILE
        try:
            if place.stat().st_mtime < self._since:
                return
            progress = read_record(place).progress
        except (OSError, DataError):
            return
        done = float(progress.fraction) if progress else 0.0
        if done > (self._seen[-1][1] if self._seen else 0.0):
            self._seen.append((time.monotonic(), done))

    def _pace(self) -> float | None:
        """The part of it that a second does lately: what is compiled or recorded at first says nothing of the rest."""
        if not self._seen:
            return None
        now, done = self._seen[-1]
        before = next((one for one in reversed(self._seen) if now - one[0] >= WATCHED_S), None)
        return (done - before[1]) / (now - before[0]) if before else None

    def left_s(self) -> float | None:
        """Seconds until it is through, at its own pace; None before enough of that was seen."""
        if (pace := self._pace()) is None:
            return None
        now, done = self._seen[-1]
        return max(0.0, (1.0 - done) / pace - (time.monotonic() - now)) + AFTER_S

    def whole_s(self) -> float | None:
        """What it takes from its start to its end, were it begun anew; None as of `left_s`."""
        left_s, pace = self.left_s(), self._pace()
        if left_s is None or pace is None:
            return None
        return self.took_s + left_s + (self._seen[0][1] / pace if self.resumed else 0.0)

    def hopeless(self, left_s: float) -> bool:
        """Whether it would take much longer than what is left, as far as a while of its progress tells."""
        if not self._seen or self._seen[-1][0] - self._seen[0][0] < 2 * WATCHED_S:
            return False
        need = self.left_s()
        return need is not None and need > HOPELESS * left_s


def carry_out(
    runs: Sequence[Run], side_by_side: int, seconds: float, predictions: Predictions, say: Say
) -> Iterator[Ended]:
    """Yields each run that was begun when it has ended, in time or for want of it; what is not yielded was not begun.

    In the order given, but a run that is predicted to take longer than what is left waits behind those that fit. An
    exception, or a caller that stops asking, ends all runs in progress.
    """
    deadline = time.monotonic() + seconds - STOP_S
    waiting, active, told = list(runs), list[Active](), set[str]()
    spared = time.monotonic()  # nobody is ended before the others have got faster
    try:
        while True:
            left_s = deadline - time.monotonic()
            running = {one.run.row: whole_s for one in active if (whole_s := one.whole_s()) is not None}
            while len(active) < side_by_side:
                found = _fitting(waiting, predictions, running, left_s, told, say)
                if found is None:
                    break
                run, predicted_s, source = found
                expected = "unknown" if predicted_s is None else f"{predicted_s:.0f} s ({source})"
                say(f"{run.name}: begun, predicted {expected}, {left_s:.0f} s left")
                waiting.remove(run)
                active.append(Active(run, side_by_side, predicted_s))
            if not active:
                return
            time.sleep(POLL_S)
            for one in list(active):
                status = one.process.poll()
                if status is None:
                    one.look()
                    continue
                active.remove(one)
                if status == 0 and not one.resumed:
                    predictions.measured(one.run.row, one.took_s)
                yield one.ended(status)
            left_s = deadline - time.monotonic()
            late = [one for one in active if one.hopeless(left_s)]
            if left_s <= 0:
                late = list(active)
            elif min(left_s, time.monotonic() - spared) < WATCHED_S:
                late = []
            else:  # one at a time
                late = sorted(late, key=lambda one: one.left_s() or 0.0)[-1:]
            for one in late:
                need, whole_s = one.left_s(), one.whole_s()
                more = "" if need is None else f", it would take {need:.0f} s more"
                say(f"{one.run.name}: ended after {one.took_s:.0f} s{more}, {max(0.0, left_s):.0f} s left")
                if whole_s is not None:
                    predictions.measured(one.run.row, whole_s)
                spared = time.monotonic()
            stop((one.process for one in late), 0.5 * STOP_S)
            for one in late:
                active.remove(one)
                yield one.ended(None)
    finally:
        stop((one.process for one in active), 0.5 * STOP_S)


def _fitting(
    waiting: Sequence[Run],
    predictions: Predictions,
    running: Mapping[str, float],
    left_s: float,
    told: set[str],
    say: Say,
) -> tuple[Run, float | None, str] | None:
    """The first run that would be through, and its prediction; of each row that would not, it is said once."""
    for run in waiting:
        predicted_s, source = predictions.of(run.row, running)
        if left_s > (predicted_s or 2.0 * WATCHED_S):
            return run, predicted_s, source
        if run.row not in told:
            told.add(run.row)
            known = "" if predicted_s is None else f", predicted {predicted_s:.0f} s ({source})"
            say(f"{run.name}: not begun{known}, {max(0.0, left_s):.0f} s left")
    return None
