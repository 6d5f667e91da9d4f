"""As in the paper? Yes, no, or cannot say and why, in the few words of a cell; the rule is that of runs/verdict.py."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from ..document import NONE
from ..facts import unique
from ..runs.line import Line
from .order import Order

HEAD = "as in the paper?"
CANNOT = "cannot say"
MOST = 2
"""Reasons that a cell tells; the folded part of the page has all of them in full."""
BY_HAND = "changed by hand"
"""So begins the reason of a run whose settings are not those of its row."""
_SHORT = (
    ("word vectors", "other word vectors"),
    ("without lemmas", "fewer features"),
    ("profile ", "shorter training"),
    ("is not the published file", "other data files"),
    ("not a data set of the papers", "other data"),
    ("folds", "folds missing"),
    (" % of ", "part of the data"),
    (BY_HAND, "settings changed by hand"),
)
"""A part of a reason, and what a cell says of it."""


def of_line(line: Line) -> str:
    """The answer for a row's level."""
    if line.paper_number is None or not line.runs or line.mixed:
        return NONE
    if line.diverged and not line.paper.deviation:
        return "no (diverged)"
    found = line.verdict(line.why_not)
    word, _, rest = found.partition(" (")
    if word == "off":
        return f"no ({rest}"
    if found == "matches":
        return "yes"
    if found == "within noise":
        return f"{CANNOT}: too few runs"
    reasons = shortened([*line.why_not, line.paper.deviation or ""]).split(", ")
    return f"{CANNOT}: {', '.join(reasons[:MOST]) or 'one run, no deviation'}"


def shortened(reasons: Iterable[str]) -> str:
    """Reasons against a comparison, each in two or three words."""
    parts = [part for reason in reasons for part in reason.split("; ") if part]
    known = [short for key, short in _SHORT if any(key in part for part in parts)]
    return ", ".join([*known, *unique(part for part in parts if not any(key in part for key, _ in _SHORT))])


def of_levels(lines: Iterable[Line], diverged: Collection[str] = ()) -> tuple[str, str]:
    """yes, no or cannot say for all rows of a table together, run or not, and why; "" where no row that ran has a
    number of the paper's. `diverged` are rows of which no run came to its end: a no, as is one whose figure is no
    number."""
    wanted = [line for line in lines if line.paper_number is not None and not line.paper.deviation]
    found = [(line, of_line(line)) for line in wanted]
    known = [(line, answer) for line, answer in found if answer != NONE]
    lost = [line for line, answer in found if answer == NONE and line.name in diverged]
    if not known and not lost:
        return "", ""
    ran, whole = len(known) + len(lost), len(wanted)
    off = [line for line, answer in known if answer.startswith("no")] + lost
    yes = [line for line, answer in known if answer == "yes"]
    doubt = "by unconfirmed numbers" if any(line.paper.doubted("metric") for line in off or yes) else ""
    if off:
        differ = f"{len(off)} of {ran} rows {'differs' if len(off) == 1 else 'differ'}"
        return "no", ", ".join(filter(None, (differ, f"{whole - ran} not run" if ran < whole else "", doubt)))
    if len(yes) == whole:
        return "yes", doubt
    if len(yes) == ran:
        match = "which matches" if ran == 1 else "which match"
        return CANNOT, ", ".join(filter(None, (f"{ran} of {whole} rows run, {match}", doubt)))
    if yes:
        return CANNOT, f"{len(yes)} of {whole} rows match, the others {CANNOT}"
    reasons = shortened(unique(why for line, _ in known for why in line.why_not))
    return CANNOT, reasons or known[0][1].partition(": ")[2]


@dataclass(frozen=True)
class Compared:
    """A table beside the paper's: its order and its levels, each "yes", "no", "cannot say", or "" without any number of
    the paper's."""

    order: str
    detail: str
    """What the order rests on: how many rows, which stand the other way round, how often chance gives as much."""
    level: str
    why: str
    note: str = ""
    """What has to stand beside the name of the data set."""

    @property
    def told(self) -> str:
        """As a cell."""
        if not self.level:
            return "not in the papers"
        parts = [f"order: {self.order}" + f" ({self.detail})" * bool(self.detail)] if self.order else []
        return "; ".join([*parts, f"levels: {self.level}" + f" ({self.why})" * bool(self.why)])

    @property
    def kind(self) -> str:
        """What a reader asks first: one of KINDS."""
        if not self.level:
            return KINDS[-1]
        if "no" in (self.order, self.level):
            return KINDS[2]
        if self.level == "yes":
            return KINDS[0]
        return KINDS[1] if self.order == "yes" else KINDS[3]


KINDS = (
    "Reproduced, levels and all",
    "Reproduced in the order of the rows",
    "Not as in the papers",
    "Cannot be said yet",
    "Not in the papers",
)


def of_table(lines: Iterable[Line], order: Order | None, diverged: Collection[str] = ()) -> Compared:
    """All rows of a table together, run or not; `diverged` as of `of_levels`."""
    level, why = of_levels(lines, diverged)
    if order is None:
        return Compared("", "", level, why)
    found = Compared(order.verdict, order.why, level, why)
    doubt = "by unconfirmed numbers" if "unconfirmed" in f"{found.detail}{why}" else ""
    notes = {
        KINDS[0]: [doubt],
        KINDS[1]: [order.of, "some by one seed" if order.single else ""],
        KINDS[2]: [doubt],
    }
    return replace(found, note=", ".join(filter(None, notes.get(found.kind, ()))))
