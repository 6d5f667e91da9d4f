"""What `sru-repro gpu-check` keeps of a section: a page, `results/cuda/<folder>/<section>.json`, written at every step.
results/cuda/README.md says what is in it.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from .base import Number, Part, Record, Stamp
from .bench import Entry, Rates, Timing
from .decode import Generation
from .origin import Hardware


class GPU(Part):
    """The GPU; mostly None in a rehearsal on the CPU."""

    name: str
    capability: str | None = None
    multiprocessors: int | None = None
    memory_bytes: Number | None = None
    driver: str | None = None
    devices: int | None = None
    """How many the machine has."""


class Found(Part):
    """What came of a piece: of one that tries kernels, how many cases; of one that went wrong, nothing."""

    cases: int | None = None
    note: str = ""
    """For who watches."""


class FoundRates(Found):
    """What the GPU does by itself."""

    rates: Rates


class FoundEntry(Found):
    """Models or back ends at one shape."""

    entry: Entry


class FoundGeneration(Found):
    """Generation, token by token."""

    decode: Generation


class Variant(Timing):
    """The time of one launch configuration."""

    launch: list[int] = Field(validation_alias="tiling", serialization_alias="tiling")
    """Columns a thread, steps ahead, threads a block."""


WORTH = 1.03
"""Times as fast as the rule's launch configuration that one must be to be taken: less is noise."""


class FoundLaunch(Found):
    """All launch configurations of a pass that were timed at one size."""

    kernel: str
    """"forward" for training, or "backward"."""
    dtype: str
    cell: str = "sru"
    length: int | None = None
    batch: int | None = None
    size: int | None = None
    columns: int
    step_bytes: int
    moved_bytes: int
    rule: list[int] = Field(validation_alias="heuristic", serialization_alias="heuristic")
    """The configuration that is taken where no table knows better."""
    best: list[int]
    gain: float
    """Times as fast as the rule's."""
    variants: list[Variant]

    def seconds(self, launch: list[int]) -> float | None:
        """The time of a configuration, None where it did not run."""
        return next((found.median_s for found in self.variants if found.launch == launch), None)


class RunData(Part):
    """What a run was trained on."""

    description: str
    comparable: bool
    why_not: str | None = None


class FinishedRun(Part):
    """A training that came to its end: metrics are fractions, bits per byte or perplexity."""

    row: str
    state: Literal["finished"]
    error: None = None
    label: str
    headline: str
    higher_is_better: bool
    metrics: dict[str, Number | None]
    epochs: list[dict[str, Number | None]]
    """The curve: metrics, step, tokens, `wall_s`; null where it has diverged."""
    parameters: int
    backend: str
    precision: str
    flop_per_step: float | None = None
    flop_per_s: float | None = None
    processor: float | None = None
    """The part of the training time in which the host had the processor that it asked for, where it is known."""
    notes: list[str] = Field(default_factory=list)
    data: RunData
    seed: int | None = None
    """Of a run of a table, which has several of a row."""
    predicted_s: float | None = None
    """What was expected before it began, from the start of its process to the end; `took_s` is what it took."""
    took_s: float | None = None
    first_s: float | None = None
    """From the start of its process to its first steps."""


class FailedRun(Part):
    """A training that did not."""

    row: str
    label: str
    state: Literal["failed"]
    error: str


class FoundRuns(Found):
    """Trainings side by side."""

    side_by_side: int
    seconds_each: float | None = None
    """Of training, where all have the same."""
    bfloat16_flop_per_s: float | None = None
    """The GPU's own rate."""
    runs: list[Annotated[FinishedRun | FailedRun, Field(discriminator="state")]]

    @property
    def finished(self) -> list[FinishedRun]:
        """Those that came to their end."""
        return [run for run in self.runs if isinstance(run, FinishedRun)]

    @property
    def failed(self) -> list[FailedRun]:
        """The others."""
        return [run for run in self.runs if isinstance(run, FailedRun)]


class Kernel(Part):
    """A kernel's share of a step."""

    kernel: str
    calls: float
    ms: float


class FoundPaperSize(Found):
    """A step of training at a paper's size, called as usual and as a CUDA graph."""

    row: str
    called: Timing
    graph: Timing
    tokens: int
    flop: float
    """Operations that it executes; what attention computes again in backward among them."""
    bfloat16_flop_per_s: float | None = None
    """The GPU's own rate."""
    share: float | None = None
    """Of that rate, by the faster of the two."""
    aim: float
    peak_bytes: Number | None = None
    profile: list[Kernel]


class TimedBlocks(Part):
    """Attention in blocks of one size."""

    queries: int
    scores: int
    time: Timing


class FoundBlocks(Found):
    """Attention in blocks of several sizes."""

    blocks: list[TimedBlocks]


