"""The same rows in other sections: after another budget, or on data that are further from the paper's."""

from collections.abc import Sequence

from ..runs.line import Line
from ..runs.sections import TableSection
from . import verdicts, words
from .standing import Standing, standing

_ALIKE = 1.1
"""Epochs in equal time that are no further apart need no word."""


def told(first: TableSection, others: Sequence[TableSection], found: Standing) -> list[str]:
    """A sentence for each other section that differs in one thing, budget or data, with the rows that both have."""
    said = []
    for other in others:
        what = difference(first, other)
        its = standing(other, found.ranked[0].task) if what else None
        if its is None or its.metric != found.metric:
            continue
        both = [(line, there) for line in found.ranked if (there := its.called(line.name))]
        if both:
            rows = [
                f"{words.name(line)} {words.of(there)} ({words.signed(there.mean - line.mean, line.metric)}"
                f"{_unequal(line, there)})"
                for line, there in both
            ]
            said.append(f"{what}: {words.names_of(rows)}.")
    return said


def _unequal(line: Line, there: Line) -> str:
    """How much less or more a row trained in its other section, where the time was equal and the code was not."""
    if not (line.by_clock and line.epochs and there.epochs):
        return ""
    less, more = sorted((line.epochs, there.epochs))
    return f", {there.epochs:.2f} epochs instead of {line.epochs:.2f}" if more > _ALIKE * less else ""


def difference(first: TableSection, other: TableSection) -> str:
    """In which one thing they differ, "After 4 epochs" or "With fewer features"; "" where it is none or several, as
    then nothing follows. Other data may be read on another machine, if that is said: `told` says what its pace did."""
    if first.profile != other.profile:
        return ""
    moved = first.hardware != other.hardware
    mine, its = ({run.data.fingerprint for run in section.runs} for section in (first, other))
    if mine == its:
        longer = other.budget and other.budget != first.budget and not moved
        return f"After {other.budget}" if longer else ""
    if first.budget != other.budget:
        return ""
    reasons = [_reasons(section) for section in (first, other)]
    more, fewer = reasons[1] - reasons[0], reasons[0] - reasons[1]
    if fewer or not more:
        return ""
    return f"With {verdicts.shortened(sorted(more))}{', on another machine' * moved}"


def _reasons(section: TableSection) -> set[str]:
    lines = [line for line in section.lines() if line.runs]
    return {part for line in lines for reason in line.why_not for part in reason.split("; ")}
