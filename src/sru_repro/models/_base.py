"""What every sequence encoder of the suite promises, and the checked settings it is built from.

Shapes: L time, B batch, D input features, H output features.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils import _pytree

from ..core.settings import Settings
from ._tracing import refuse_script

State = Any
"""What an encoder hands from one segment to the next: opaque, a tree of tensors, detachable by `detach`."""


class ModelSettings(Settings):
    """What all models share.

    Attributes:
        name: the file in models/ that holds the class; of a class that lies elsewhere, what its runs are called.
        class_path: the place of a class that lies elsewhere, "package.module.Class"; `_class_` in YAML.
    """

    name: str
    class_path: str = Field(default="", alias="_class_")

    def options(self) -> dict[str, Any]:
        """The keywords of the constructor: all settings but those that find the class."""
        return self.model_dump(exclude={"name", "class_path"})


@dataclass(frozen=True)
class AttentionContext:
    """What a task that carries the state from segment to segment asks of its encoder.

    Never to look ahead, and, where there is attention, how far back to look.

    Attributes:
        memory: steps before the segment that attention sees in training: as many of the previous ones as are kept.
        window: steps before its own that every position sees in evaluation, however the text is cut (`same_length`).
    """

    memory: int
    window: int


class Encoder(nn.Module):
    """A map from a sequence of vectors to a sequence of vectors, with a state that carries over segments.

    Attributes:
        Config: the class of its settings.
        causal: output t depends on inputs 0..t only.
        streams: calls on consecutive segments, the state handed on, equal one call on the whole (with attention: in
            evaluation, where what a position sees does not depend on the cut).
        output_size: H.
        bidirectional: whether the second half of H was computed backwards in time.
        uses_ops: whether it runs on the recurrences of `sru_repro.ops`.
        stepwise: whether there is an output for every step; else one for the whole sequence.
        masks_input: whether it draws the dropout mask on its input by itself, see `layers_of`.
        attends: whether its constructor takes an `attention_context`.
        draws_alone: whether it draws random numbers that PyTorch's generators know nothing of.
        pads_anywhere: whether padding may stand anywhere in a sequence, and no shape or wait depends on where.
        batch_first: whether inputs and outputs are (B, L, ...).
        traces: whether a record of torch.jit.trace holds for other lengths than the example's.
        takes_packed: whether its `forward` reads a `PackedSequence` itself; those of others are padded first, see
            `entry`.
    """

    Config: ClassVar[type[ModelSettings]]
    causal: bool
    streams: bool
    output_size: int
    bidirectional: bool = False
    uses_ops: bool = False
    stepwise: ClassVar[bool] = True
    masks_input: bool = False
    attends: ClassVar[bool] = False
    draws_alone: bool = False
    pads_anywhere: bool = True
    batch_first: bool = False
    takes_packed: ClassVar[bool] = False
    traces: bool = True

    def forward(
        self, x_LBD: Tensor, state: State = None, padding_LB: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Returns (h_LBH, state).

        Args:
            x_LBD: the input.
            state: what a call before returned, to go on from there; None: from the start.
            padding_LB: True at padded steps: output zero, state unchanged.
        """
        raise NotImplementedError

    def __prepare_scriptable__(self) -> None:
        refuse_script(self)

    def fixed_state(self, state: State, steps: int) -> State:
        """The same state for generation, in tensors of its own that keep their shapes for `steps` more steps.

        It is for one step at a time, in evaluation and without gradients, and no shape and nothing on the host depends
        on how many steps were made, so that one step can be recorded and repeated. `forward` hands on a state of the
        same shapes and may write into the one it was given, but only what the same step would write again.

        Args:
            state: what an ordinary call in evaluation handed on.
            steps: how many are to come. What attends needs room for them up to its window; after more than these it
                would see less than its window.

        A recurrence's state has such shapes by itself and is copied.
        """
        return _pytree.tree_map_only(Tensor, lambda leaf: leaf.detach().clone(), state)

    @classmethod
    def can_stream(cls, config: ModelSettings) -> bool:
        """Whether an encoder of these settings will be causal and carry its state, told without building it."""
        return getattr(cls, "streams", True) and not getattr(config, "bidirectional", False)

    @classmethod
    def from_config(
        cls, input_size: int, config: ModelSettings, attention_context: AttentionContext | None = None
    ) -> "Encoder":
        """Builds the encoder from its settings; the constructor's keywords are the settings' fields.

        Args:
            input_size: D, features of the input.
            config: settings of this class, a `Config`.
            attention_context: given by tasks that carry the state. Recurrences need nothing of it; an encoder with
                attention is causal and keeps a memory with it, and sees the whole sequence without.
        """
        context = {"attention_context": attention_context} if cls.attends else {}
        return cls(input_size, **config.options(), **context)

    @classmethod
    def layers_of(
        cls,
        input_size: int,
        config: ModelSettings,
        attention_context: AttentionContext | None = None,
        *,
        input_dropout: float = 0.0,
    ) -> "list[Encoder]":
        """The encoder of these settings as single layers, for tasks that want what lies between them.

        Args:
            input_size: D, features of the first layer's input.
            config: settings of this class, with `num_layers`.
            attention_context: as in `from_config`.
            input_dropout: probability of a mask on the input of every layer. A model that puts it elsewhere than in
                front of the layer takes it and says so by `masks_input`; in front of all others it is left to the
                caller.

        Raises:
            ValueError: a model without `num_layers`.
        """
        count = getattr(config, "num_layers", 0)
        require(count > 0, f"model={config.name}: expected a model with num_layers, of which it has none")
        layers: list[Encoder] = []
        for i in range(count):
            size = layers[-1].output_size if layers else input_size
            layers.append(cls.layer_of(i, size, config, input_dropout))
        return layers

    @classmethod
    def layer_of(cls, index: int, input_size: int, config: ModelSettings, input_dropout: float) -> "Encoder":
        """Layer `index` of `layers_of`. What the whole encoder does between its layers is left to the caller."""
        return cls.from_config(input_size, config.model_copy(update={"num_layers": 1}))


def detach(state: State) -> State:
    """The same state, cut off from the graph: truncated back-propagation ends here."""
    return _pytree.tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, state)


def require(condition: bool, message: str) -> None:
    """Refuses an argument where a condition does not hold.

    Raises:
        ValueError: with the message, a line that names the argument, what was expected and what was found.
    """
    if not condition:
        raise ValueError(message)


def require_sizes(**sizes: int) -> None:
    """Refuses sizes by their names.

    Raises:
        ValueError: for the first that is not 1 or more.
    """
    for name, size in sizes.items():
        require(size >= 1, f"{name}: expected >= 1, found {size}")


def require_probabilities(**values: float) -> None:
    """Refuses probabilities of dropping something, by their names.

    Raises:
        ValueError: for the first that is not in 0 <= p < 1.
    """
    for name, value in values.items():
        require(0 <= value < 1, f"{name}: expected 0 <= {name} < 1, found {value}")


def sequence_mask(batch: int, columns: int, dropout: float, like: Tensor) -> Tensor:
    """A dropout mask (B, columns) that is the same over a whole sequence, divided by the keep probability.

    `like` is a tensor of any shape: the mask has its type and device.
    """
    keep = 1.0 - dropout
    return torch.empty(batch, columns, device=like.device, dtype=like.dtype).bernoulli_(keep).div_(keep)
