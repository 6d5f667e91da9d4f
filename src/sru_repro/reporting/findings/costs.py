"""What the rows cost, in a sentence: time of training, and speed against LSTM."""

from collections.abc import Sequence
from statistics import fmean

from ..runs.costs import reference
from ..runs.line import REFERENCE, Line
from . import clocks, words
from .standing import Standing


def told(standing: Standing, one: Line | None = None) -> list[str]:
    """How long training took, and how fast the row `one` (by default the best) is beside LSTM. Where other work had a
    part of the processor the clock compares nothing: then in its own time, where that is known."""
    line = one or standing.ranked[0]
    lstm = reference(standing.ranked)
    both = [line] if lstm is None or lstm is line else [line, lstm]
    kind = clocks.comparable(both)
    if kind == clocks.CLOCK:
        return _by_the_clock(both)
    took = "" if line.by_clock or not kind else _took(both, kind)
    away = "Other work had a part of the processor, so speeds are not compared here"
    return [f"{away}; in time of the processor {took}." if took else f"{away}."]


def _by_the_clock(both: Sequence[Line]) -> list[str]:
    line, *others = both
    took = "" if line.by_clock else _took(both, clocks.CLOCK)
    fast = ""
    if others and (ratio := line.speed_against(others[0])):
        slow = f" by the {REFERENCE}" if REFERENCE in line.backends else ""
        fast = f"{words.name(line)} trains {ratio:.2f} times as fast as {words.name(others[0])}{slow}"
    text = "; ".join(filter(None, (took, fast)))
    return [words.sentence(text)] if text else []


def _took(lines: Sequence[Line], kind: str) -> str:
    """Training until the last validation, each row's mean over its runs."""
    found = [
        (line, fmean(clocks.seconds(run, run.epochs[-1].wall_s, kind) for run in line.runs))
        for line in lines
        if all(run.epochs for run in line.runs)
    ]
    told = words.names_of([f"{_minutes(seconds)} for {words.name(line)}" for line, seconds in found])
    return f"training took {told}" if found else ""


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"
