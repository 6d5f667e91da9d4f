"""The picture of a sweep, `report.svg` and `.png`: parallel coordinates over the settings that differ, the figure
against each of them, their importance, and how far a search had come after each trial. Where only the seed differs, a
line of seeds.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..canvas import canvas, save
from ..runs.cells import number
from . import panels, words
from .entries import Sweep
from .importance import Importance
from .ranking import Ranking
from .settings import Setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 1600
MOST = 9
"""Settings that are drawn: the most important ones, or the first."""
_Panel = tuple[int, Callable[["Axes"], None]]
"""Columns of six, and what draws it."""


def write_picture(sweep: Sweep, ranking: Ranking, found: Importance, out: Path) -> list[Path]:
    """Draws the finished runs of a part, two at least, as SVG and PNG of 1600 pixels in width; the files."""
    return save(draw_picture(sweep, ranking, found), out)


def draw_picture(sweep: Sweep, ranking: Ranking, found: Importance) -> "Figure":
    """The picture itself."""
    title = f"{sweep.name}: {words.finding(ranking).removesuffix('.')}"
    ranking, left_out = _drawn(ranking, found)
    rows = _rows(sweep, ranking, found)
    heights = [height for height, _ in rows]
    notes = [f"Left out, as too many settings differ: {', '.join(left_out)}."] if left_out else []
    if ranking.settings:
        notes.append("○ the best run; bars: medians over the runs of one value.")
    if ranking.settings and (far := panels.astray(ranking)):
        worst = number(far[0], None, ranking.part.metric)
        notes[-1] += f" Triangles lie further away, the last at {worst}."
    if ranking.settings and found.parts:
        notes.append(f"{found.basis}.")
    height = 130 + sum(heights) + 25 * len(notes)
    with canvas(_WIDTH, height, title=title, notes=notes, letters=12) as figure:
        grid = figure.add_gridspec(len(rows), 6, height_ratios=heights)
        for place, (_, abreast) in enumerate(rows):
            at = 0
            for width, draw in abreast:
                draw(figure.add_subplot(grid[place, at : at + width]))
                at += width
        return figure


def _rows(sweep: Sweep, ranking: Ranking, found: Importance) -> list[tuple[int, list[_Panel]]]:
    """Pixels in height, and the panels abreast."""
    part, settings = ranking.part, ranking.settings
    if not settings:
        return [(420, [(6, partial(panels.seeds, ranking=ranking))])]
    last: list[_Panel] = []
    if found.parts:
        last.append((3, partial(panels.importance_bars, found=found)))
    if sweep.searched:
        last.append((3, partial(panels.course, part=part)))
    rows: list[tuple[int, list[_Panel]]] = []
    if len(settings) > 1:
        rows.append((430, [(6, partial(panels.parallel, ranking=ranking))]))
    alone = len(settings) + (len(last) if len(last) == 1 else 0)
    abreast = 1 if alone == 1 else 2 if alone in (2, 4) else 3
    for start in range(0, len(settings), abreast):
        some = range(start, min(start + abreast, len(settings)))
        against = partial(panels.against, ranking=ranking)
        row: list[_Panel] = [(6 // abreast, partial(against, at=at, told=at == start)) for at in some]
        free = 6 - len(row) * (6 // abreast)
        if len(last) == 1 and free:
            row.append((free, last.pop()[1]))
        rows.append((340, row))
    if last:
        rows.append((100 + 34 * max(6, len(found.parts)), last))
    return rows


def _drawn(ranking: Ranking, found: Importance) -> tuple[Ranking, list[str]]:
    """The ranking with the settings in which finished runs differ, as many as have room; and the names of those that
    have none. A value of which no run has finished has no place on an axis."""
    ends = [place for place, entry in enumerate(ranking.part.entries) if entry.finished]
    settings = [Setting(one.key, [one.values[place] for place in ends]) for one in ranking.settings]
    varied = [place for place, one in enumerate(settings) if len(set(map(repr, one.values))) > 1]
    kept = sorted(sorted(varied, key=lambda place: -found.parts.get(settings[place].key, 0.0))[:MOST])
    groups = [
        replace(
            group,
            settings=[settings[place] for place in kept],
            values=[group.values[place] for place in kept],
        )
        for group in ranking.groups
    ]
    left_out = [settings[place].key for place in varied if place not in kept]
    return replace(ranking, settings=[settings[place] for place in kept], groups=groups), left_out
