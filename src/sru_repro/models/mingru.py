"""The minGRU (Feng et al., "Were RNNs All We Needed?", 2024, section 3.1): gates that see the input alone.

    z_t = sigmoid(W_z x_t + b_z),   h~_t = W_h x_t + b_h
    h_t = (1 - z_t) h_{t-1} + z_t h~_t

It runs as f_t h_{t-1} + (1 - f_t) h~_t with f = 1 - z = sigmoid(W_f x + b_f), so W_f = -W_z and b_f = -b_z.

Shapes: L time, B batch, D input features, H = directions * hidden_size output features, C = expansion * H columns.
"""

from typing import Unpack

import torch
from pydantic import Field
from torch import Tensor, nn

from .. import ops
from ._base import ModelSettings, require_sizes
from ._entry import entry
from ._padding import cleared
from ._product import tensors
from ._recurrent import RecurrentStack, StackOptions


class MinGRUConfig(ModelSettings):
    """Settings of `MinGRU`; the constructor documents them."""

    hidden_size: int = Field(ge=1)
    num_layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    expansion: int = Field(ge=1)
    bidirectional: bool


class MinGRULayer(nn.Module):
    """Normalises, takes one product (with biases) for candidate and gate, runs the recurrence, narrows, adds the input.

    `linear.weight` is (2 * C, D), rows ordered [h~, f][direction][feature]. `down` narrows each direction by itself,
    so that the second half of H stays the one that was computed backwards; there is none where C = H.
    """

    def __init__(
        self, input_size: int, hidden_size: int, dropout: float, expansion: int, bidirectional: bool
    ) -> None:
        super().__init__()
        directions = 2 if bidirectional else 1
        self.bidirectional, self.columns = bidirectional, expansion * directions * hidden_size
        self.residual = input_size == directions * hidden_size
        self.norm = nn.LayerNorm(input_size)
        self.linear = nn.Linear(input_size, 2 * self.columns)
        narrow = [nn.Linear(expansion * hidden_size, hidden_size) for _ in range(directions)]
        self.down = nn.ModuleList(narrow if expansion > 1 else [])
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x_LBD: Tensor, h0_BC: Tensor | None, padding_LB: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Returns (y_LBH, h_n (B, C)). Padded steps keep the state; their output is whatever the residual makes it."""
        h_LBC, h_n = ops.layer(
            "mingru",
            self.norm(x_LBD),
            *tensors(self.linear),
            matrices=2,
            c0_BD=h0_BC,
            padding_LB=padding_LB,
            bidirectional=self.bidirectional,
        )
        y_LBH = self.dropout(self._narrow(h_LBC))
        return x_LBD + y_LBH if self.residual else y_LBH, h_n

    def _narrow(self, h_LBC: Tensor) -> Tensor:
        if not len(self.down):
            return h_LBC
        halves = []
        for part, down in zip(h_LBC.chunk(len(self.down), -1), self.down, strict=True):
            halves.append(ops.linear(part, *tensors(down)))
        return torch.cat(halves, -1)


class MinGRU(RecurrentStack):
    """A stack of minGRU layers (Feng et al., 2024, section 3.1).

    The paper's is the recurrence. Layer norm before it and the residual around it are this suite's block: states that
    are linear in the input, stacked bare, do not train.

    Shapes: L time, B batch, D = input_size, H = hidden_size, twice that where bidirectional, C = expansion * H.

    Args:
        input_size: D, features of the input; 1 or more.
        hidden_size: features of a layer's output, each direction; 1 or more.
        num_layers: layers in the stack; 1 or more.
        expansion: states for each feature of the output, 1 or more; a second product narrows them where there is more
            than one.

    Keyword Args:
        dropout (float): probability, 0 <= dropout < 1, of dropout on each layer's output, before the input is added to
            it.
        bidirectional (bool): half of the columns of every layer run backwards in time; H = 2 * hidden_size.

    Raises:
        ValueError: a size below 1, or a `dropout` that is no such probability.
    """

    Config = MinGRUConfig

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 2,
        *,
        expansion: int = 1,
        **options: Unpack[StackOptions],
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, **options)
        require_sizes(expansion=expansion)
        self.columns = expansion * self.output_size
        self.layers = nn.ModuleList(
            MinGRULayer(size, hidden_size, self.dropout, expansion, self.bidirectional)
            for size in self.input_sizes
        )

    def set_dropout(self, dropout: float) -> None:
        """See `RecurrentStack`."""
        for layer in self.layers:
            layer.dropout.p = dropout

    @entry
    def forward(
        self, x_LBD: Tensor, state: Tensor | None = None, padding_LB: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns (y_LBH, h_n), h_n being (num_layers, B, C), the last states and the next call's `state`.

        Args:
            x_LBD: the input, or a `PackedSequence`, which comes back packed as it came.
            state: h_0 of all layers, (num_layers, B, C); zeros where not given.
            padding_LB: True at padded steps, which keep the state and put out zero.

        Raises:
            ValueError: a shape that does not fit, with what was expected and found.
        """
        self.check_input(x_LBD)
        self.check_state(state, x_LBD.size(1), self.columns)
        y, last = cleared(x_LBD, padding_LB), []
        for i, layer in enumerate(self.layers):
            y, h_n = layer(y, None if state is None else state[i], padding_LB)
            last.append(h_n)
        if padding_LB is not None:  # residuals and biases stand there
            y = y.masked_fill(padding_LB.unsqueeze(-1), 0.0)
        return y, torch.stack(last)
