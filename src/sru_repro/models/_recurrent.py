"""What the stacks of recurrent layers have in common: sizes, directions, and the checks of what is put in.

Shapes: L time, B batch, D input features, H = directions * hidden_size output features.
"""

from typing import Any, TypedDict

from torch import Tensor

from ._base import Encoder, require_probabilities, require_sizes


class StackOptions(TypedDict, total=False):
    """What every stack takes besides its sizes, see `RecurrentStack`; 0 and False where not given."""

    dropout: float
    bidirectional: bool


class RecurrentStack(Encoder):
    """A stack of recurrent layers; a subclass makes `layers` from `input_sizes` and runs them on `sru_repro.ops`.

    Args:
        input_size: D.
        hidden_size: features of a layer's output, each direction.
        num_layers: layers in the stack.
        dropout: a probability, which the subclass says the place of.
        bidirectional: half of the columns of every layer run backwards in time.

    Raises:
        ValueError: a size or probability out of range.
    """

    uses_ops = True
    layers: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        require_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        require_probabilities(dropout=dropout)
        self.input_size, self.hidden_size, self.dropout = input_size, hidden_size, dropout
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.bidirectional = bidirectional
        self.causal = self.streams = not bidirectional
        self.input_sizes = [input_size] + [self.output_size] * (num_layers - 1)

    def check_input(self, x_LBD: Tensor) -> None:
        """Raises ValueError for an input of another shape."""
        if x_LBD.dim() != 3 or x_LBD.size(-1) != self.input_size:
            raise ValueError(f"input: expected (L, B, {self.input_size}), found {tuple(x_LBD.shape)}")

    def check_state(self, state: Tensor | None, batch: int, columns: int) -> None:
        """Raises ValueError for states that are not (layers, B, columns)."""
        if state is not None:
            wanted = (len(self.layers), batch, columns)
            if state.shape != wanted:
                raise ValueError(f"state: expected {wanted}, found {tuple(state.shape)}")
