"""The quasi-recurrent network (Bradbury et al., ICLR 2017, section 2) and the SRU paper's "QRNN+highway".

    z_t = tanh(W_z * x),  f_t = sigmoid(W_f * x),  o_t = sigmoid(W_o * x),  i_t = sigmoid(W_i * x)
    f pooling    h_t = f_t h_{t-1} + (1 - f_t) z_t
    fo pooling   c_t = f_t c_{t-1} + (1 - f_t) z_t,   h_t = o_t c_t
    ifo pooling  c_t = f_t c_{t-1} + i_t z_t,         h_t = o_t c_t
    highway      fo pooling's c_t,   h_t = r_t c_t + (1 - r_t) x_t   (r_t in the place of o_t)

W * x is a causal convolution over the last `window` inputs. Shapes: L time, B batch, D input features,
H = directions * hidden_size columns, k matrices.
"""

import math
from typing import Any, Literal, Unpack

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from .. import ops
from ._base import ModelSettings, require, require_probabilities
from ._entry import entry
from ._misfit import misfit_state
from ._padding import cleared
from ._product import tensors
from ._recurrent import RecurrentStack, StackOptions

GATES = {"f": 2, "fo": 3, "ifo": 4}


class QRNNConfig(ModelSettings):
    """Settings of `QRNN`; the constructor documents them."""

    hidden_size: int = Field(ge=1)
    num_layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    window: Literal[1, 2]
    pooling: Literal["f", "fo", "ifo"]
    highway: bool
    zoneout: float = Field(ge=0, lt=1)
    bidirectional: bool

    @model_validator(mode="after")
    def _clashes(self) -> "QRNNConfig":
        if self.highway and self.pooling != "fo":
            raise ValueError(f"highway=true needs pooling=fo, found pooling={self.pooling}")
        if self.bidirectional and self.window != 1:
            raise ValueError(
                "bidirectional=true needs window=1: a window of 2 looks back in one direction only"
            )
        return self


