"""Two runs side by side: what differs in config, data, code, packages, hardware; then metrics and curves."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from ...records.run import RunRecord, read_record
from ..document import NONE as _ABSENT
from ..document import literal
from ..marks import marked
from .records import flatten, metric_of


def compare(run_a: Path, run_b: Path) -> str:
    """A text for the terminal about two run folders or records. Raises DataError when one cannot be read."""
    a, b = read_record(run_a), read_record(run_b)
    blocks = [_block("run", [("a", _name(a), ""), ("b", _name(b), "")])]
    left, right = a.plain(), b.plain()
    for part in ("config", "data", "code", "packages", "hardware"):
        changed = list(differences(left.get(part) or {}, right.get(part) or {}))
        blocks.append(_block(part, changed, ("a", "b")) if changed else f"{part}: the same")
    blocks.append(_block("metrics", _metrics(a, b), ("a", "b", "b − a")))
    curves = _curves(a, b)
    if curves:
        blocks.append(curves)
    return "\n\n".join(blocks)


def differences(a: Mapping[str, object], b: Mapping[str, object]) -> Iterable[tuple[str, str, str]]:
    """(dotted key, value in a, value in b) of all leaves that differ."""
    left, right = dict(flatten(a)), dict(flatten(b))
    for key in sorted(left | right):
        old, new = (side.get(key, _ABSENT) for side in (left, right))
        if old != new:
            yield key, _line(old), _line(new)


def _line(value: object) -> str:
    """A value of a record in one line: nothing in it steers the terminal."""
    return literal(str(value)).replace("\n", "\\n")


def _name(run: RunRecord) -> str:
    fold = "" if run.fold is None else f", fold {run.fold}"
    error = f": {run.error}" if run.error else ""
    profile = run.caveat or run.profile
    return _line(f"{run.task}, {run.row}, profile {profile}, seed {run.seed}{fold}, {run.state}{error}")


def _metrics(a: RunRecord, b: RunRecord) -> list[tuple[str, ...]]:
    """Metrics as recorded, then what the runs cost."""
    left, right = ({**run.metrics, **_cost(run)} for run in (a, b))
    rows: list[tuple[str, ...]] = []
    for key in dict.fromkeys((*sorted(left), *sorted(right))):
        old, new = left.get(key), right.get(key)
        change = _ABSENT if old is None or new is None else f"{new - old:+.6g}".replace("-", "−")
        texts = [
            marked(_text(value), run.throughput.processor)
            if _is_speed(key) and value is not None
            else _text(value)
            for run, value in ((a, old), (b, new))
        ]
        rows.append((key, *texts, change))
    return rows


def _is_speed(key: str) -> bool:
    return key == "wall_s" or (
        key.startswith("throughput/") and not key.endswith(("processor", "flop_per_step"))
    )


def _text(value: float | None) -> str:
    if value is None:
        return _ABSENT
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _cost(run: RunRecord) -> dict[str, float]:
    known = run.plain()
    cost = {key: known.get(key) for key in ("parameters", "peak_bytes", "wall_s")}
    cost |= {f"throughput/{key}": value for key, value in run.throughput.plain().items()}
    return {key: value for key, value in cost.items() if isinstance(value, int | float)}


def _curves(a: RunRecord, b: RunRecord) -> str:
    """The headline's validation metric of both runs, with training seconds; "" unless both have it."""
    if not a.headline or a.headline != b.headline:
        return ""
    metric, key = metric_of(a.headline), a.validated
    sides = [
        [
            (f"{epoch.figures[key] * metric.scale:.{metric.decimals}f}", f"{epoch.wall_s:.0f} s")
            for epoch in run.epochs
            if key in epoch.figures
        ]
        for run in (a, b)
    ]
    if not all(sides):
        return ""
    nothing = (_ABSENT, _ABSENT)
    rows = [
        [str(place), *(one or nothing), *(other or nothing)]
        for place, (one, other) in enumerate(zip_longest(*sides), 1)
    ]
    return _block(f"validation {metric.name}", rows, ("a", "after", "b", "after"))


def _block(title: str, rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """Aligned columns under a title, the first left, the others as wide as they need."""
    lines = [["", *heads], *rows] if heads else rows
    widths = [
        max(len(line[column]) for line in lines if column < len(line)) for column in range(len(lines[0]))
    ]
    body = ["  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([title, *body])
