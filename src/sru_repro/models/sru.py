"""The Simple Recurrent Unit (Lei et al., EMNLP 2018, section 3), and its version of 2017 (`v1`).

    f_t = sigmoid(W_f x_t + v_f * c_{t-1} + b_f)            forget gate
    c_t = f_t * c_{t-1} + (1 - f_t) * W x_t                 state
    r_t = sigmoid(W_r x_t + v_r * c_{t-1} + b_r)            reset gate
    h_t = r_t * c_t + (1 - r_t) * alpha x_t                 highway output

All products of a layer are one; what is left is elementwise and runs in `sru_repro.ops`.

Shapes: L time, B batch, D input features, H = directions * hidden_size columns, k matrices.
"""

import math
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from .. import ops
from . import _authors, _one_launch
from ._base import ModelSettings, sequence_mask
from ._entry import entry
from ._lstm_convention import LSTMConvention
from ._padding import cleared
from ._sru_layer import ElementwiseLayer, ElementwiseStack, Recurrence

CACHE = 8 << 20
"""Bytes of a layer's products that are worth keeping near the processor, of which it holds some tens of millions."""


class SRUConfig(ModelSettings):
    """Settings of `SRU`; the constructor documents them."""

    hidden_size: int = Field(ge=1)
    num_layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    bidirectional: bool
    projection_size: int = Field(ge=0)
    highway_bias: float = Field(ge=-100, le=100)
    layer_norm: Literal["pre", "post"] | None
    has_skip_term: bool
    rescale: bool
    activation: Literal["identity", "tanh"]
    v1: bool

    @model_validator(mode="after")
    def _clashes(self) -> "SRUConfig":
        columns = self.hidden_size * (2 if self.bidirectional else 1)
        if self.projection_size >= columns:
            raise ValueError(
                f"projection_size={self.projection_size} needs a size below the {columns} of the layers"
            )
        return self


