"""How runs learned: their curves against steps, tokens and seconds of training, and a row's curve in a few signs."""

import csv
import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from ..runs.records import metric_of
from .gather import Found
from .groups import Group

MOST = 400
"""Points of a curve that a page holds; of longer ones every so many."""
_SIGNS = "▁▂▃▄▅▆▇█"
_WIDE = 8
"""Signs of a row's curve at most."""


class Point(NamedTuple):
    """A figure, in the unit of tables, and where in the run it was taken."""

    step: float
    tokens: float
    wall_s: float
    figure: float


def curves_of(found: Found) -> dict[str, list[Point]]:
    """By metric, in order: of validations as the record has them, and between them as `metrics.csv` beside it has."""
    curves: dict[str, list[Point]] = {}
    for entry in found.run.epochs:
        for key, figure in entry.figures.items():
            _add(curves, key, (entry.step, entry.tokens, entry.wall_s, figure))
    for key, points in _finer(found).items():
        if len(points) > len(curves.get(key, ())):
            curves[key] = points
    return {key: thinned(points) for key, points in curves.items()}


def _finer(found: Found) -> dict[str, list[Point]]:
    curves: dict[str, list[Point]] = {}
    try:
        assert found.folder is not None
        with (found.folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                places = [float(line[key]) for key in Point._fields[:-1]]
                for key, text in line.items():
                    if key.partition("/")[0] in ("train", "val") and text:
                        _add(curves, key, (*places, float(text)))
    except (AssertionError, OSError, KeyError, TypeError, ValueError, AttributeError, csv.Error):
        return {}  # the record, which is whole, has the coarser ones
    return curves


def _add(curves: dict[str, list[Point]], key: str, values: Sequence[float]) -> None:
    step, tokens, wall_s, figure = map(float, values)
    if all(map(math.isfinite, (step, tokens, wall_s, figure))):
        curves.setdefault(key, []).append(Point(step, tokens, wall_s, figure * metric_of(key).scale))


def thinned(points: list[Point], most: int = MOST) -> list[Point]:
    """At most so many of the points, evenly chosen, with the first and the last."""
    if len(points) <= most:
        return points
    last = len(points) - 1
    return [points[round(place * last / (most - 1))] for place in range(most)]


def sparklines(groups: Sequence[Group]) -> list[str]:
    """Each row's validations of the headline, a sign each, as means over its runs; all rows on one scale. Where a curve
    has more, it is cut into as many pieces; "" of a row without one."""
    means = [_mean(group) for group in groups]
    every = [figure for mean in means for figure in mean]
    if not every:
        return [""] * len(groups)
    low, high = min(every), max(every)
    steps = len(_SIGNS) - 1
    return [
        "".join(
            _SIGNS[round(steps * (figure - low) / (high - low))] if high > low else _SIGNS[0]
            for figure in mean
        )
        for mean in means
    ]


def _mean(group: Group) -> list[float]:
    runs = list(group.counted.values())
    curves = [
        [
            run_figure
            for entry in run.epochs
            if math.isfinite(run_figure := entry.figures.get(run.validated, math.nan))
        ]
        for run in runs
    ]
    mean = [fmean(step) for step in zip(*(curve for curve in curves if curve), strict=False)]
    if len(mean) <= _WIDE:
        return mean
    last = len(mean) - 1
    return [mean[round(place * last / (_WIDE - 1))] for place in range(_WIDE)]
