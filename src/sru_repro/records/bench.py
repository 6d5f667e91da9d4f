"""What `sru-repro bench` measured: `results/speed-<hardware>.json`. Times are in seconds, sizes in bytes."""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field, Strict

from .base import Part, Record, Stamp
from .origin import Hardware

LSTM = ("lstm", "lstm-cells")
"""The contenders of which the fastest one, in whatever type of number, is what others are compared with."""
Triple = Annotated[tuple[str, float, float], Strict(False)]


class Timing(Part):
    """The median over rounds with its quartiles, or why there is none."""

    median_s: float | None = None
    q1_s: float | None = None
    q3_s: float | None = None
    repeats: int = 0
    """Rounds."""
    processor: float | None = None
    """The part of the time in which the process had the processor that it asked for, where the system tells."""
    error: str | None = None
    """Kind and first line."""


class Timed(Part):
    """A model at a shape, or of the recurrence alone a back end; a mode that was not measured is left out.

    `floor_` is the time of the model's matrix products alone, `graph_` of the call as a CUDA graph, `ragged_` that of
    sequences of different lengths, `kernel_` what a GPU takes when it never waits for the host.
    """

    contender: str | None = None
    backend: str | None = None
    label: str
    dtype: str | None = None
    """Its type of number, where it is not its entry's: peers are timed in several."""
    parameters: int | None = None
    bytes_inference: int | None = None
    """What the recurrences must move."""
    bytes_training: int | None = None
    inference: Timing | None = None
    training: Timing | None = None
    """Forward and backward."""
    ragged_inference: Timing | None = None
    ragged_training: Timing | None = None
    floor_inference: Timing | None = None
    floor_training: Timing | None = None
    graph_inference: Timing | None = None
    graph_training: Timing | None = None
    kernel_inference: Timing | None = None
    kernel_training: Timing | None = None
    peak_inference_bytes: int | None = None
    peak_training_bytes: int | None = None
    error: str | None = None
    """Why nothing at all was measured."""

    def timing(self, mode: str) -> Timing:
        """Of a mode, such as "training" or "floor_inference"; empty where it was not measured."""
        found: Timing | None = getattr(self, mode)
        return found or Timing()

    def seconds(self, mode: str) -> float | None:
        """The median, None where nothing was measured."""
        return self.timing(mode).median_s

    def moved_bytes(self, mode: str) -> int | None:
        """What the recurrences must move in "inference" or "training", whichever way that was timed."""
        return self.bytes_training if mode.endswith("training") else self.bytes_inference

    def why_not(self, mode: str) -> str:
        """Why nothing was measured, "" where something was or nobody tried."""
        return self.error or self.timing(mode).error or ""


class Entry(Part):
    """What was measured at one shape, in one type of number."""

    name: str
    label: str
    length: int
    batch: int
    input_size: int | None = None
    hidden_size: int
    layers: int = 1
    bidirectional: bool = False
    ragged: bool = False
    stepwise: bool = False
    """A step a call, the state handed on."""
    alone: bool = False
    """The recurrence only."""
    paper_ms: Annotated[list[Triple], Strict(False)] = Field(default_factory=list)
    """(contender, forward, forward and backward) in the SRU paper's speed figure, milliseconds."""
    order: int
    """Place in the tables."""
    dtype: str
    rows: list[Timed]

    @property
    def title(self) -> str:
        """Shape and type."""
        return f"{self.label}, {self.dtype}"

    @property
    def tokens(self) -> int:
        """Steps of all sequences of a batch."""
        return self.length * self.batch

    @property
    def columns(self) -> int:
        """Features of all sequences of a batch, in both directions: the columns of a recurrence."""
        return self.batch * self.hidden_size * (2 if self.bidirectional else 1)

    def row(self, contender: str) -> Timed | None:
        """That of a model in the entry's own type, None where there is none."""
        own = (row for row in self.rows if row.contender == contender and row.dtype in (None, self.dtype))
        return next(own, None)

    def baseline(self, mode: str) -> Timed | None:
        """The row of LSTM; where it was built in several ways or timed in several types, the fastest of them."""
        return self.fastest(LSTM, mode)

    def fastest(self, contenders: Sequence[str], mode: str) -> Timed | None:
        """Of the rows of these models in all types, the one with the least time; None where none was timed."""
        timed = [row for row in self.rows if row.contender in contenders and row.seconds(mode) is not None]
        return min(timed, key=lambda row: row.seconds(mode) or 0.0, default=None)

    def type_of(self, row: Timed) -> str:
        """Of number."""
        return row.dtype or self.dtype


class Backend(Part):
    """What computed the recurrences, and why."""

    name: str
    why: str = ""


class SpeedStamp(Stamp):
    """When an entry was measured, with which code and back end."""

    backend: Backend
    repeats: int | None = None
    """Rounds at most."""


class StampedEntry(Entry):
    """An entry as the file keeps it beside entries of other days."""

    measured: SpeedStamp

    @classmethod
    def of(cls, entry: Entry, stamp: SpeedStamp) -> Self:
        """The entry with its stamp."""
        return cls.model_validate({**entry.plain(), "measured": stamp})


class Rates(Part):
    """What the machine does by itself: bytes that a copy reads and writes in a second, operations of a product."""

    copy_bytes_per_s: float | None = None
    float32_flop_per_s: float | None = None
    bfloat16_flop_per_s: float | None = None


class Correctness(Part):
    """What was tried before timing; none of it was wrong."""

    cases: int
    backends: list[str] = Field(default_factory=list)


class SpeedRecord(Record):
    """All that was measured on one machine, in several calls of the command."""

    COMMAND: ClassVar[str] = "sru-repro bench"
    EXPECTED: ClassVar[str] = "measurements of speed"
    ENTRIES: ClassVar = ("shapes", "recurrence", "overhead", "graphs", "growth")
    BY_LINE: ClassVar = (*ENTRIES, "rows")
    DIGITS: ClassVar[int | None] = 4

    device: str
    correctness: Correctness
    rates: Rates
    shapes: list[StampedEntry]
    recurrence: list[StampedEntry]
    overhead: list[StampedEntry]
    growth: list[StampedEntry]
    graphs: list[StampedEntry]
    hardware: Hardware
    packages: dict[str, str]

    def entries(self) -> Iterator[list[StampedEntry]]:
        """Those of each kind."""
        return (getattr(self, kind) for kind in self.ENTRIES)

    def order(self) -> None:
        """Puts entries in the order of the tables."""
        for entries in self.entries():
            entries.sort(key=lambda entry: (entry.order, entry.dtype))
