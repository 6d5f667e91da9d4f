"""Kim's convolutional sentence encoder (EMNLP 2014, section 2): filters of several widths, maxima taken over time.

    y_i = relu(w . x_{i:i+width-1} + b)        of one filter (equation 2; relu by section 3.1)
    h   = max_i y_i

Shapes: L time, B batch, D input features, H = widths * filters.
"""

from typing import Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from ..ops import passes
from ._base import Encoder, ModelSettings, State, require
from ._entry import entry
from ._padding import cleared


class CNNConfig(ModelSettings):
    """Settings of `CNN`; the constructor documents them."""

    filters: int = Field(ge=1)
    widths: list[PositiveInt] = Field(min_length=1)
    dropout: float = Field(ge=0, lt=1)


class CNN(Encoder):
    """One convolution per width, ReLU, maximum over time (Kim, EMNLP 2014, section 2): a sentence as a single step.

    Shapes: L time, B batch, D = input_size, H = filters for each of the widths.

    Args:
        input_size: D, features of the input.
        filters: filters of each width; 1 or more.
        widths: words that a filter covers, one or more such widths; 3, 4 and 5 where not given.
        dropout: 0 <= dropout < 1, accepted as every model's setting; there are no layers to put it between.
    """

    Config = CNNConfig
    causal = False
    streams = False
    stepwise = False

    @classmethod
    def can_stream(cls, config: ModelSettings) -> bool:
        """See `Encoder`: it never can, as a maximum over time has no state to hand on."""
        return False

    def __init__(
        self, input_size: int, *, filters: int = 100, widths: list[int] | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.input_size, self.widths = input_size, widths or [3, 4, 5]
        self.output_size = filters * len(self.widths)
        self.convolutions: Any = nn.ModuleList(nn.Conv1d(input_size, filters, width) for width in self.widths)

    @entry
    def forward(
        self, x_LBD: Tensor, state: State = None, padding_LB: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Returns (h (1, B, H), None); a sentence shorter than the widest filter is filled up with zeros.

        The result for a sentence does not depend on its padding, and so not on the batch it is in.

        Args:
            x_LBD: the words of the sentences.
            state: None, as there is none.
            padding_LB: True at padded steps, wherever they stand.

        Raises:
            ValueError: a shape that does not fit; a state.
        """
        size = self.convolutions[0].in_channels  # modules pickled whole may have no input_size yet
        require(
            x_LBD.dim() == 3 and x_LBD.size(-1) == size,
            f"input: expected (L, B, {size}), found {tuple(x_LBD.shape)}",
        )
        require(
            state is None,
            f"state: a CNN keeps none, expected None, found {type(state).__name__}; padding is the third argument",
        )
        widest, lengths_B1 = max(self.widths), None
        recorded = torch.jit.is_tracing() or passes.exporting()
        if recorded:  # whether a sentence is filled up must not be taken from the example
            lengths_B1 = (
                torch.ones_like(x_LBD[..., 0], dtype=torch.long).sum(0).clamp(min=widest).unsqueeze(-1)
            )
        if padding_LB is not None:
            x_LBD = cleared(x_LBD, padding_LB)
            # The words move to the front, so that no filter sees padding between or before them.
            order_LB1 = padding_LB.byte().argsort(stable=True, dim=0).unsqueeze(-1)
            x_LBD = x_LBD.gather(0, order_LB1.expand_as(x_LBD))
            lengths_B1 = (~padding_LB).sum(0).clamp(min=widest).unsqueeze(-1)
        missing = widest - 1 if recorded else max(0, widest - len(x_LBD))
        x_BDL = F.pad(x_LBD.permute(1, 2, 0), (0, missing))
        pooled = []
        for width, convolution in zip(self.widths, self.convolutions, strict=True):
            y_BHL = F.relu(convolution(x_BDL))
            if lengths_B1 is not None:
                end_L = torch.arange(width, width + y_BHL.size(-1), device=y_BHL.device)
                # Zero never wins against the ReLU's of the sentence itself.
                y_BHL = y_BHL.masked_fill((end_L > lengths_B1).unsqueeze(1), 0.0)
            pooled.append(y_BHL.amax(-1))
        return torch.cat(pooled, -1).unsqueeze(0), None
