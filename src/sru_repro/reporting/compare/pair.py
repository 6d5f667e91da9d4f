"""Two runs side by side: each key that differs, each figure with b − a, and their validations in turn."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from ...records.run import RunRecord
from ..document import NONE
from ..marks import DAGGER, LEGEND, marked
from ..runs.records import metric_of
from .differences import PARTS, differences, line_of
from .gather import Found
from .screen import grid, words

if TYPE_CHECKING:
    from rich.console import RenderableType

_ROWS = 12
"""Validations that are shown; of more, every so many."""


def pair(one: Found, other: Found) -> list["RenderableType"]:
    """What a terminal shows of two runs."""
    a, b = one.run, other.run
    which = [
        [side, f"{described(each.run)}; {line_of(each.name)}"] for side, each in (("a", one), ("b", other))
    ]
    shown = [grid("run", ["", ""], which, heads_shown=False)]
    changed = differences([[a], [b]])
    for part in PARTS:
        if rows := [[line.key, *line.values] for line in changed if line.part == part]:
            shown.append(grid(part, ["", "a", "b"], rows))
    if same := [part for part in PARTS if not any(line.part == part for line in changed)]:
        shown.append(words(f"{', '.join(same)}: the same"))
    metrics = _metrics(a, b)
    shown.append(grid("metrics", ["", "a", "b", "b − a"], metrics))
    notes = []
    if a.task != b.task:
        notes.append("The tasks differ: their figures are not compared.")
    elif a.finished and b.finished:
        notes.append("One run each: whether their figures differ by more than chance cannot be tested.")
    if any(DAGGER in cell for row in metrics for cell in row):
        notes.append(LEGEND)
    if notes:
        shown.append(words("\n".join(notes)))
    curves = _curves(a, b)
    return [*shown, grid(curves[0], ["", "a", "after", "b", "after"], curves[1])] if curves else shown


def described(run: RunRecord) -> str:
    """What it is and how it ended."""
    fold = "" if run.fold is None else f", fold {run.fold}"
    error = f": {run.error}" if run.error else ""
    profile = run.caveat or run.profile
    return line_of(f"{run.task}, {run.row}, profile {profile}, seed {run.seed}{fold}, {run.state}{error}")


def figures(run: RunRecord) -> dict[str, float]:
    """Metrics as recorded, then what the run cost."""
    known = run.plain()
    cost = {key: known.get(key) for key in ("parameters", "peak_bytes", "gpu/peak_bytes", "wall_s")}
    cost |= {f"throughput/{key}": value for key, value in run.throughput.plain().items()}
    return run.metrics | {key: value for key, value in cost.items() if isinstance(value, int | float)}


def _metrics(a: RunRecord, b: RunRecord) -> list[list[str]]:
    left, right = figures(a), figures(b)
    rows = []
    for key in dict.fromkeys((*sorted(left), *sorted(right))):
        old, new, speed = left.get(key), right.get(key), is_speed(key)
        texts = [
            marked(number(side.get(key)), run.throughput.processor if speed else None)
            for run, side in ((a, left), (b, right))
        ]
        change = NONE if old is None or new is None else number(new - old, "+").replace("-", "−")
        if speed and a.hardware.slug != b.hardware.slug:
            change = "other machine"
        elif a.task != b.task and key in {**a.metrics, **b.metrics}:
            change = "other task"
        rows.append([line_of(key), *texts, change])
    return rows


def is_speed(key: str) -> bool:
    """Whether other work on the machine changes it."""
    return key == "wall_s" or (
        key.startswith("throughput/") and not key.endswith(("processor", "flop_per_step"))
    )


def number(value: float | None, sign: str = "") -> str:
    """As recorded, to six digits; counts in full. `sign` is "+" of a difference."""
    if value is None:
        return NONE
    return f"{value:{sign},}" if isinstance(value, int) else f"{value:{sign}.6g}"


def _curves(a: RunRecord, b: RunRecord) -> tuple[str, list[list[str]]] | None:
    """The headline's validation metric of both runs, with training seconds; None unless both have it."""
    if not a.headline or (a.task, a.headline) != (b.task, b.headline):
        return None
    metric, key = metric_of(a.headline), a.validated
    sides = [
        [
            (f"{entry.figures[key] * metric.scale:.{metric.decimals}f}", f"{entry.wall_s:.0f} s")
            for entry in run.epochs
            if key in entry.figures
        ]
        for run in (a, b)
    ]
    if not all(sides):
        return None
    rows = [
        [str(place), *(left or (NONE, NONE)), *(right or (NONE, NONE))]
        for place, (left, right) in enumerate(zip_longest(*sides), 1)
    ]
    return f"validation {metric.name}", _some(rows)


def _some(rows: Sequence[list[str]]) -> list[list[str]]:
    last = len(rows) - 1
    if last < _ROWS:
        return list(rows)
    return [rows[round(place * last / (_ROWS - 1))] for place in range(_ROWS)]
