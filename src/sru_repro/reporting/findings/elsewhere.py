"""The same rows in other sections: after another budget, on other hardware, or on data further from the paper's."""

from collections.abc import Sequence
from dataclasses import fields

from ..runs.budget import Budget
from ..runs.line import Line
from ..runs.sections import TableSection
from . import verdicts, words
from .standing import Standing, standing

_ALIKE = 1.1
"""Epochs in equal time that are no further apart need no word."""
_MOST = 4
"""Of more rows only those are told that stand first or second in either section."""
_TOLD = (*(f"trainer.max_{field.name}=" for field in fields(Budget)), "task.tagger=")
"""Changes by hand that budget and data of a section tell already."""


def told(first: TableSection, others: Sequence[TableSection], found: Standing) -> list[str]:
    """A sentence for each other section that differs in budget, hardware or data, with the rows that both have in the
    same configuration of model and optimizer."""
    said = []
    for other in others:
        what = _difference(first, other)
        its = standing(other, found.ranked[0].task) if what else None
        if its is None or its.metric != found.metric:
            continue
        both = [
            (line, there)
            for line in found.ranked
            if (there := its.called(line.name)) and _configured(line) == _configured(there)
        ]
        if len(both) > _MOST:
            leaders = {line.name for line in (*found.ranked[:2], *its.ranked[:2])}
            both = [(line, there) for line, there in both if line.name in leaders]
        if both:
            if found.runs > 1 and all(len(there.runs) == 1 for _, there in both):
                what += ", one seed a row"
            rows = [
                f"{words.name(line)} {words.of(there)} ({words.signed(there.mean - line.mean, line.metric)}"
                f"{_unequal(line, there)})"
                for line, there in both
            ]
            said.append(f"{what}: {words.names_of(rows)}.")
    return said


def _unequal(line: Line, there: Line) -> str:
    """How much less or more a row trained in its other section, where the time was equal and the pace was not."""
    if not (line.by_clock and line.epochs and there.epochs):
        return ""
    less, more = sorted((line.epochs, there.epochs))
    return f", {there.epochs:.2f} epochs instead of {line.epochs:.2f}" if more > _ALIKE * less else ""


def _configured(line: Line) -> list[tuple[object, object]]:
    """Model and optimizer of its runs, each once."""
    found = [(run.config.get("model"), run.config.get("optim")) for run in line.runs]
    return [what for at, what in enumerate(found) if what not in found[:at]]


def _difference(first: TableSection, other: TableSection) -> str:
    """In what they differ: "After 4 epochs", "On 2-core AMD EPYC", or `with_other_data`; "" where more than one
    thing does, as then nothing follows. Hardware holds threads and runs side by side, so it need not be another
    machine."""
    if _data(first) != _data(other):
        what = with_other_data(first, other)
        return what[:1].upper() + what[1:]
    if first.profile != other.profile or _settings(first) != _settings(other):
        return ""
    if first.hardware != other.hardware:
        return f"On {other.hardware}" if first.budget == other.budget else ""
    return f"After {other.budget}" if other.budget and other.budget != first.budget else ""


def with_other_data(first: TableSection, other: TableSection) -> str:
    """ "with fewer features", where a section has nothing but data that are further from the paper's, or data and
    machine: minutes of two machines are not equal training, so that there another budget may be told beside it, and
    `told` says what it did to each row; "" where nothing or more differs, as then nothing follows."""
    moved, timed = first.hardware != other.hardware, first.budget != other.budget
    if (
        first.profile != other.profile
        or _data(first) == _data(other)
        or (timed and not (moved and other.budget))
    ):
        return ""
    if _settings(first) != _settings(other):
        return ""
    reasons = [_reasons(section) for section in (first, other)]
    more, fewer = reasons[1] - reasons[0], reasons[0] - reasons[1]
    if fewer or not more:
        return ""
    place = ", " + f"after {other.budget} " * timed + "on another machine" if moved else ""
    return f"with {verdicts.shortened(sorted(more))}{place}"


def _data(section: TableSection) -> set[str]:
    return {run.data.fingerprint for run in section.runs}


def _settings(section: TableSection) -> set[str]:
    """What was changed by hand, but for what budget and data tell."""
    return {change for run in section.runs for change in run.changed if not change.startswith(_TOLD)}


def _reasons(section: TableSection) -> set[str]:
    """What sets its data and rows apart from the paper's; what was changed by hand is compared by `_settings`."""
    lines = [line for line in section.lines() if line.runs]
    parts = {part for line in lines for reason in line.why_not for part in reason.split("; ")}
    return {part for part in parts if not part.startswith(verdicts.BY_HAND)}
