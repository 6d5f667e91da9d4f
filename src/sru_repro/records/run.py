"""The record of a run, `run.json`: everything worth knowing about it. Written by training, read by all others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from ..core.home import with_home
from ..core.lock import holder
from .base import Number, Part, Record, Stamp, read
from .exported import AGAIN, MODEL, Exported
from .origin import Code, Hardware

State = Literal["running", "finished", "failed", "interrupted"]
Printed = Number | list[Number | None] | None
"""A figure as a paper prints it: a number, [mean], [mean, deviation], or nothing."""


PROFILES = ("paper", "short", "smoke")
"""From the paper's budget to one that only shows that the parts fit together."""
PRUNED_AT = "pruned at "
"""How the error of a run begins that a search ended early: it was interrupted, and did not fail."""
PUBLISHED = PROFILES[:2]
"""What may be quoted."""
NO_RESULT = "smoke: not a result"
"""What stands beside the figures of every other profile, which shows only that the parts fit together."""
DEBUGGED = "debug: not a result"
"""What stands beside the figures of a debugging preset, whatever its profile."""


class Data(Part):
    """The data of a run."""

    fingerprint: str
    """Of all that shapes the numbers."""
    description: str
    source: str = ""
    comparable: bool
    """Whether the paper's number may stand beside it."""
    why_not: str | None = None
    vectors: str | None = None
    """The word vectors, where there are any."""
    share: Number | None = None
    """The part that was used, all where nothing is said."""
    notes: list[str]
    counts: dict[str, int] = Field(default_factory=dict)

    @property
    def part(self) -> float:
        """The share as a number."""
        return float(self.share or 1.0)


class Turns(Part):
    """Paces of a training that took turns with those of other rows, a second or a step each, so that whatever slows the
    machine slows all of them: the n-th turns of all rows stand side by side."""

    session: str
    """The campaign that handed on the turns: when it began."""
    tokens_per_s: list[Number]


class Throughput(Part):
    """What training reached; `encoder` is the encoder alone, forwards and backwards, where the task tells it apart."""

    tokens_per_s: Number | None = None
    step_ms: Number | None = None
    seconds_per_epoch: Number | None = None
    encoder_seconds_per_epoch: Number | None = None
    flop_per_step: Number | None = None
    """Operations of a step of the optimiser, counted on a few batches."""
    processor: Number | None = None
    """The part of the training time in which the run had the processor that it asked for, where the system tells."""
    turns: Turns | None = None
    """Where rows trained in turns."""


class Graphs(Part):
    """Steps that were recorded once for a shape and replayed (`trainer.graph`): CUDA graphs on a GPU."""

    shapes: int = 0
    """Recorded, each after a comparison with the step as it is."""
    replayed: int = 0
    """Batches."""
    unrecorded: int = 0
    """Batches that ran as they are: the first ones of a shape, and of those that could not be recorded all."""
    largest_difference: Number = 0.0
    """Between a step and its replay, as a part of what the step changed; 0: bit for bit the same."""
    notes: list[str] = Field(default_factory=list)
    """Why shapes were not recorded."""


class Together(Part):
    """Several processes that trained the run, one for each device (`trainer.devices`, `trainer.num_nodes`)."""

    world: int
    """How many."""
    backend: str
    """What their gradients went over: gloo or nccl."""
    hardware: list[str] = Field(default_factory=list)
    """The machine or GPU of each, where they differ."""


class Validation(Part):
    """A validation: where it stands in the run, and its figures by their keys, such as "val/accuracy"."""

    __pydantic_extra__: dict[str, Number | None] = Field(init=False)

    epoch: int
    step: int
    tokens: int
    wall_s: Number
    """Seconds of training until then."""

    @property
    def figures(self) -> dict[str, float]:
        """Fractions, bits per byte or perplexity, and losses."""
        return {key: value for key, value in self.__pydantic_extra__.items() if value is not None}


class Progress(Part):
    """How far a run is: the part of its budget that is used, and the seconds that are left."""

    fraction: Number
    left_s: Number | None = None


