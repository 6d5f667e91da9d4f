"""What the curves of validation say of two rows: who leads from when on, and whether training ended too soon or too
late."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from ..numbers import listed
from ..runs.line import Line
from ..statistics import LEVEL, Test, compare_two
from . import clocks, words

Point = tuple[float, float]
"""Seconds of training and the headline's figure on the validation set."""
_FEWEST = 3
"""Validations that make a curve."""


def curves(line: Line, kind: str = clocks.CLOCK) -> list[list[Point]]:
    """Each run's points, in seconds of that kind."""
    return [
        [
            (clocks.seconds(run, entry.wall_s, kind), entry.figures[run.validated] * line.metric.scale)
            for entry in run.epochs
            if math.isfinite(entry.figures.get(run.validated, math.nan))
        ]
        for run in line.runs
    ]


def curve(line: Line, kind: str = clocks.CLOCK) -> list[Point]:
    """The mean over a row's runs, as far as all of them came."""
    return [
        (fmean(x for x, _ in points), fmean(y for _, y in points))
        for points in zip(*curves(line, kind), strict=False)
    ]


class Best(NamedTuple):
    """Where a run validated best."""

    place: int
    """Its epoch, from 1."""
    epochs: int
    figure: float
    lost: float
    """By how much the last epoch is worse."""


def bests(line: Line) -> list[Best]:
    """Of each run that was validated: a run ends by itself, and its best epoch is its own."""
    found = []
    for points in curves(line):
        figures = [figure for _, figure in points]
        if figures:
            best = min(figures) if line.metric.lower_is_better else max(figures)
            found.append(Best(figures.index(best) + 1, len(figures), best, abs(best - figures[-1])))
    return found


def told(one: Line, other: Line, per_epoch: bool) -> list[str]:
    """Sentences on two rows; `per_epoch` where each validation ends an epoch."""
    first, second = curve(one), curve(other)
    if min(len(first), len(second)) < _FEWEST:
        return []
    said = []
    if per_epoch:
        sign = -1 if one.metric.lower_is_better else 1
        ahead = [sign * (a - b) for (_, a), (_, b) in zip(first, second, strict=False)]
        said.append(_by_epoch(one, other, ahead))
        said += _at_best(one, other)
    kind = clocks.comparable([one, other])
    in_time = crossing(curve(one, kind), curve(other, kind), one.metric.lower_is_better) if kind else None
    if in_time is not None:
        said.append(_by_seconds(one, other, *in_time, kind))
    return said + (_ended([one, other]) if per_epoch else [])


def _by_epoch(one: Line, other: Line, ahead: Sequence[float]) -> str:
    """Who leads, from which epoch on."""
    last = ahead[-1]
    if last == 0:
        return f"By validation {words.name(one)} and {words.name(other)} are level after epoch {len(ahead)}."
    leader, follower = (one, other) if last > 0 else (other, one)
    led = [lead * last > 0 for lead in ahead]
    since = len(led) - next((place for place, lead in enumerate(reversed(led)) if not lead), len(led)) + 1
    if since == 1:
        when = f"at each of the {len(ahead)} epochs"
    elif since == len(ahead):
        when = f"only at the last of {len(ahead)} epochs"
    else:
        when = f"from epoch {since} of {len(ahead)} on"
    before = sum(lead * last < 0 for lead in ahead)
    count = f"{before} epoch{'s' * (before > 1)}"
    more = f"; before, {words.name(follower)} led at {count}" if before else ""
    return f"By validation {words.name(leader)} leads {words.name(follower)} {when}{more}."


def _at_best(one: Line, other: Line) -> list[str]:
    """How far apart the best validations lie, by a test of their own; nothing of single runs."""
    found = _best_means(one, other)
    if found is None:
        return []
    first, second, test = found
    means = [
        f"{words.value(mean, line.metric)} for {words.name(line)}"
        for line, mean in ((one, first), (other, second))
    ]
    apart = f"{words.gap(abs(first - second), one.metric)} apart"
    chance = f"{words.chance(test.p)} by Welch's test, uncorrected" if test.p is not None else test.how
    return [f"Each run's best validation is {' and '.join(means)} in the mean: {apart} ({chance})."]