class SRULayer(ElementwiseLayer):
    """One SRU layer: one product for all gates, then the elementwise recurrence.

    `weight` is (k * H, n) with rows ordered [gate][direction][feature], gates W, W_f, W_r and, where input
    and output sizes differ, W_s of the skip; n is the input size, or `projection_size` when factorised.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        projection_size: int,
        recurrence: Recurrence,
        dropout: float,
        input_dropout: float,
    ) -> None:
        super().__init__(input_size, hidden_size, recurrence, dropout)
        self.input_dropout = input_dropout
        # Factorising pays only when the inner size is below both outer ones (the authors' rule for enwik8).
        factorised = 0 < projection_size < min(input_size, self.columns)
        inner = projection_size if factorised else input_size
        self.projection = nn.Parameter(torch.empty(inner, input_size)) if factorised else None
        self.weight = nn.Parameter(torch.empty(self.matrices * self.columns, inner))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Uniform weights of variance 1/n, gates at half of it, skip at alpha^2 (SRU paper, section 3.3)."""
        for matrix in (self.weight, self.projection):
            if matrix is not None:
                matrix.uniform_(-1, 1).mul_(math.sqrt(3 / matrix.size(1)))
        gates = self.weight.view(self.matrices, self.columns, -1)
        gates[0].mul_(math.sqrt(1 - self.dropout))
        if self.weight_c is not None:
            gates[1:3].mul_(math.sqrt(0.5))  # the other half of a gate's variance comes from v * c
        if self.matrices == 4:
            gates[3].mul_(self.alpha)
        self.weight.mul_(math.sqrt(1 - self.input_dropout))
        if self.layer_norm is not None:
            self.weight.mul_(0.1)
        self.reset_vectors(weight_c=math.sqrt(3 * 0.5))

    def forward(
        self, x_LBD: Tensor, c0_BH: Tensor | None, padding_LB: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Returns (h_LBH, c_n (B, H)), see `SRU.forward`; c0_BH is the state before the first step."""
        mask_BH = self.highway_mask(x_LBD.size(1))
        product_input = self.product_input(x_LBD)
        if self.training and self.input_dropout > 0:
            mask_BD = sequence_mask(x_LBD.size(1), x_LBD.size(2), self.input_dropout, x_LBD)
            product_input = product_input * mask_BD
        if self.projection is not None:
            product_input = ops.linear(product_input, self.projection)
        return self.recur(product_input, self.weight, x_LBD, c0_BH, mask_BH, padding_LB)


class SRU(ElementwiseStack):
    """A stack of SRU layers (Lei et al., EMNLP 2018, section 3, equations 1-4).

        f_t = sigmoid(W_f x_t + v_f * c_{t-1} + b_f),   r_t = sigmoid(W_r x_t + v_r * c_{t-1} + b_r)
        c_t = f_t * c_{t-1} + (1 - f_t) * W x_t,        h_t = r_t * c_t + (1 - r_t) * alpha x_t

    `h_LBH, c_n = sru(x_LBD, state, padding_LB)`, see `forward`. One direction is causal and streams: calls on
    consecutive segments, c_n handed on as the next `state`, equal one call on the whole.

    Shapes: L time, B batch, D = input_size, H = hidden_size, twice that where bidirectional.

    Args:
        input_size: D, features of the input; 1 or more.
        hidden_size: features of the state, each direction; 1 or more.
        num_layers: layers in the stack; 1 or more.
        dropout: probability, 0 <= dropout < 1, of a mask on the highway branch, one per sequence and layer; not in the
            last.
        bidirectional: half of the columns of every layer run backwards in time; H = 2 * hidden_size.
        projection_size: inner size of the factorised product W = W2 W1; none if 0 or not below both others.
        highway_bias: initial value of b_r; settings take it from -100 to 100.
        layer_norm: "pre" normalises what goes into the product (not the skip), "post" the output.
        has_skip_term: False: h = r * c.
        rescale: the paper's alpha = sqrt(1 + 2 exp(highway_bias)) on the skip input. Releases of the authors'
            package differ in its default; here it is always written out.
        activation: g in h = r * g(c) + ..., "identity" or "tanh".
        v1: the gates do not see c_{t-1} (arXiv v1 of 2017), and dropout masks g(c) alone.
        dropout_last: the last layer has the mask of `dropout` too.
        input_dropout: probability of a mask on what goes into the product of every layer, one per sequence; the
            highway sees the input as it is (the authors' rnn_dropout).
        batch_first: inputs and outputs are (B, L, ...) and padding (B, L); states stay (num_layers, B, H).

    Raises:
        ValueError: a size below 1, a `dropout` that is no such probability, a `layer_norm` or `activation` that does
            not exist.
    """

    Config = SRUConfig
    instead = "use .lstm_convention(), or give c_0 alone"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 2,
        *,
        dropout: float = 0.0,
        bidirectional: bool = False,
        projection_size: int = 0,
        highway_bias: float = 0.0,
        layer_norm: Literal["pre", "post"] | None = None,
        has_skip_term: bool = True,
        rescale: bool = True,
        activation: Literal["identity", "tanh"] = "identity",
        v1: bool = False,
        dropout_last: bool = False,
        input_dropout: float = 0.0,
        batch_first: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, dropout, bidirectional)
        recurrence = Recurrence(
            bidirectional, highway_bias, layer_norm, has_skip_term, rescale, activation, v1
        )
        self.batch_first, self.dropout_last = batch_first, dropout_last
        self.masks_input = input_dropout > 0
        self.layers = nn.ModuleList(
            SRULayer(size, hidden_size, projection_size, recurrence, masked, input_dropout)
            for size, masked in self.layer_dropouts(dropout)
        )

    @classmethod
    def layer_of(cls, index: int, input_size: int, config: ModelSettings, input_dropout: float) -> "SRU":
        """See `Encoder`; the mask of `input_dropout` stands before the product alone.

        Every layer keeps its mask on the highway, as the authors' reader does.
        """
        options = config.options() | {"num_layers": 1}
        return cls(input_size, dropout_last=True, input_dropout=input_dropout, **options)

    @entry
    def forward(  # type: ignore[override]
        self,
        x_LBD: Any,
        state: Tensor | None = None,
        padding_LB: Tensor | None = None,
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        """Returns (h_LBH, c_n), c_n being (num_layers, B, H), the last states and the next call's `state`.

        With `batch_first` h is (B, L, H).

        Args:
            x_LBD: the input, (B, L, D) with `batch_first`; or a `PackedSequence`, which comes back packed as it came.
            state: c_0 of all layers, (num_layers, B, H), columns of the backward direction in the second half; zeros
                where not given.
            padding_LB: True at padded steps, which keep the state and put out zero; (B, L) with `batch_first`.

        Raises:
            ValueError: a shape or type that does not fit, with what was expected and found.
        """
        self.check_input(x_LBD, self.batch_first)
        if self.batch_first:
            x_LBD = x_LBD.transpose(0, 1)
            padding_LB = None if padding_LB is None else padding_LB.transpose(0, 1)
        self.check_state(state, x_LBD.size(1), self.output_size)
        steps = self._chunk_length(x_LBD, padding_LB)
        if steps:
            h_LBH, c_n = self._chunked(x_LBD, state, padding_LB, steps)
        else:
            h_LBH, c_n = self._unchunked(x_LBD, state, padding_LB)
        return h_LBH.transpose(0, 1) if self.batch_first else h_LBH, c_n

    def _unchunked(
        self, x_LBD: Tensor, state: Tensor | None, padding_LB: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """All steps through one layer after the other; one step of generation through all of them in one launch."""
        found = _one_launch.step(self.layers, self.training, x_LBD, state, padding_LB)
        if found is None:
            outputs, c_n = self.run_layers(x_LBD, state, padding_LB)
            found = outputs[-1], c_n
        return found

    def _chunked(
        self, x_LBD: Tensor, state: Tensor | None, padding_LB: Tensor | None, steps: int
    ) -> tuple[Tensor, Tensor]:
        chunks = []
        for start in range(0, len(x_LBD), steps):
            now = slice(start, start + steps)
            padding = None if padding_LB is None else padding_LB[now]
            outputs, state = self.run_layers(x_LBD[now], state, padding)
            chunks.append(outputs[-1])
        assert state is not None
        return torch.cat(chunks), state

    def _chunk_length(self, x_LBD: Tensor, padding_LB: Tensor | None) -> int:
        """Steps that go through all layers at once: in inference on the CPU, as many as a processor's cache holds.

        A layer's products then never reach main memory, and hooks on layers see a chunk at a time. 0, for all steps,
        where gradients need them, where later steps come first, where masks are drawn once for the whole sequence,
        and where shapes do not fit, so that they are refused as a whole.
        """
        if torch.is_grad_enabled() or self.bidirectional or x_LBD.device.type != "cpu":
            return 0
        whole = self.training and any(layer.dropout for layer in self.layers)
        unfit = padding_LB is not None and padding_LB.shape != x_LBD.shape[:2]
        if whole or unfit or torch.compiler.is_compiling() or torch.jit.is_tracing():
            return 0
        step_bytes = 4 * self.output_size * x_LBD.size(1) * x_LBD.element_size()  # of up to four matrices
        steps = max(1, CACHE // max(1, step_bytes))
        return steps if x_LBD.size(0) >= 2 * steps else 0

    def run_layers(
        self, x_LBD: Tensor, state: Tensor | None, padding_LB: Tensor | None
    ) -> tuple[list[Tensor], Tensor]:
        """The output h_LBH of every layer, and the last states (num_layers, B, H), of arguments that were checked.

        Args:
            x_LBD: the input, time first.
            state: c_0 (num_layers, B, H), or None for zeros.
            padding_LB: True at padded steps.

        Raises:
            ValueError: padding of another shape, type or device.
        """
        outputs, last = [cleared(x_LBD, padding_LB)], []
        for i, layer in enumerate(self.layers):
            h_LBH, c_n = layer(outputs[-1], None if state is None else state[i], padding_LB)
            outputs.append(h_LBH)
            last.append(c_n)
        return outputs[1:], torch.stack(last) if len(last) > 1 else last[0].unsqueeze(0)

    def lstm_convention(self) -> LSTMConvention:
        """The same stack behind `torch.nn.LSTM`'s calling convention, see `LSTMConvention`."""
        return LSTMConvention(self)

    def load_authors_state_dict(self, state_dict: dict[str, Tensor]) -> None:
        """Loads weights saved by the authors' `sru` package (2.x or 3.0.0.dev6).

        Args:
            state_dict: what their `SRU.state_dict()` gave, in their names and shapes.

        Raises:
            ValueError: the weights belong to a module with other options; the line says which and what to set.
        """
        self.load_state_dict(_authors.convert(state_dict, self))
