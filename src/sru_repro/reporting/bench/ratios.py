"""How many times as fast SRU is as an LSTM, with which certainty, and whether the SRU paper says so, too."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...records.bench import Entry, Timed, Timing
from ..marks import marked
from ..numbers import ratio
from ..statistics import Quartiles, geometric, ratio_of_medians

CLAIM = (5, 9)
"""Times as fast as cuDNN's LSTM: the SRU paper's abstract, of classification and question answering on a GPU."""


@dataclass(frozen=True)
class Times:
    """So many times as fast, the ends of the 95 % interval over rounds where those are known, and the part of the
    processor that each timing had."""

    value: float
    low: float | None = None
    high: float | None = None
    processor: tuple[float | None, ...] = ()

    def __str__(self) -> str:
        known = f" ({self.low:.2f}–{self.high:.2f})" if self.low is not None and self.high is not None else ""
        return marked(f"{self.value:.2f}×{known}", *self.processor)

    def reaches(self, claimed: float) -> bool | None:
        """Whether it is so much; None where that lies within the interval."""
        if (self.low or self.value) >= claimed:
            return True
        return None if (self.high or self.value) >= claimed else False


Shapes = Sequence[tuple[Entry, Times]]


def timed(entries: Sequence[Entry], mode: str = "training") -> list[tuple[Entry, Times]]:
    """The shapes at which SRU and an LSTM were timed in that mode, a whole sequence a call, and SRU against the fastest
    LSTM there; those first at which SRU gains most."""
    found = [
        (entry, known)
        for entry in entries
        if not entry.stepwise and (known := against(entry.row("sru"), entry.baseline(mode), mode))
    ]
    return sorted(found, key=lambda one: one[1].value, reverse=True)


def against(row: Timed | None, base: Timed | None, mode: str) -> Times | None:
    """How many times as fast a row of a shape is as another; None where one was not timed."""
    if row is None or base is None or not row.seconds(mode) or not base.seconds(mode):
        return None
    return faster(base.timing(mode), row.timing(mode))


def faster(base: Timing, own: Timing) -> Times:
    """How many times as fast one timing is as another; both have a median."""
    timings = base, own
    shares = tuple(timing.processor for timing in timings)
    return Times(*ratio_of_medians(*map(_quartiles, timings)), shares)


def _quartiles(timing: Timing) -> Quartiles:
    """Without quartiles a timing is a single value."""
    middle = timing.median_s or 0.0
    known = timing.q1_s is not None and timing.q3_s is not None
    return Quartiles(middle, timing.q1_s or middle, timing.q3_s or middle, timing.repeats if known else 1)


def verdict(entry: Entry, *measured: tuple[str, Times | None], there: str = "") -> str:
    """Whether a shape does as the paper says: as its speed figure where that shows the shape, else as its abstract.

    `measured` are ways of calling it, each with a word for it, the usual one last; `there` is a remark on the paper.
    """
    figure = in_figure(entry)
    claimed = f"{roughly(figure)}×{there}" if figure else f"{CLAIM[0]} to {CLAIM[1]}×{there}"
    known = {way: found.reaches(figure or CLAIM[0]) for way, found in measured if found}
    if not known:
        return "cannot say: not measured"
    yes = [way for way, reached in known.items() if reached]
    if yes:
        return f"yes{'' if list(known)[-1] in yes else f', {yes[-1]}'}: {claimed}"
    if None in known.values():
        least = roughly(figure) if figure else f"{CLAIM[0]}"
        return f"cannot say: {least}× lies within the interval"
    return f"no: {claimed}"


def roughly(figure: float) -> str:
    """A figure that was read from a plot by eye: "about 16"."""
    return f"about {figure:.2g}"


def in_figure(entry: Entry) -> float | None:
    """Times as fast as LSTM, forward and backward, in the paper's speed figure; None where it lacks the shape."""
    both = {name: milliseconds for name, _, milliseconds in entry.paper_ms}
    return ratio(both.get("lstm"), both.get("sru"))


def level(shapes: Shapes, peer: str) -> str:
    """ "2.4 times as fast as nn.LSTM (geometric mean of 8 shapes, 95 % interval 2.0 to 2.8)"."""
    mean, low, high = mean_of(shapes)
    text = f"{mean:.2f} times as fast as {peer}"
    if low is None or high is None:
        return text
    return f"{text} (geometric mean of {counted(shapes)}, 95 % interval {low:.2f} to {high:.2f})"


def mean_of(shapes: Shapes) -> tuple[float, float | None, float | None]:
    """The geometric mean over shapes with its interval."""
    return geometric([known.value for _, known in shapes])


def extremes(shapes: Shapes) -> str:
    """ ": 1.66 at SST (L20 B32 300→128 ×2) to 3.00 at reader (L300 …)"; nothing of a single shape."""
    if len(shapes) < 2:
        return ""
    ends = sorted(shapes, key=lambda one: one[1].value)
    low, high = (f"{known.value:.2f} at {_named(entry)}" for entry, known in (ends[0], ends[-1]))
    return f": {low} to {high}"


def _named(entry: Entry) -> str:
    name, _, sizes = entry.label.rpartition(", ")
    return f"{name} ({sizes})" if name else sizes


def reached(shapes: Shapes) -> str:
    """ "5 of 7 shapes": those that come to what the abstract says."""
    count = sum(known.reaches(CLAIM[0]) is True for _, known in shapes)
    return f"{count or 'none'} of {counted(shapes)}"


def share_reached(shapes: Shapes) -> str:
    """As a cell: "yes, at all 7 shapes", "yes at 5 of 7 shapes", "no, at none of 7 shapes", or that intervals forbid an
    answer."""
    found = [known.reaches(CLAIM[0]) for _, known in shapes]
    if all(found):
        return f"yes, at {'all ' * (len(shapes) > 1)}{counted(shapes)}"
    if any(found):
        return f"yes at {reached(shapes)}"
    if None in found:
        return f"cannot say: at {found.count(None)} of {counted(shapes)} {CLAIM[0]}× lies within the interval"
    return f"no, at none of {counted(shapes)}"


def counted(shapes: Shapes) -> str:
    """ "8 shapes", "16 shapes and types"."""
    several = len({entry.dtype for entry, _ in shapes}) > 1
    return f"{len(shapes)} shape{'s' * (len(shapes) > 1)}{' and types' * several}"


def between(values: Sequence[float], form: str = "{:.2f}") -> str:
    """ "2 to 3", "2" where both read the same."""
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} to {high}"


def spanned(shapes: Shapes, form: str = "{:.1f}") -> str:
    """The same of times as fast."""
    return between([known.value for _, known in shapes], form)


def short_name(hardware: str) -> str:
    """Of a machine, without what stands in brackets and behind."""
    return hardware.partition(" (")[0].partition(",")[0]
