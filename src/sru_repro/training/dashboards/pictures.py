"""Grids of numbers drawn as one picture: a cell each, darker for more, in the colour of the model."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.files import whole
from ...core.palette import GREY, STYLE, colour
from ...tasks._media import Grid, GridsMedia

_DPI = 100
_WIDTH, _ROW, _HEAD = 1200, 26, 150
"""Pixels: of a picture; of a line of a broad grid, and of what stands around it."""
_CELL, _AROUND = 14, 200
"""Of a grid with as many lines as columns, of which two stand side by side; a name needs so much."""


def draw(media: GridsMedia, out: Path, title: str, model: str) -> None:
    """Writes a PNG, whole or not at all.

    Args:
        title: what it is of: the run and the step.
        model: gives the colour.
    """
    from matplotlib import rc_context
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    grids = media.grids
    square = len(grids[0].rows) == len(grids[0].columns)
    across = 2 if square and len(grids) > 1 else 1
    down = -(-len(grids) // across)
    line = _AROUND + _CELL * len(grids[0].rows) if square else _HEAD + _ROW * max(2, len(grids[0].rows))
    width, height = (across * (line + 60) if square else _WIDTH), down * line + 70
    shades = LinearSegmentedColormap.from_list("model", ["#FFFFFF", colour(model)])
    with (
        rc_context(STYLE | {"font.size": 9 if square else 11, "axes.titlesize": 12}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of scripts that the font lacks: a box
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, layout="constrained")
        figure.suptitle(title, x=0.012, ha="left", fontsize=14, fontweight="bold")
        figure.supxlabel(media.caption, x=0.012, ha="left", fontsize=11, color=GREY)
        axes = figure.subplots(down, across, squeeze=False).flat
        for place, grid in zip(axes, grids, strict=False):
            shown = _drawn(place, grid, shades)
            figure.colorbar(
                shown, ax=place, pad=0.01, fraction=0.03, aspect=min(40, max(8, 4 * len(grid.rows)))
            )
        for place in list(axes)[len(grids) :]:
            place.set_visible(False)
        with whole(out) as part:
            figure.savefig(part, dpi=_DPI, format="png", metadata={"Software": None})


def _drawn(place: Any, grid: Grid, shades: Any) -> Any:
    shown = place.imshow(
        grid.values, cmap=shades, vmin=grid.least, vmax=grid.most, aspect="auto", interpolation="nearest"
    )
    place.set_title(grid.title)
    slanted = any(len(name) > 2 for name in grid.columns)
    _named(place.xaxis, grid.columns, rotation=90 if slanted else 0)
    _named(place.yaxis, grid.rows)
    place.tick_params(length=0)
    return shown


def _named(axis: Any, names: Sequence[str], **options: Any) -> None:
    axis.set_ticks(range(len(names)), names, **options)