class Paper(Part):
    """What the paper says of a row. Figures beside the headline stand here, too, by name: `em: [70.2, 0.3]`."""

    label: str | None = None
    line: int | None = None
    """Its place in the table."""
    source: str | None = None
    parameters: int | None = None
    metric: dict[str, Printed] | None = None
    """The headline, by task."""
    seconds: Number | dict[str, Number] | None = None
    seconds_per_epoch: Number | dict[str, Number] | None = None
    minutes_per_epoch: Number | dict[str, Number] | None = None
    """Times on the paper's GPU: a number, or one each for the "encoder" and in "total"."""
    gpu_hours: Number | None = None
    deviation: str | None = None
    """How the row departs from the paper on purpose."""
    runs: int | None = None
    """Behind its mean, where that is not what the table says."""
    unconfirmed: bool | list[str] | None = None
    """True, or the keys whose source could not be checked."""

    def beside(self, name: str) -> Printed:
        """A figure that stands beside the headline."""
        found: Printed = self.extra.get(name)
        return found

    def doubted(self, key: str) -> bool:
        """Whether the source of a key could not be checked."""
        return self.unconfirmed is True or (isinstance(self.unconfirmed, list) and key in self.unconfirmed)


class RunRecord(Record):
    """A run, in any state. Of one that has not come so far, what is not known has its default and is not written."""

    EXPECTED: ClassVar[str] = "a run record"
    MISSING: ClassVar[str] = "name the folder of a run"
    FILE: ClassVar[str] = "run.json"
    SORTED: ClassVar[bool] = True
    ASCII: ClassVar[bool] = True
    AT_THE_END: ClassVar[Sequence[str]] = (
        *("config", "code", "packages", "hardware", "data", "parameters", "backend", "headline", "epochs"),
        *("metrics", "throughput", "started", "wall_s"),
    )
    """What a finished run must tell."""

    state: State
    """Only finished runs are published."""
    task: str
    """The data set, as `task=` names it."""
    table: str | None = None
    """The table that the row belongs to."""
    row: str
    """Its file in `conf/experiment`."""
    profile: str
    """The budget: paper, short or smoke."""
    seed: int
    """Of weights, dropout and the order of batches."""
    fold: int | None = None
    """Counts from 0; null without cross-validation."""
    sweep: str | None = None
    """The folder of the sweep that it is a member of."""
    error: str | None = None
    """Of a run that failed or was interrupted: the first line."""

    config: dict[str, Any] = Field(default_factory=dict)
    """The whole configuration, resolved; in the file `~` stands for a home folder."""
    overrides: list[str] = Field(default_factory=list)
    """The arguments of the command line."""
    changed: list[str] = Field(default_factory=list)
    """What the command line changed in a row of a table."""
    paper: Paper | None = None
    """The paper's numbers for the row, their source, and how the row departs from the paper on purpose."""
    code: Code = Field(default_factory=lambda: Code(revision=None, dirty=None))
    """The commit, and whether sources or configuration differed from it."""
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions of Python and of what a number depends on."""
    hardware: Hardware = Field(default_factory=lambda: Hardware(name="", slug=""))
    """The machine that trained."""
    data: Data = Field(
        default_factory=lambda: Data(fingerprint="", description="", comparable=False, notes=[])
    )
    """With a fingerprint; `comparable` and `why_not` say whether the paper's number may stand beside this one."""
    headline: str = ""
    """The figure that the table shows."""
    higher_is_better: bool = True
    """Of the headline."""
    notes: list[str] = Field(default_factory=list)
    """What else is worth knowing of this run."""
    pid: int | None = None
    """The process that trained."""
    ranks: Together | None = None
    """Processes that trained the run together; null where it was one. Paces are those of all together."""
    wandb_id: str | None = None
    """The run's name in the dashboard."""
    wandb_sweep: str | None = None
    """The sweep of wandb's whose agent started it (WANDB_SWEEP_ID)."""
    started: str = ""
    """UTC, ISO 8601; so is `ended`."""
    ended: str | None = None
    """When it came to its end, however that was."""
    wall_s: Number = 0.0
    """Seconds in all: data, training, tests; without those in which other rows had their turns."""

    parameters: int = 0
    """Counted as the papers count them."""
    backend: str = ""
    """What computed the recurrences."""
    products: dict[str, str] = Field(default_factory=dict)
    """Which library computed the products of a layer."""
    epochs: list[Validation] = Field(default_factory=list)
    """A line for each validation: figures, epoch, step, tokens, and seconds of training until then."""
    best: Validation | None = None
    """The validation whose weights were tested."""
    metrics: dict[str, Number] = Field(default_factory=dict)
    """All figures, unrounded; of SQuAD `test/` is the complete dev set, `val/` the part that chose the best weights."""
    throughput: Throughput = Field(default_factory=Throughput)
    """Tokens a second, milliseconds a step, seconds an epoch (also of the encoder alone), operations a step; the part
    of the processor that training had, and its paces turn by turn where rows trained in turns."""
    graphs: Graphs | None = None
    """Training steps replayed as CUDA graphs; null where none was to be."""
    peak_bytes: int | None = None
    """Resident memory."""
    gpu_peak_bytes: int | None = Field(default=None, alias="gpu/peak_bytes")
    """Allocated memory of the GPU, where there is one."""
    exported: Exported | None = None
    """Where the folder holds a small model made of the run, not the run."""
    progress: Progress | None = None
    """The part of the budget that is used, and the seconds that are left."""

    @field_validator("config")
    @classmethod
    def _at_home(cls, config: dict[str, Any]) -> dict[str, Any]:
        return dict(with_home(config))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "finished":
            for key in self.AT_THE_END:
                if key not in self.model_fields_set:
                    raise ValueError(f"key {key!r} is missing")
            if self.headline not in self.metrics:
                raise ValueError(
                    f"key 'metrics': expected a number for {self.headline!r}, found {self.metrics!r:.60}"
                )
        return self

    @classmethod
    def again(cls, where: str) -> str:
        """See `Record`; an exported model is not made again by running it."""
        return AGAIN if Path(where).with_name(MODEL).exists() else super().again(where)

    @property
    def finished(self) -> bool:
        """Whether it has come to its end, with figures."""
        return self.state == "finished"

    @property
    def pruned(self) -> bool:
        """Whether a search ended it early."""
        return self.state == "interrupted" and (self.error or "").startswith(PRUNED_AT)

    @property
    def value(self) -> float | None:
        """The headline on the validation set, at its best until now."""
        choose = max if self.higher_is_better else min
        known = (entry.figures.get(self.validated) for entry in self.epochs)
        return choose((figure for figure in known if figure is not None), default=None)

    @property
    def caveat(self) -> str:
        """What has to stand beside its figures; "" where they may be quoted."""
        if self.debug:
            return DEBUGGED
        return "" if self.profile in PUBLISHED else NO_RESULT

    @property
    def debug(self) -> str:
        """The debugging preset that made it; "" of any other run."""
        found = self.config.get("debug")
        return str(found.get("name") or "") if isinstance(found, dict) else ""

    @property
    def score(self) -> float:
        """The headline's figure, of a finished run."""
        return self.metrics[self.headline]

    @property
    def model(self) -> str:
        """The model's name in the configuration, "" where that says nothing."""
        return str((self.config.get("model") or {}).get("name") or "")

    @property
    def stamp(self) -> Stamp:
        """When and with which code."""
        torch = self.packages.get("torch", "unknown")
        return Stamp(date=self.started, revision=self.code.revision, dirty=self.code.dirty, torch=torch)

    @property
    def validated(self) -> str:
        """The key of the headline in validations."""
        return f"val/{self.headline.rpartition('/')[2]}"


class PublishedRun(RunRecord):
    """A finished run as it is committed: a line a validation, letters of all languages as themselves."""

    BY_LINE: ClassVar[Sequence[str]] = ("epochs",)
    ASCII: ClassVar[bool] = False


def read_record(place: Path) -> RunRecord:
    """A run's record, from its file or folder. Raises DataError when missing, broken or of another schema.

    A run whose process ended without a word, by kill -9 for one, was interrupted, whatever its record says last.
    """
    record = read(RunRecord, place)
    if record.state == "running" and holder(place if place.is_dir() else place.parent) is None:
        record.state = "interrupted"
        record.error = f"its process {record.pid} ended without a word"
    return record
