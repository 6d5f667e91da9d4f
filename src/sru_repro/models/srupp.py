"""SRU++ (Lei, EMNLP 2021, section 3): an SRU whose product is computed by attention.

    Q = W_q x,   [K, V] = W_kv Q              of the segment and of the memory before it
    A = softmax(Q K^T / sqrt(d' / heads)) V
    U = W_o LayerNorm(Q + alpha A)            alpha is a scalar that starts at 0
    then the recurrence of SRU on U, with x on the highway

A layer without attention has U = W_o LayerNorm(W_q x). There are no positions: the recurrence knows the order.

A layer is in `_srupp_layer.py`. Shapes: L time, B batch, D input features, P projection (the paper's d'), H columns, T
keys.
"""

import warnings
from typing import Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from . import _attention, _authors, _slots
from ._base import AttentionContext, ModelSettings, require, require_probabilities, require_sizes
from ._entry import entry
from ._padding import cleared
from ._sru_layer import ElementwiseStack, Recurrence
from ._srupp_layer import SRUppLayer


class SRUppConfig(ModelSettings):
    """Settings of `SRUpp`; the constructor documents them."""

    hidden_size: int = Field(ge=1)
    projection_size: int = Field(ge=1)
    num_layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    attn_dropout: float = Field(ge=0, lt=1)
    num_heads: int = Field(ge=1)
    attention_every: int = Field(ge=0)
    attention_last: int = Field(ge=0)
    bidirectional: bool
    highway_bias: float = Field(ge=-100, le=100)
    layer_norm: Literal["pre", "post"] | None
    has_skip_term: bool
    rescale: bool

    @model_validator(mode="after")
    def _clashes(self) -> "SRUppConfig":
        if self.projection_size % self.num_heads:
            raise ValueError(
                f"projection_size={self.projection_size} needs to be a multiple of num_heads={self.num_heads}"
            )
        if self.attention_last and self.attention_every != 1:
            raise ValueError(
                f"attention_last={self.attention_last} needs attention_every=1, found {self.attention_every}"
            )
        return self


SRUppState = tuple[Tensor, dict[int, Tensor], dict[int, Tensor]]
"""What one call hands to the next: (c_n, inputs, keys), the last two by the number of the layer that attends.

c_n     last states of the recurrences (num_layers, B, H)
inputs  in training: the last inputs of the layer (T, B, D), projected again by the next call's weights
keys    in evaluation: keys and values of the last steps (T, B, 2 P), so that a step need not project them again
"""


class FixedSRUppState(NamedTuple):
    """The same in shapes that do not change, see `Encoder.fixed_state`.

    Attributes:
        c_n: last states of the recurrences (num_layers, B, H).
        keys: keys and values in slots (S, B, 2 P), by the number of the layer.
        steps: how many steps they have seen, a scalar on the device.
    """

    c_n: Tensor
    keys: dict[int, Tensor]
    steps: Tensor


def _attends(layer: int, num_layers: int, attention_every: int, attention_last: int) -> bool:
    if attention_last:
        return num_layers - layer <= attention_last
    return attention_every > 0 and (layer + 1) % attention_every == 0


