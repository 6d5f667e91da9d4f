"""What was measured on a GPU beside the check, by a script of its own with the suite's classes:
`results/cuda/<folder>/probes.json`. Times are in seconds, sizes in bytes; numbers are as the script printed them.
"""

from typing import ClassVar

from pydantic import Field

from .base import Part, Record, Stamp
from .bench import Entry


class GenerationProbe(Part):
    """A language model that generates symbol by symbol, every call followed by the next, at most 16 symbols back."""

    contender: str
    label: str
    width: int
    streams: int
    plain_per_s: float
    """Symbols of all streams together, each step called as usual."""
    graph_per_s: float
    """The same, each step replayed as a CUDA graph."""


class TrainingProbe(Part):
    """A whole training step: forward, backward, clipping, Adam."""

    contender: str
    label: str
    width: int
    layers: int
    length: int
    batch: int
    plain_s: float
    graph_s: float
    graph_tokens_per_s: float

    @property
    def title(self) -> str:
        """Its size."""
        return f"{self.layers} layers d{self.width}, L{self.length} B{self.batch}"


class HostProbe(Part):
    """What a call takes when nothing but the host limits it, forward and backward unless `what` says otherwise."""

    what: str
    dtype: str
    seconds: float


class RunProbe(Part):
    """A row of the papers at its own size, trained for seconds, alone on the GPU."""

    row: str
    label: str
    parameters: int
    step_s: float
    tokens_per_s: float
    flop_per_step: float
    peak_bytes: int

    @property
    def flop_per_s(self) -> float:
        """Operations of its products, by count, in its time."""
        return self.flop_per_step / self.step_s


class GPUProbes(Record):
    """All of them, of one GPU on one date."""

    EXPECTED: ClassVar[str] = "measurements of a script beside the GPU check"
    BY_LINE: ClassVar = ("rows", "generation", "training", "host", "runs")

    gpu: str
    """Its name."""
    measured: Stamp
    how: list[str] = Field(default_factory=list)
    """What was timed in which way, a line each."""
    layers: list[Entry]
    """SRU, and nn.LSTM in several types, at shapes of the bench: forward and backward, plain and as a graph."""
    generation: list[GenerationProbe]
    training: list[TrainingProbe]
    host: list[HostProbe]
    runs: list[RunProbe]
