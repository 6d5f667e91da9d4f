"""What `sru-repro bench task=decode` measured: `results/decode-<hardware>.json`. One measurement is kept
whole: its rows were taken in one process, side by side.
"""

from typing import ClassVar

from pydantic import Field

from .base import Part, Record
from .bench import LSTM, Backend, Correctness, Timing
from .origin import Code, Hardware


class Generator(Part):
    """A model that generates `batch` streams at once, after a context of so many tokens."""

    contender: str
    label: str
    layers: int
    width: int
    attends: bool
    """Whether it has attention, over the whole context."""
    parameters: int
    context: int
    state_bytes: int | None = None
    """What every further stream has to keep."""
    batch: int


class Generated(Timing, Generator):
    """The time of a step of all streams, called plainly."""

    graph: Timing | None = None
    """Of the same step as a CUDA graph, where that was measured."""

    @property
    def tokens_per_s(self) -> float | None:
        """Of all streams together; None where nothing was measured."""
        return self.pace(graph=False)

    def pace(self, *, graph: bool) -> float | None:
        """Tokens/s of all streams together, as a graph or plainly; None where that was not measured."""
        timing = (self.graph or Timing()) if graph else self
        return None if timing.median_s is None else self.batch / timing.median_s


class Comparison(Part):
    """Models that are alike in one thing: `parameters`, or `width`."""

    name: str
    label: str
    rows: list[Generated]

    def contenders(self) -> list[str]:
        """The models, in the order of the tables."""
        return list(dict.fromkeys(row.contender for row in self.rows))

    def by_context(self, contender: str, batch: int) -> dict[int, Generated]:
        """The rows of one model, in the order of contexts."""
        rows = [row for row in self.rows if (row.contender, row.batch) == (contender, batch)]
        return {row.context: row for row in sorted(rows, key=lambda row: row.context)}

    @property
    def graphs(self) -> bool:
        """Whether steps were measured as graphs, too."""
        return any(row.graph is not None for row in self.rows)

    def lstm_pace(self, context: int, batch: int, *, graph: bool = False) -> float | None:
        """Tokens/s of the faster LSTM after that context, as a graph or plainly."""
        rows = [
            row for row in self.rows if row.contender in LSTM and (row.context, row.batch) == (context, batch)
        ]
        return max((pace for row in rows if (pace := row.pace(graph=graph)) is not None), default=None)


class Generation(Part):
    """All comparisons of one process."""

    date: str = ""
    """UTC, ISO 8601."""
    device: str = ""
    backend: Backend = Field(default_factory=lambda: Backend(name=""))
    correctness: Correctness = Field(default_factory=lambda: Correctness(cases=0))
    contexts: list[int]
    batches: list[int]
    parameters: int | None = None
    """Of every model in the comparison at equal parameters."""
    width: int | None = None
    """Of every model in the comparison at equal width."""
    groups: list[Comparison]


class DecodeRecord(Generation, Record):
    """A measurement with the machine and the code."""

    COMMAND: ClassVar[str] = "sru-repro bench task=decode"
    EXPECTED: ClassVar[str] = "a measurement of generation"
    BY_LINE: ClassVar = ("groups", "rows")
    DIGITS: ClassVar[int | None] = 4

    hardware: Hardware
    code: Code
    packages: dict[str, str]
