"""What a task promises: how its data is made, what is learned, how it is measured.

Plain torch, no LightningModule: one generic module in training/ drives all tasks, so that a task's file holds its
science and checks its settings without importing Lightning.

A new task is a new file here with one subclass of `Task`, and conf/task/NAME.yaml whose `task.kind` is the file's name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypedDict

import torch
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from torch import Tensor, nn

from ..core.settings import Settings
from ..models import Encoder, ModelSettings, State
from ._media import Shown


def full_precision(logits: Tensor) -> Tensor:
    """In float32 at least, in which the loss is computed also where the model runs in half precision."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def one_of(names: Callable[[], list[str]]) -> AfterValidator:
    """The check of a setting that names one of the files of a folder, in the words of pydantic's literals."""

    def check(name: str) -> str:
        if name not in (known := names()):
            listed = ", ".join(f"'{other}'" for other in known[:-1])
            either = f"{listed} or '{known[-1]}'" if listed else f"'{known[-1]}'"
            raise PydanticCustomError("literal_error", f"Input should be {either}")
        return name

    return AfterValidator(check)


class TaskSettings(Settings):
    """What all tasks share. `name` is the data set, `kind` the file in tasks/, `table` the folder of its rows."""

    name: str = Field(pattern=r"^\w[\w.-]*$")
    kind: str
    table: str


Build = Mapping[str, Any]
"""Keywords of a task's `create`: what it needs of its data."""

Saved = Mapping[str, Any]
"""What a task keeps in a checkpoint beside its weights, in plain types."""

Said = Mapping[str, Any]
"""What a task says of one input, ready for JSON."""


class Span(TypedDict):
    """An answer in a passage: the text, its place (characters) and its probability."""

    answer: str
    start: int
    end: int
    confidence: float


class Answer(Span):
    """The likeliest answer, and the next in line."""

    others: list[Span]


class Batches(Protocol):
    """Ready-made batches, by index, in their natural order."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True)
class TaskData:
    """Prepared data. `build` holds what the task's constructor needs of it; the rest is for loaders and run records.

    `share` is the part of the published data set that is there; `vectors` names the word vectors, where there are any.
    The fingerprint depends on files and options, not on the seed. `notes` are for the record, `warnings` for the
    screen.
    """

    train: Batches
    val: Batches
    test: Batches
    fingerprint: str
    description: str
    source: str
    build: Build
    reshuffle: bool = False
    comparable: bool = True
    why_not: str = ""
    vectors: str = ""
    share: float = 1.0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Step:
    """What one batch yields: the loss to minimise, sums to measure by, the state to carry on.

    `totals` holds sums over the batch, never means (plain numbers where the sizes of the batch tell them, so that
    nothing waits for the device); `Task.metrics` turns the sums over a whole split into figures. Of what is no single
    number, such as a confusion in evaluation, `Task.media` makes what there is to see. `outputs` is what is
    said of each example in evaluation, by the example's name, where the task tells examples apart; or else `said` tells
    it in their order. It is called when the split is over, so that no batch waits for the device.
    """

    loss: Tensor
    totals: dict[str, Tensor | float]
    carry: State = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    said: Callable[[], Sequence[Said]] | None = None


class Task(nn.Module):
    """One task with one encoder inside.

    headline          the metric that chooses the best checkpoint and heads the table
    higher_is_better  its direction
    uncounted         names of submodules left out of the published parameter count
    needs_stream      whether the state is carried from batch to batch, which takes a causal encoder
    needs_steps       whether every step of the encoder is read, which takes a stepwise one
    needs_both_ways   whether a model that can run in both directions has to
    """

    Config: ClassVar[type[TaskSettings]]
    encoder: Encoder
    headline: ClassVar[str]
    higher_is_better: ClassVar[bool]
    uncounted: ClassVar[tuple[str, ...]] = ()
    needs_stream: ClassVar[bool] = False
    needs_steps: ClassVar[bool] = False
    needs_both_ways: ClassVar[bool] = False

    @classmethod
    def headline_of(cls, config: Any) -> str:
        """The headline under these settings, where it depends on them."""
        return cls.headline

    @classmethod
    def load(cls, config: Any, data_dir: Path, seed: int) -> TaskData:
        """Finds or fetches the data, checks it and cuts it into batches."""
        raise NotImplementedError

    @classmethod
    def create(cls, config: Any, model: ModelSettings, **build: Any) -> "Task":
        """The task with a fresh encoder. Without `build` it has no data-dependent parts (for counting)."""
        raise NotImplementedError

    @classmethod
    def rebuild(cls, extra: Any) -> Build:
        """The keywords of `create` from the extra state of a checkpoint, when there is no data."""
        return {}

    def for_data(self, weights: dict[str, Any], build: Build) -> dict[str, Any]:
        """Weights of an exported model as this task, which was built for data, takes them."""
        return weights

    def step(self, batch: Any, carry: State) -> Step:
        """Runs one batch; `carry` is the state the previous batch of the split left.

        In training all that depends on what is in the batch is computed on its device, and nothing waits for it: the
        step can then be recorded once for a shape and replayed.
        """
        raise NotImplementedError

    def tokens(self, batch: Any) -> int:
        """Words or characters of a batch, padding left out; the host knows them."""
        raise NotImplementedError

    def shard(self, batch: Any, rank: int, world: int) -> tuple[Any, float]:
        """What one of several processes reads of a batch, and by what its loss is multiplied so that the losses of all
        add up to the loss of the whole batch. 0: nothing is left for it; it reads something that does not count then,
        as all have to go through the same steps. A task that does not say how leaves a batch to the first one.
        """
        return batch, float(rank == 0)

    def fitted(self, batches: Batches) -> Batches:
        """Training batches padded up to a few shapes, where masks keep every gradient as it is; else as they are."""
        return batches

    def together(self, batches: Batches) -> Batches:
        """Batches of an evaluation in fewer, larger ones, where that changes no figure; else as they are."""
        return batches

    def encoder_pass(self, batch: Any) -> Callable[[], Tensor] | None:
        """The encoders alone on a batch, their inputs ready: a call runs them forwards and returns a scalar, whose
        `backward` goes through them and no further. None where the task does not tell them apart."""
        return None

    @staticmethod
    def metrics(totals: Mapping[str, float]) -> dict[str, float]:
        """Figures from sums over a split."""
        raise NotImplementedError

    def media(self, batches: Batches, sums: Mapping[str, Tensor]) -> Shown:
        """What there is to look at, of the weights as they are: a few examples, always the same ones, of an evaluation.

        Called in evaluation, without gradients. It draws no random number but from generators of its own, and costs
        about as much as a batch.

        Args:
            batches: of the validation set.
            sums: those over the last split that are no single numbers.
        """
        return {}

    def predict(self, text: str) -> Said:
        """What the task says about a text, ready to be printed as JSON."""
        raise NotImplementedError

    def answer(self, passage: str, question: str, top: int = 3) -> Answer:
        """The answer to a question in a passage; only readers have one."""
        raise NotImplementedError

    def generate(
        self, prompt: str, *, length: int, temperature: float, top_k: int, seed: int
    ) -> Iterator[str]:
        """A text that goes on from the prompt, as it is drawn; only language models have one."""
        raise NotImplementedError

    def published_parameters(self) -> int:
        """Parameters as the papers count them."""
        return sum(
            p.numel() for name, p in self.named_parameters() if name.split(".")[0] not in self.uncounted
        )