class SRUpp(ElementwiseStack):
    """A stack of SRU++ layers (Lei, EMNLP 2021, section 3).

    `h_LBH, state = srupp(x_LBD, state, padding_LB)`, see `forward`. With an `attention_context` it is causal and
    carries a state; without, every step sees the whole sequence.

    Shapes: L time, B batch, D = input_size, H = hidden_size, twice that where bidirectional, P = projection_size, T
    steps remembered.

    Args:
        input_size: D, features of the input; 1 or more.
        hidden_size: features of the state, each direction; 1 or more.
        projection_size: P, the paper's d', in which attention is computed; 1 or more.
        num_layers: layers in the stack; 1 or more.
        dropout: probability, 0 <= dropout < 1, of dropping a unit of the normalised attention output, and, except in
            the last layer, of a mask on the highway branch, one per sequence.
        attn_dropout: probability, 0 <= attn_dropout < 1, of dropout on attention weights.
        num_heads: heads of the attention, 1 or more; P is a multiple of it.
        attention_every: layers k, 2k, 3k ... attend; 1: all, 0: none.
        attention_last: above 0, only so many of the last layers attend; goes with `attention_every=1`.
        bidirectional: half of the columns of every layer run backwards in time; H = 2 * hidden_size. Not with an
            `attention_context`.
        highway_bias: initial value of b_r; settings take it from -100 to 100.
        layer_norm: "pre" normalises what goes into the product (not the skip), "post" the output.
        has_skip_term: False: h = r * c.
        rescale: SRU's alpha = sqrt(1 + 2 exp(highway_bias)) on the skip input.
        dropout_last: the last layer has the mask on the highway, too.
        attention_context: makes attention causal and gives it a memory (see `AttentionContext`); without, every step
            sees the whole sequence.

    Raises:
        ValueError: a size below 1, a probability outside its range, a `layer_norm` that does not exist, a
            `projection_size` that the heads do not divide, or two arguments that exclude each other.
    """

    Config = SRUppConfig
    instead = "give what the call before returned, or None"
    attends = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        projection_size: int,
        num_layers: int = 2,
        *,
        dropout: float = 0.0,
        attn_dropout: float = 0.0,
        num_heads: int = 1,
        attention_every: int = 1,
        attention_last: int = 0,
        bidirectional: bool = False,
        highway_bias: float = -2.0,
        layer_norm: Literal["pre", "post"] | None = None,
        has_skip_term: bool = True,
        rescale: bool = False,
        dropout_last: bool = False,
        attention_context: AttentionContext | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, dropout, bidirectional)
        require_sizes(projection_size=projection_size, num_heads=num_heads)
        require_probabilities(attn_dropout=attn_dropout)
        require(
            projection_size % num_heads == 0,
            f"projection_size: expected a multiple of num_heads={num_heads}, found {projection_size}",
        )
        require(
            not (attention_last and attention_every != 1),
            f"attention_last: expected attention_every=1 beside it, found {attention_every}",
        )
        recurrence = Recurrence(bidirectional, highway_bias, layer_norm, has_skip_term, rescale)
        require(
            not (bidirectional and attention_context),
            "bidirectional: expected no attention_context beside it, which makes attention causal",
        )
        self.attention_context, self.dropout_last = attention_context, dropout_last
        self.causal = self.streams = attention_context is not None
        self.traces = attention_context is None
        self.layers = nn.ModuleList(
            SRUppLayer(
                size,
                hidden_size,
                projection_size,
                recurrence,
                masked,
                attends=_attends(i, num_layers, attention_every, attention_last),
                num_heads=num_heads,
                product_dropout=dropout,
                attn_dropout=attn_dropout,
                attention_context=attention_context,
            )
            for i, (size, masked) in enumerate(self.layer_dropouts(dropout))
        )

    @classmethod
    def layer_of(cls, index: int, input_size: int, config: ModelSettings, input_dropout: float) -> "SRUpp":
        """See `Encoder`; attention where the whole stack has it, the mask on the highway in every layer."""
        options = config.options()
        places = (options.pop(name) for name in ("num_layers", "attention_every", "attention_last"))
        attends = _attends(index, *places)
        return cls(input_size, num_layers=1, attention_every=int(attends), dropout_last=True, **options)

    def fixed_state(self, state: SRUppState, steps: int) -> FixedSRUppState:
        """See `Encoder`.

        Args:
            state: of evaluation: c_n (num_layers, B, H), and by layer keys and values (T, B, 2 P).
            steps: how many are to come.

        Raises:
            ValueError: no `attention_context`, without which there is no state to carry; `steps` below 1.
        """
        c_n, _, keys = state
        if self.attention_context is None:
            raise ValueError(_slots.NO_STREAM)
        kept = max(map(len, keys.values()), default=0)
        slots = _slots.needed(self.attention_context.window, kept, steps)
        rings = {layer: _slots.filled(keys_TBP, slots) for layer, keys_TBP in keys.items()}
        return FixedSRUppState(c_n.clone(), rings, torch.tensor(kept, device=c_n.device))

    @entry
    def forward(
        self,
        x_LBD: Tensor,
        state: SRUppState | FixedSRUppState | None = None,
        padding_LB: Tensor | None = None,
    ) -> tuple[Tensor, SRUppState | FixedSRUppState]:
        """Returns (h_LBH, state), the state being (c_n, inputs, keys).

        c_n is (num_layers, B, H). Of each layer that attends there are either inputs (T, B, D), in training, or keys
        and values (T, B, 2 P), in evaluation; none without an `attention_context`.

        Args:
            x_LBD: the input, or a `PackedSequence`, which comes back packed as it came.
            state: what the call before returned, made in the same mode (training or evaluation) and of these shapes; or
                None.
            padding_LB: True at padded steps; taken where there is no `attention_context`.

        Raises:
            ValueError: a shape or a state that does not fit, with what was expected and found.
        """
        self.check_input(x_LBD)
        if isinstance(state, FixedSRUppState):
            return self._step(x_LBD, state)
        require(
            padding_LB is None or self.attention_context is None,
            "padding: expected none where attention has a memory, which holds steps and not sequences",
        )
        _attention.check_memory(state, [i for i, layer in enumerate(self.layers) if layer.attends], self.told)
        c0, inputs, keys = (None, {}, {}) if state is None else state
        self.check_state(c0, x_LBD.size(1), self.output_size)
        require(
            not (self.training and keys),
            "state: expected one of training, found one of evaluation, whose keys no weight can learn from",
        )
        x_LBD, last = cleared(x_LBD, padding_LB), []
        kept: tuple[dict[int, Tensor], dict[int, Tensor]] = ({}, {})
        for i, layer in enumerate(self.layers):
            x_LBD, c_n, *memory = layer(
                x_LBD, None if c0 is None else c0[i], inputs.get(i), keys.get(i), padding_LB
            )
            last.append(c_n)
            for place, value in zip(kept, memory, strict=True):
                if value is not None:
                    place[i] = value
        return x_LBD, (torch.stack(last), *kept)

    def _step(self, x_1BD: Tensor, state: FixedSRUppState) -> tuple[Tensor, FixedSRUppState]:
        _slots.check(self.training, len(x_1BD))
        self.check_state(state.c_n, x_1BD.size(1), self.output_size)
        slots = max(map(len, state.keys.values()), default=1)
        place, last = _slots.place(state.steps, slots), []
        for i, layer in enumerate(self.layers):
            x_1BD, c_n, *_ = layer(x_1BD, state.c_n[i], None, state.keys.get(i), None, place)
            last.append(c_n)
        return x_1BD, FixedSRUppState(torch.stack(last), state.keys, state.steps + 1)

    def load_authors_state_dict(self, state_dict: dict[str, Tensor]) -> None:
        """Loads weights saved by `SRUpp` of the authors' `sru` 3.0.0.dev6.

        Warns where a memory meets a norm before the layer: theirs remembers something else (`_authors.OTHER_MEMORY`).

        Args:
            state_dict: what their `SRUpp.state_dict()` gave, in their names and shapes.

        Raises:
            ValueError: the weights belong to a module with other options; the line says which.
        """
        self.load_state_dict(_authors.convert_srupp(state_dict, self))
        if self.attention_context and any(one.attends and one.norm_place == "pre" for one in self.layers):
            warnings.warn(_authors.OTHER_MEMORY, stacklevel=2)
