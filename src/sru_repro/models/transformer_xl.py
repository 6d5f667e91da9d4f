"""Transformer-XL (Dai et al., ACL 2019, section 3.3): attention over a segment and its memory, by relative positions.

In one head of size d, query i, key j, for a layer's input h with the memory in front of it:

    a_ij = ((q_i + u) . k_j + (q_i + v) . W_r R_{i-j}) / sqrt(d),   q = W_q h,  [k; v'] = W_kv h
    y    = norm(h + W_o softmax(a) v'),   out = norm(y + W_2 relu(W_1 y + b_1) + b_2)

R_n holds the sines, then the cosines, of n at frequencies 10000^(-2m/H). u and v are shared by all layers.

Shapes: L time, M remembered steps, T = M + L keys, N distances, B batch, D input features, H hidden_size.
"""

from typing import Any, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from .. import ops
from . import _slots
from ._attention import last_of_two
from ._base import (
    AttentionContext,
    Encoder,
    ModelSettings,
    State,
    require,
    require_probabilities,
    require_sizes,
)
from ._entry import entry
from ._padding import cleared
from ._product import tensors
from ._relative_attention import RelativeLayer, Table, sinusoids
from ._sight import Sight

STD = 0.02
"""Of the normal distribution that all matrices, u and v start from; biases start at zero."""


class TransformerXLConfig(ModelSettings):
    """Settings of `TransformerXL`; the constructor documents them."""

    hidden_size: int = Field(ge=1)
    num_layers: int = Field(ge=1)
    num_heads: int = Field(ge=1)
    inner_size: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    attn_dropout: float = Field(ge=0, lt=1)
    clamp_length: int = Field(ge=0)

    @model_validator(mode="after")
    def _clashes(self) -> "TransformerXLConfig":
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"num_heads={self.num_heads} needs a hidden_size that it divides, found {self.hidden_size}"
            )
        return self


class FixedState(NamedTuple):
    """The state of evaluation in shapes that do not change, see `Encoder.fixed_state`.

    Attributes:
        keys: of every layer, in slots (S, B, H).
        values: likewise, (S, B, H).
        relative: W_r R (S, H) of the distances 0, 1, ..., of every layer.
        steps: how many steps the slots have seen, a scalar on the device.
    """

    keys: list[Tensor]
    values: list[Tensor]
    relative: list[Tensor]
    steps: Tensor


def _last(x: Tensor, steps: int) -> Tensor:
    kept = x[max(0, len(x) - steps) :]
    return kept.clone() if len(x) >= 2 * steps else kept  # a view would hold on to what is left out


def _as_multiplied(x: Tensor) -> Tensor:
    """In the type in which a product takes it, which under autocast is a narrower one."""
    kind = x.device.type
    narrow = x.dtype == torch.float32 and torch.is_autocast_enabled(kind)
    return x.to(torch.get_autocast_dtype(kind)) if narrow else x


