"""How long a run was allowed to train: what runs of one section share, so that none is read against a longer one."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from typing import Self

from ...records.run import RunRecord


@dataclass(frozen=True)
class Budget:
    """Limits of `trainer`; 0 is none. Where seconds or steps end a run, epochs are only a number out of reach."""

    seconds: float = 0.0
    steps: int = 0
    epochs: int = 0

    @classmethod
    def of(cls, run: RunRecord) -> Self:
        """The limits in a run's configuration, of which old records may lack some."""
        found = run.config.get("trainer")
        limits = found if isinstance(found, dict) else {}
        seconds, steps, epochs = (limits.get(f"max_{name}") or 0 for name in ("seconds", "steps", "epochs"))
        return cls(float(seconds), int(steps), 0 if seconds or steps else int(epochs))

    @property
    def told(self) -> str:
        """Such as "12 epochs" or "4 minutes"; "" where nothing is known."""
        parts = []
        if self.seconds:
            by_minutes = self.seconds >= 120 and self.seconds % 30 == 0
            parts.append(f"{self.seconds / 60:g} minutes" if by_minutes else f"{self.seconds:g} seconds")
        for count, unit in ((self.steps, "steps"), (self.epochs, "epochs")):
            if count:
                parts.append(f"{count:,} {unit if count > 1 else unit[:-1]}")
        return " or ".join(parts)

    @property
    def slug(self) -> str:
        """The same for the name of a file."""
        return self.told.replace(" or ", "-").replace(" ", "").replace(",", "") or "unlimited"

    @property
    def order(self) -> tuple[float, float, float]:
        """Sorts the longest first."""
        return -self.seconds, -self.steps, -self.epochs


_NAMES = 8
"""Rows that a sentence tells, of one budget."""


def not_comparable(named: Iterable[tuple[str, RunRecord]]) -> str:
    """A sentence where runs, each with the name of its row, had several budgets: which rows had which; else ""."""
    rows: dict[Budget, dict[str, None]] = {}
    for name, run in named:
        rows.setdefault(Budget.of(run), {})[name] = None
    if len(rows) < 2:
        return ""
    keys = [f"trainer.max_{field.name}" for field in fields(Budget)]
    differ = [
        key
        for key, values in zip(keys, zip(*map(astuple, rows), strict=True), strict=True)
        if len({*values}) > 1
    ]
    told = [
        f"{budget.told or 'no known limit'} ({_listed([*rows[budget]])})"
        for budget in sorted(rows, key=lambda one: one.order)
    ]
    return f"Not comparable, as {' and '.join(differ)} differ{'s' * (len(differ) < 2)}: {'; '.join(told)}."


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMES]) + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "")