def contradicted(one: Line, other: Line) -> str:
    """Of two rows that tests do not tell apart: who leads in validation, where that is more than chance, else ""."""
    found = _best_means(one, other)
    if found is None:
        return ""
    first, second, test = found
    if test.p is None or test.p >= LEVEL:
        return ""
    leader = one if (first < second) == one.metric.lower_is_better else other
    far = words.gap(abs(first - second), one.metric)
    return f"in validation {words.name(leader)} leads by {far} ({words.chance(test.p)})"


def _best_means(one: Line, other: Line) -> tuple[float, float, Test] | None:
    """Mean best validation of each row, and Welch's test of them; None of single runs."""
    figures = [[best.figure for best in bests(line)] for line in (one, other)]
    if min(map(len, figures)) < 2:
        return None
    test = compare_two(*(dict(enumerate(found)) for found in figures), paired=False)
    return fmean(figures[0]), fmean(figures[1]), test


def crossing(first: Sequence[Point], second: Sequence[Point], lower: bool) -> tuple[int, float | None] | None:
    """Who leads at the end of the time that both curves span (0: the first, 1: the second), and since which second;
    None since its beginning. None where they span no common time, or end level."""
    begin, end = max(first[0][0], second[0][0]), min(first[-1][0], second[-1][0])
    if begin >= end:
        return None
    import numpy as np

    times = np.unique([time for time, _ in (*first, *second) if begin <= time <= end])
    values = [np.interp(times, [x for x, _ in points], [y for _, y in points]) for points in (first, second)]
    lead = (values[0] - values[1]) * (-1 if lower else 1)
    if lead[-1] == 0:
        return None
    behind = np.flatnonzero(lead * np.sign(lead[-1]) <= 0)
    if not len(behind):
        return int(lead[-1] < 0), None
    place = int(behind[-1])
    share = lead[place] / (lead[place] - lead[place + 1])
    return int(lead[-1] < 0), float(times[place] + share * (times[place + 1] - times[place]))


def _by_seconds(one: Line, other: Line, who: int, since: float | None, kind: str) -> str:
    leader, follower = (one, other) if who == 0 else (other, one)
    when = "all along" if since is None else f"from {since:.0f} seconds of {kind} on"
    equal = "time" if kind == clocks.CLOCK else kind
    return f"At equal {equal} {words.name(leader)} leads {words.name(follower)} {when}."


def _ended(lines: Sequence[Line]) -> list[str]:
    """Rows that were still gaining when training ended, and rows that had their best behind them, by their runs."""
    said, rising, some, past = [], [], [], []
    for line in lines:
        found = bests(line)
        last = [best for best in found if best.place == best.epochs]
        lost = words.gap(fmean(best.lost for best in found), line.metric)
        if len(last) == len(found):
            rising.append(line)
        elif lost != words.gap(0.0, line.metric):
            places = sorted({best.place for best in found})
            epochs = (
                f"epoch{'s' * (len(places) > 1)} {listed(places)} of {max(best.epochs for best in found)}"
            )
            past.append(f"{words.name(line)} ({epochs}, {lost} better than at the end)")
        elif last:
            some.append(f"{len(last)} of {len(found)} runs of {words.name(line)}")
    if rising:
        verb = "validates" if len(rising) == 1 else "validate"
        said.append(f"{words.names(rising)} {verb} best at the last epoch: more training may still help.")
    if some:
        said.append(f"Best at the last epoch: {words.names_of(some)}.")
    if past:
        said.append(f"Past the best epoch, and with its weights tested: {words.names_of(past)}.")
    return said