class TransformerXL(Encoder):
    """A stack of Transformer-XL layers (Dai et al., ACL 2019, section 3.3).

    With an `attention_context` it is causal and carries a state. In training that is the input of every layer at the
    last `memory` steps, {"inputs": [(M, B, H), ...]}: no gradient flows into it, and keys and values are computed from
    it with the weights of the moment, as in the paper. In evaluation every position sees the `window` steps before its
    own (the authors' `mem_len` counts its own too: 2100 of theirs is a window of 2099), and the state is
    {"keys": [...], "values": [...]} of those, so that a step of generation computes its own only. Without one every
    step sees all steps that are not padded, and there is no state.

    Shapes: L time, B batch, D = input_size, H = hidden_size, M steps remembered.

    Args:
        input_size: D, 1 or more; an input of another size than H goes through a matrix first.
        hidden_size: H, 1 or more.
        num_layers: layers in the stack; 1 or more.
        num_heads: h, 1 or more, which divides H.
        inner_size: features inside the network on each step; 1 or more.
        dropout: probability, 0 <= dropout < 1, for R, for what attention and network add, and inside the network. The
            paper's dropout of the embedding and behind the last layer is the task's.
        attn_dropout: probability, 0 <= attn_dropout < 1, of dropout on attention weights.
        clamp_length: in evaluation distances count as this much at most; 0: as they are.
        attention_context: how far back attention looks, see `AttentionContext`.

    Raises:
        ValueError: a size below 1, another number out of its range, heads that do not divide H.
    """

    Config = TransformerXLConfig
    attends = True
    traces = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 2,
        *,
        num_heads: int = 1,
        inner_size: int = 512,
        dropout: float = 0.0,
        attn_dropout: float = 0.0,
        clamp_length: int = 0,
        attention_context: AttentionContext | None = None,
    ) -> None:
        super().__init__()
        require_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        require_sizes(num_heads=num_heads, inner_size=inner_size)
        require(
            hidden_size % num_heads == 0,
            f"num_heads: expected a divisor of hidden_size={hidden_size}, found {num_heads}",
        )
        require_probabilities(dropout=dropout, attn_dropout=attn_dropout)
        require(clamp_length >= 0, f"clamp_length: expected >= 0, found {clamp_length}")
        require(
            attention_context is None or min(attention_context.memory, attention_context.window) >= 0,
            f"attention_context: expected memory and window >= 0, found {attention_context}",
        )
        self.input_size, self.output_size = input_size, hidden_size
        self.clamp_length, self.attention_context = clamp_length, attention_context
        self.causal = self.streams = attention_context is not None
        self.project = nn.Linear(input_size, hidden_size, bias=False) if input_size != hidden_size else None
        heads = (num_heads, hidden_size // num_heads)
        self.content_bias, self.position_bias = (nn.Parameter(torch.empty(heads)) for _ in range(2))
        self.dropout = nn.Dropout(dropout)
        self.layers: Any = nn.ModuleList(
            RelativeLayer(hidden_size, num_heads, inner_size, dropout, attn_dropout)
            for _ in range(num_layers)
        )
        self._table = Table()
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Matrices, u and v from N(0, STD^2), biases zero, norms one and zero."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                module.weight.normal_(0, STD)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.LayerNorm):
                module.reset_parameters()
        for vector in (self.content_bias, self.position_bias):
            vector.normal_(0, STD)

    @entry
    def forward(
        self, x_LBD: Tensor, state: State = None, padding_LB: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Returns (h_LBH, state), the state as the class describes it.

        Args:
            x_LBD: the input, or, without an `attention_context`, a `PackedSequence`, which comes back as it came.
            state: what the call before returned, made in the same mode (training or evaluation); or None.
            padding_LB: True at padded steps; taken where there is no `attention_context`.

        Raises:
            ValueError: a shape that does not fit, with what was expected and found; a state of the other mode, or of
                an encoder that keeps another number of steps; padding where there is a memory; a state where not.
        """
        require(
            x_LBD.dim() == 3 and x_LBD.size(-1) == self.input_size and x_LBD.size(0) > 0,
            f"input: expected (L, B, {self.input_size}) with L >= 1, found {tuple(x_LBD.shape)}",
        )
        if self.attention_context is not None:
            require(
                padding_LB is None,
                "padding: a Transformer-XL with a memory takes none, as padded steps would stand in the memory",
            )
            if isinstance(state, FixedState):
                return self._step(x_LBD, state)
            self._check_state(state, x_LBD.size(1), self.attention_context)
            return self._causal(x_LBD, state, self.attention_context)
        require(
            state is None, "state: a Transformer-XL without an attention_context keeps none, expected None"
        )
        if padding_LB is None:
            return self._whole(x_LBD, None), None
        x_LBD = cleared(x_LBD, padding_LB)
        # The kept steps move to the front: distances do not count what is padded between them.
        order_LB1 = padding_LB.byte().argsort(stable=True, dim=0).unsqueeze(-1)
        x_LBD = x_LBD.gather(0, order_LB1.expand_as(x_LBD))
        h_LBH = self._whole(x_LBD, padding_LB.sort(dim=0, stable=True).values)
        h_LBH = torch.zeros_like(h_LBH).scatter(0, order_LB1.expand_as(h_LBH), h_LBH)
        return h_LBH.masked_fill(padding_LB.unsqueeze(-1), 0.0), None

    def _check_state(self, state: State, batch: int, attention_context: AttentionContext) -> None:
        if state is None:
            return
        wanted = {"inputs"} if self.training else {"keys", "values"}
        require(
            isinstance(state, dict) and set(state) == wanted,
            f"state: expected one made in {'training' if self.training else 'evaluation'}, found one of another kind; "
            "training keeps layer inputs, evaluation keys and values: start without a state where the mode changes",
        )
        most, wanted_shape = (
            attention_context.memory if self.training else attention_context.window,
            (batch, self.output_size),
        )
        found = [tuple(leaf.shape) for leaves in state.values() for leaf in leaves]
        alike = all(shape == found[0] and shape[1:] == wanted_shape and shape[0] <= most for shape in found)
        require(
            alike and all(len(leaves) == len(self.layers) for leaves in state.values()),
            f"state: expected {len(self.layers)} times (M, {batch}, {self.output_size}) with M <= {most}, "
            f"found {found}",
        )

    def _input(self, x_LBD: Tensor) -> Tensor:
        return x_LBD if self.project is None else ops.linear(x_LBD, *tensors(self.project))

    def _whole(self, x_LBD: Tensor, padding_LB: Tensor | None) -> Tensor:
        """Every step sees every step, but for those of padding."""
        h_LBH, length = self._input(x_LBD), x_LBD.size(0)
        relative = self._relative(
            self._distances(length - 1, -1 if length == 1 else 1 - length, x_LBD.device)
        )
        sight = Sight(length, length, causal=False)
        for layer, r in zip(self.layers, relative, strict=True):
            keys_values = layer.keys_values(h_LBH)
            h_LBH = layer(
                h_LBH, keys_values, None, r, self.content_bias, self.position_bias, sight, padding_LB
            )
        return h_LBH

    def _causal(
        self, x_LBD: Tensor, state: State, attention_context: AttentionContext
    ) -> tuple[Tensor, State]:
        """Every step sees the state and the steps up to itself, in evaluation only the last `window` of them."""
        h_LBH, length = self._input(x_LBD), len(x_LBD)
        before = 0 if state is None else len(next(iter(state.values()))[0])
        relative = self._relative_of_past(before + length, attention_context, x_LBD.device)
        sight = Sight(length, before + length, True, None if self.training else attention_context.window)
        after: list[tuple[Tensor, ...]] = []
        for i, layer in enumerate(self.layers):
            k: Tensor
            v: Tensor | None = None
            if self.training:
                own = _as_multiplied(
                    h_LBH
                )  # so that memory and what is laid behind it are no wider than that
                old = None if state is None else state["inputs"][i].detach().to(own.dtype)
                k = layer.keys_values(own if old is None else torch.cat([old, own]))
                after.append((last_of_two(old, own, attention_context.memory),))
            else:
                k, v = layer.keys_values(h_LBH).chunk(2, -1)
                if state is not None:
                    k = torch.cat([state["keys"][i].to(k.dtype), k])
                    v = torch.cat([state["values"][i].to(v.dtype), v])
                after.append((_last(k, attention_context.window), _last(v, attention_context.window)))
            h_LBH = layer(h_LBH, k, v, relative[i], self.content_bias, self.position_bias, sight)
        names = ("inputs",) if self.training else ("keys", "values")
        return h_LBH, dict(zip(names, map(list, zip(*after, strict=True)), strict=True))

    @torch.no_grad()
    def fixed_state(self, state: State, steps: int) -> FixedState:
        """See `Encoder`; with it, what the distances' sines are projected to by the weights of the moment.

        Raises:
            ValueError: no `attention_context`, and so no state; one that other sizes made; `steps` below 1.
        """
        context = self.attention_context
        if context is None:
            raise ValueError(_slots.NO_STREAM)
        keys, values = state["keys"], state["values"]
        kept, batch, _ = keys[0].shape
        self._check_state(state, batch, context)
        slots = _slots.needed(context.window, kept, steps)
        relative = self._relative(self._distances(slots - 1, 0, keys[0].device).flip(0))
        rings = ([_slots.filled(leaf, slots) for leaf in leaves] for leaves in (keys, values))
        return FixedState(next(rings), next(rings), relative, torch.tensor(kept, device=keys[0].device))

    def _step(self, x_1BD: Tensor, state: FixedState) -> tuple[Tensor, FixedState]:
        _slots.check(self.training, len(x_1BD))
        h_1BH, place = self._input(x_1BD), _slots.place(state.steps, len(state.keys[0]))
        biases = (self.content_bias, self.position_bias)
        for layer, *kept, relative in zip(self.layers, state.keys, state.values, state.relative, strict=True):
            for slots, own in zip(kept, layer.keys_values(h_1BH).chunk(2, -1), strict=True):
                slots.index_copy_(0, place.own_1, own.to(slots.dtype))
            k, v = (slots.to(h_1BH.dtype) for slots in kept)
            h_1BH = layer(h_1BH, k, v, relative, *biases, Sight(1, len(k), True), place=place)
        return h_1BH, state._replace(steps=state.steps + 1)

    def _distances(self, first: int, last: int, device: torch.device) -> Tensor:
        """first, first - 1, ..., last, those beyond `clamp_length` held there."""
        distance_N = torch.arange(first, last - 1, -1, device=device)
        limit = 0 if self.training else self.clamp_length  # the paper clamps in evaluation alone
        return distance_N.clamp(-limit, limit) if limit else distance_N

    def _relative(self, distance_N: Tensor) -> list[Tensor]:
        """W_r R (N, H) of every layer; the layers share R and its dropout."""
        weights = [tensors(layer.relative)[0] for layer in self.layers]
        r = self.dropout(sinusoids(distance_N, self.output_size, weights[0].dtype))
        return [ops.linear(r, weight) for weight in weights]

    def _relative_of_past(
        self, keys: int, attention_context: AttentionContext, device: torch.device
    ) -> list[Tensor]:
        """`_relative` for the distances T - 1, ..., 0, -1; in evaluation, those beyond the window may be any."""
        weights = [tensors(layer.relative)[0] for layer in self.layers]

        def make(reach: int) -> list[Tensor]:
            return self._relative(self._distances(reach, -1, device))

        if (
            self.training
            or torch.is_grad_enabled()
            or torch.compiler.is_compiling()
            or any(weight.is_inference() for weight in weights)  # they count no versions
        ):
            return make(keys - 1)
        return self._table.rows(
            weights, keys, min(attention_context.window, self.clamp_length or attention_context.window), make
        )

    def train(self, mode: bool = True) -> "TransformerXL":
        """As every module's; forgets what is kept of the weights."""
        self._table.forget()
        return super().train(mode)

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        self._table.forget()  # weights change without a new version
        return super()._apply(*args, **kwargs)