class Steps(Part):
    """Training steps of one size, as they are and as graphs (`trainer.graph`): milliseconds."""

    row: str
    label: str
    plain_ms: float
    """A step of `sru-repro train`, issued kernel by kernel."""
    graph_ms: float
    """A step of `sru-repro train`, replayed."""
    gpu_ms: float | None = None
    """What the GPU needs for it: recorded, and repeated with nothing between; None where it was not asked."""
    shapes: int
    replayed: int
    notes: list[str] = Field(default_factory=list)
    """Why shapes were not recorded, or not compared."""
    apart: float | None = None
    """How far apart the weights of both runs end, as a part of their size; None where they draw other numbers."""
    wrong: str = ""
    processor: float | None = None
    """The part of the training time in which the host had the processor that it asked for, the less of both runs'."""

    @property
    def busy(self) -> float | None:
        """The part of a replayed step in which the GPU works."""
        return min(1.0, self.gpu_ms / self.graph_ms) if self.gpu_ms else None


class FoundSteps(Found):
    """Rows, each trained both ways."""

    steps: list[Steps]


class FoundPaces(Found):
    """Symbols/s of language models that generate, steps as graphs, by "MODEL, TYPE, N at once"."""

    symbols_per_s: dict[str, float]


_TOLD_BY = {"rates": FoundRates, "entry": FoundEntry, "decode": FoundGeneration, "kernel": FoundLaunch}
_TOLD_BY |= {"runs": FoundRuns, "steps": FoundSteps, "symbols_per_s": FoundPaces}
_TOLD_BY |= {"profile": FoundPaperSize, "blocks": FoundBlocks}


def _kind(values: Any) -> str:
    """Which kind of finding has these keys."""
    if isinstance(values, Found):
        return type(values).__name__
    keys = values if isinstance(values, dict) else ()
    return next((kind.__name__ for key, kind in _TOLD_BY.items() if key in keys), Found.__name__)


Findings = Annotated[
    Annotated[Found, Tag("Found")]
    | Annotated[FoundRates, Tag("FoundRates")]
    | Annotated[FoundEntry, Tag("FoundEntry")]
    | Annotated[FoundGeneration, Tag("FoundGeneration")]
    | Annotated[FoundLaunch, Tag("FoundLaunch")]
    | Annotated[FoundRuns, Tag("FoundRuns")]
    | Annotated[FoundSteps, Tag("FoundSteps")]
    | Annotated[FoundPaces, Tag("FoundPaces")]
    | Annotated[FoundPaperSize, Tag("FoundPaperSize")]
    | Annotated[FoundBlocks, Tag("FoundBlocks")],
    Discriminator(_kind),
]


class PieceStamp(Stamp):
    """When a piece was run, and by which code."""

    sources: str | None = None
    """A checksum of all that is run, by which a piece counts as done."""
    asked: str | None = None
    """The same of the runs that a section was told to make, where it is told."""


class Piece(Part):
    """One piece of a section, run to its end or not."""

    name: str
    state: Literal["ok", "failed", "unfinished", "skipped"]
    error: str | None = None
    """The first line, why it was skipped, or what is left to do of it."""
    seconds: float
    measured: PieceStamp
    values: Findings


STATES = ("ok", "failed", "unfinished", "skipped")


class GPUPage(Record):
    """A section's page."""

    COMMAND: ClassVar[str] = "sru-repro gpu-check"
    EXPECTED: ClassVar[str] = "a page of the GPU check"
    BY_LINE: ClassVar = ("pieces",)
    DIGITS: ClassVar[int | None] = 5

    section: str
    rehearsal: bool
    """Whether it was measured in the smallest form, which measures nothing."""
    device: str
    hardware: Hardware
    gpu: GPU = Field(validation_alias="card", serialization_alias="card")
    packages: dict[str, str]
    planned: list[str]
    """All pieces of the section, in order."""
    running: str | None = None
    """The piece that is in progress, or at which the process died."""
    pieces: list[Piece]
    """Those that were run, in the order of `planned`."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for piece in self.pieces:
            if piece.name not in self.planned:
                raise ValueError(f"a piece: expected a name from 'planned', found {piece.name!r:.60}")
        places = [self.planned.index(piece.name) for piece in self.pieces]
        if places != sorted(set(places)):
            raise ValueError("'pieces': expected each once and in the order of 'planned'")
        return self

    def piece(self, name: str) -> Piece | None:
        """The piece of that name, None where it was not run."""
        return next((piece for piece in self.pieces if piece.name == name), None)

    def named(self, *states: str) -> list[str]:
        """The pieces in these states."""
        return [piece.name for piece in self.pieces if piece.state in states]
