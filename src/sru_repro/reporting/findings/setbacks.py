"""Runs that lost on the way what they had learned: the figure of such a row tells of its rate as well."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..numbers import listed
from ..runs.line import Line
from . import words
from .curves import Point, curves
from .standing import Standing

GROSS = 1.5
"""So many times the least loss until then is a validation that is a setback: seeds and noise stay far below."""


class Setback(NamedTuple):
    """The worst one of a run."""

    before: float
    """The best figure until then."""
    worst: float
    at: float
    """Seconds of training."""
    back: float | None
    """Seconds until a validation was as good as before; None where none was."""


def setback(points: Sequence[Point], perplexity: bool = False) -> Setback | None:
    """The worst setback of a curve of losses, in bits or as perplexity; None where it has none."""
    found, best = None, math.inf
    for place, (at, figure) in enumerate(points):
        if _loss(figure, perplexity) > GROSS * _loss(best, perplexity) and (
            found is None or figure > found.worst
        ):
            back = next((later for later, value in points[place + 1 :] if value <= best), None)
            found = Setback(best, figure, at, back)
        best = min(best, figure)
    return found


def told(standing: Standing) -> list[str]:
    """A sentence on each row with such runs. Only losses: an accuracy falls by a few points between two epochs."""
    said = []
    for line in standing.ranked if standing.metric.lower_is_better else ():
        found = [one for points in curves(line) if (one := setback(points, _is_perplexity(line)))]
        if not found:
            continue
        runs = f" in {len(found)} of {len(line.runs)} runs" if len(line.runs) > 1 else ""
        each = [
            f"its validation rose from {words.value(one.before, line.metric)} to "
            f"{words.value(one.worst, line.metric)} at {one.at / 60:.1f} minutes and "
            + ("did not come back" if one.back is None else f"was back at {one.back / 60:.1f}")
            for one in found
        ]
        said.append(
            f"{words.name(line)} was thrown back{runs}: {listed(each)}. Its figure says as much of its learning rate "
            "as of the model."
        )
    return said


def _is_perplexity(line: Line) -> bool:
    return line.metric.name == "perplexity"


def _loss(figure: float, perplexity: bool) -> float:
    return math.log(figure) if perplexity else figure
