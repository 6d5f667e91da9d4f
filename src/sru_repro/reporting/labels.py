"""Labels that stand beside what they name and never on one another: the one routine for all pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.palette import GREY, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE, _BETWEEN = 1.22, 0.25
"""Heights of a line and of the room between two labels, in sizes of their letters."""
_LEAST = 8.0
"""Points of the smallest letters."""


@dataclass(frozen=True)
class End:
    """What stands at the end of a curve: the label in the curve's colour, beneath it a detail in grey."""

    label: str
    colour: str
    x: float
    y: float
    detail: str = ""


def spread(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Centres of labels along an axis, each as near to its wish as the others let it, in the order of the wishes.

    Labels that would overlap move apart around the mean of their wishes (least squares of the displacements, by pooling
    adjacent violators). All stay between `low` and `high`, as far as there is room.

    Args:
        wanted: the centre that each would have alone.
        sizes: the length of each along the axis.

    Returns:
        The centres, in the order of `wanted`.
    """
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    offsets: list[float] = []  # of each from the first, as close as they may stand
    for before, place in zip([None, *order], order, strict=False):
        step = 0.0 if before is None else (sizes[before] + sizes[place]) / 2
        offsets.append((offsets[-1] if offsets else 0.0) + step)
    pools: list[tuple[float, int]] = []  # sum of wishes for the first one's place, and how many
    for offset, place in zip(offsets, order, strict=True):
        total, count = wanted[place] - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before_total, before_count = pools.pop()
            total, count = total + before_total, count + before_count
        pools.append((total, count))
    firsts = [total / count for total, count in pools for _ in range(count)]
    if not order:
        return []
    least = low + sizes[order[0]] / 2
    most = high - sizes[order[-1]] / 2 - offsets[-1]
    found = [0.0] * len(order)
    for first, offset, place in zip(firsts, offsets, order, strict=True):
        found[place] = max(min(first, most), least) + offset
    return found


def label_ends(axes: "Axes", ends: Sequence[End], letters: float) -> None:
    """Names in a column to the right of the axes, each tied to the end of its curve by a hair line.

    Limits and scales of the axes must be final. Letters become smaller where the column would be higher than the axes.
    """
    figure = axes.figure
    figure.draw_without_rendering()  # type: ignore[union-attr]
    pixels = figure.dpi / 72 / axes.bbox.height  # of a point, as a part of the axes' height
    lines = [_lines(end) for end in ends]
    need = sum(count * _LINE + _BETWEEN for count in lines) * pixels
    letters = max(_LEAST, min(letters, 1.0 / need)) if need else letters
    sizes = [(count * _LINE + _BETWEEN) * letters * pixels for count in lines]
    points = axes.transAxes.inverted().transform(axes.transData.transform([(end.x, end.y) for end in ends]))
    wanted = [float(height) for _, height in points]
    line = _LINE * letters * pixels
    for end, count, middle in zip(ends, lines, spread(wanted, sizes, -0.02, 1.0), strict=True):
        top = middle + (count - 1) * line / 2
        axes.annotate(
            end.label,
            xy=(end.x, end.y),
            xytext=(1.05, top - end.label.count("\n") * line / 2),
            textcoords="axes fraction",
            va="center",
            color=ink(end.colour),
            fontsize=letters,
            linespacing=_LINE,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": end.colour, "lw": 0.9, "alpha": 0.6, "relpos": (0, 0.5)},
        )
        if end.detail:
            bottom = middle - (count - 1) * line / 2
            axes.text(
                1.05,
                bottom,
                end.detail,
                transform=axes.transAxes,
                va="center",
                color=GREY,
                fontsize=0.86 * letters,
            )


def _lines(end: End) -> int:
    return 1 + end.label.count("\n") + bool(end.detail)


def folded(text: str, most: int = 22) -> str:
    """A long name in two lines of about one length, broken at a space."""
    spaces = [place for place, sign in enumerate(text) if sign == " "]
    if len(text) <= most or not spaces:
        return text
    middle = min(spaces, key=lambda place: (abs(place - (len(text) - 1) / 2), place))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def measured(text: str, size: float, weight: str = "normal") -> float:
    """The width of a line in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])
