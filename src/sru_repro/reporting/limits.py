"""Limits of an axis that a few figures far from all others do not rule: those stand at the edge, with their value."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..core.palette import ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST, _PART, _TIMES = 4, 0.1, 3.0
"""So many figures at least can tell; of them a tenth (one at least) may be left out, where the others then lie within a
third of the range."""


def bulk(values: Sequence[float]) -> tuple[float, float]:
    """The least and the largest value without outliers.

    Outliers are the few values (a tenth at most, or one) without which the range shrinks to a third or less. Where no
    few do that, all values count.
    """
    ordered = sorted(values)
    low, high = 0, len(ordered) - 1
    if len(ordered) < _LEAST:
        return ordered[0], ordered[-1]
    best = (ordered[0], ordered[-1])
    for _ in range(max(1, int(_PART * len(ordered)))):
        below, above = ordered[low + 1] - ordered[low], ordered[high] - ordered[high - 1]
        low, high = (low + 1, high) if below > above else (low, high - 1)
        if (ordered[high] - ordered[low]) * _TIMES <= best[1] - best[0]:
            best = (ordered[low], ordered[high])
    return best


def padded(low: float, high: float, part: float = 0.06) -> tuple[float, float]:
    """With some room at both ends."""
    spare = part * (high - low) or 0.05 * abs(high) or 0.1
    return low - spare, high + spare


def mark_beyond(
    axes: "Axes", points: Sequence[tuple[float, float, str]], told: Callable[[float], str], letters: float
) -> None:
    """An arrow at the lower or upper edge for each (x, y, colour) beyond the limits of y, with the value; of several
    at one edge each has a line of its own."""
    low, high = axes.get_ylim()
    used = {"^": 0, "v": 0}
    for x, y, colour in sorted(points):
        if low <= y <= high:
            continue
        marker = "^" if y > high else "v"
        sign = -1 if marker == "^" else 1
        edge = (x, high if marker == "^" else low)
        axes.plot(*edge, marker=marker, ms=9, color=colour, clip_on=False, zorder=5)
        axes.annotate(
            told(y),
            edge,
            (9, sign * (2 + 1.3 * letters * used[marker])),
            textcoords="offset points",
            va="top" if marker == "^" else "bottom",
            fontsize=letters,
            color=ink(colour),
            annotation_clip=False,
            zorder=6,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
        )
        used[marker] += 1
