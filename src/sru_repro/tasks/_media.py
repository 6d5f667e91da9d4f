"""What a task has to show beside its figures, for people to look at: tables, texts, confusions, grids of numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TableMedia:
    """Rows under heads; cells are texts and numbers."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str | int | float]]


@dataclass(frozen=True)
class TextMedia:
    """A text, such as a sample that a language model has drawn."""

    text: str


@dataclass(frozen=True)
class ConfusionMedia:
    """How often a class (row) was taken for each class (column)."""

    classes: Sequence[str]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Grid:
    """Numbers at rows and columns that have names, drawn from the pale `least` to the full `most`."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float]]
    least: float
    most: float


@dataclass(frozen=True)
class GridsMedia:
    """Grids that belong together, and a line that says what they show. They are drawn as one picture."""

    grids: Sequence[Grid]
    caption: str


Shown = Mapping[str, TableMedia | TextMedia | ConfusionMedia | GridsMedia]
"""By a name that stays the same through a run: predictions, confusion, sample, gates, attention."""