class QRNNLayer(nn.Module):
    """One QRNN layer: one product (with biases) for all gates, then pooling.

    `linear.weight` is (gates * H, window * D), rows ordered [gate][direction][feature], columns
    [x_{t-1}, x_t] for a window of 2; `skip` (H, D) carries the highway where input and output sizes differ.
    """

    def __init__(
        self,
        input_size: int,
        columns: int,
        window: int,
        pooling: str,
        highway: bool,
        zoneout: float,
        bidirectional: bool,
    ) -> None:
        super().__init__()
        self.columns, self.window, self.zoneout, self.bidirectional = columns, window, zoneout, bidirectional
        self.highway, self.cell = highway, "qrnn_highway" if highway else f"qrnn_{pooling}"
        self.matrices = GATES[pooling]
        self.linear = nn.Linear(window * input_size, self.matrices * columns)
        self.skip = nn.Linear(input_size, columns, bias=False) if highway and input_size != columns else None

    def forward(
        self, x_LBD: Tensor, state: tuple[Tensor, Tensor] | None, padding_LB: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Returns (h_LBH, (c_n (B, H), last input (B, D), which only a window of 2 reads)).

        `state` is such a pair of the call before: c (B, H) and the last input (B, D).
        """
        c0, last_BD = (None, torch.zeros_like(x_LBD[0])) if state is None else state
        inputs = x_LBD
        if self.window == 2:
            before_LBD, last_BD = _previous(x_LBD, last_BD, padding_LB)
            inputs = torch.cat([before_LBD, x_LBD], -1)
        (weight, bias), matrices = tensors(self.linear), self.matrices
        skip = x_LBD if self.highway and self.skip is None else None
        options: Any = {"c0_BD": c0, "padding_LB": padding_LB, "bidirectional": self.bidirectional}
        if self.zoneout == 0 and self.skip is None:
            h_LBH, c_n = ops.layer(self.cell, inputs, weight, bias, skip, matrices=matrices, **options)
            return h_LBH, (c_n, last_BD)
        u = ops.linear(inputs, weight, bias).view(*x_LBD.shape[:2], matrices, self.columns)
        if self.zoneout > 0:
            u = self._zone_out(u)
        if self.skip is not None:
            u = torch.cat([u, ops.linear(x_LBD, *tensors(self.skip)).unsqueeze(2)], 2)
        h_LBH, c_n = ops.recurrence(self.cell, u, skip, **options)
        return h_LBH, (c_n, last_BD)

    def _zone_out(self, u_LBkH: Tensor) -> Tensor:
        """Zoneout (section 2.1): in training f is 1 at random steps, in evaluation 1 - f shrinks by its mean.

        Both are done on the logit: f' = 1 - (1 - p) sigmoid(-u) has the logit log((e^u + p) / (1 - p)).
        """
        z, logit, *rest = u_LBkH.unbind(2)
        if self.training:
            logit = logit.masked_fill(torch.rand_like(logit) < self.zoneout, torch.inf)
        else:
            floor = logit.new_full((), math.log(self.zoneout))
            logit = torch.logaddexp(logit, floor) - math.log(1 - self.zoneout)
        return torch.stack([z, logit, *rest], 2)


def _previous(x_LBD: Tensor, first_BD: Tensor, padding_LB: Tensor | None) -> tuple[Tensor, Tensor]:
    """The input before each step (L, B, D), and before the step to come (B, D); padded steps do not count."""
    inputs = torch.cat([first_BD.unsqueeze(0), x_LBD])
    if padding_LB is not None:
        step_L1 = torch.arange(1, len(inputs), device=x_LBD.device).unsqueeze(1)
        newest_LB = step_L1.masked_fill(padding_LB, 0).cummax(0).values
        newest_LB = torch.cat([torch.zeros_like(newest_LB[:1]), newest_LB])
        inputs = inputs.gather(0, newest_LB.unsqueeze(-1).expand_as(inputs))
    return inputs[:-1], inputs[-1]


class QRNN(RecurrentStack):
    """A stack of QRNN layers (Bradbury et al., ICLR 2017, section 2; with `highway` the SRU paper's Table 1).

    Shapes: L time, B batch, D = input_size, H = hidden_size, twice that where bidirectional.

    Args:
        input_size: D, features of the input; 1 or more.
        hidden_size: features of the state, each direction; 1 or more.
        num_layers: layers in the stack; 1 or more.
        window: inputs the product sees, 1 or 2.
        pooling: "f", "fo" or "ifo".
        highway: the output gate mixes in the layer's input (SRU paper, Table 1); fo pooling only.
        zoneout: probability, 0 <= zoneout < 1, that a state is kept in training (section 2.1).

    Keyword Args:
        dropout (float): probability, 0 <= dropout < 1, of dropout between layers.
        bidirectional (bool): half of the columns run backwards in time, H = 2 * hidden_size; window 1 only.

    Raises:
        ValueError: a size below 1, a probability outside its range, or a window, pooling, highway or direction that
            does not go with the others.
    """

    Config = QRNNConfig
    instead = "give what the call before returned, or None"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 2,
        *,
        window: int = 1,
        pooling: str = "fo",
        highway: bool = False,
        zoneout: float = 0.0,
        **options: Unpack[StackOptions],
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, **options)
        require_probabilities(zoneout=zoneout)
        require(window in (1, 2), f"window: expected 1 or 2, found {window}")
        require(pooling in GATES, f"pooling: expected f, fo or ifo, found {pooling!r}")
        require(not highway or pooling == "fo", f"highway: expected pooling=fo, found {pooling!r}")
        require(not self.bidirectional or window == 1, "bidirectional: expected window=1, found 2")
        self.layers = nn.ModuleList(
            QRNNLayer(size, self.output_size, window, pooling, highway, zoneout, self.bidirectional)
            for size in self.input_sizes
        )

    @entry
    def forward(
        self,
        x_LBD: Tensor,
        state: list[tuple[Tensor, Tensor]] | None = None,
        padding_LB: Tensor | None = None,
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Returns (h_LBH, state): of every layer the last c (B, H) and the last input (B, D), the next call's `state`.

        Args:
            x_LBD: the input, or a `PackedSequence`, which comes back packed as it came.
            state: a pair (c (B, H), last input (B, D)) of every layer; None: zeros.
            padding_LB: True at padded steps, which keep the state and put out zero.

        Raises:
            ValueError: a shape or state that does not fit, with what was expected and found.
        """
        self.check_input(x_LBD)
        self._check_layers(state, x_LBD)
        h, last = cleared(x_LBD, padding_LB), []
        for i, layer in enumerate(self.layers):
            if i > 0:
                h = F.dropout(h, self.dropout, self.training)
            h, after = layer(h, None if state is None else state[i], padding_LB)
            last.append(after)
        return h, last

    def _check_layers(self, state: Any, x_LBD: Tensor) -> None:
        """Raises ValueError for a state that is not one pair (c (B, H), last input (B, D)) of every layer; c may be
        None, and where no layer looks back the last input may be anything."""
        if state is None:
            return
        sequence = isinstance(state, tuple | list)
        pairs = sequence and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in state)
        require(
            pairs and len(state) == len(self.layers),
            f"state: expected a list of {len(self.layers)} pairs (c, last input), found {self.told(state)}",
        )
        for i, (layer, size, (c, last)) in enumerate(zip(self.layers, self.input_sizes, state, strict=True)):
            parts = [("c", c, self.output_size)] if c is not None else []
            if layer.window == 2:
                parts.append(("last input", last, size))
            for what, value, columns in parts:
                name, wanted = f"state: {what} of layer {i}", (x_LBD.size(1), columns)
                told = misfit_state(name, value, x_LBD)
                require(told is None, told or "")
                require(value.shape == wanted, f"{name}: expected {wanted}, found {tuple(value.shape)}")
