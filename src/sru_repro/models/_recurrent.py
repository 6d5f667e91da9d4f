"""What the stacks of recurrent layers have in common: sizes, directions, and the checks of what is put in.

Shapes: L time, B batch, D input features, H = directions * hidden_size output features.
"""

from typing import Any, TypedDict

import torch
from torch import Tensor, nn

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
    instead = "give the state alone"
    """What to do in the place of giving (h_0, c_0)."""

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
        # Attributes of the module, not of the class, so that a subclass may have parameters of these names.
        self.num_layers, self.bias, self.proj_size = num_layers, True, 0
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.bidirectional = bidirectional
        self.causal = self.streams = not bidirectional
        self.input_sizes = [input_size] + [self.output_size] * (num_layers - 1)

    def check_input(self, x: Tensor, batch_first: bool = False) -> None:
        """Refuses an input x that is not (L, B, D), with `batch_first` (B, L, D), with at least one step.

        Raises:
            ValueError: it is not; the line says what was expected and found.
        """
        if x.dim() != 3 or x.size(-1) != self.input_size or x.size(1 if batch_first else 0) == 0:
            axes, some = ("B, L" if batch_first else "L, B"), ""
            if x.dim() == 3 and x.size(-1) == self.input_size:
                some = " with L >= 1"
            raise ValueError(f"input: expected ({axes}, {self.input_size}){some}, found {tuple(x.shape)}")

    def check_state(self, state: Any, batch: int, columns: int) -> None:
        """Refuses states that are not None or one tensor (layers, B, columns), no wider than the weights.

        Raises:
            ValueError: they are not; the line says what was expected and found.
        """
        if state is None:
            return
        wanted = (len(self.layers), batch, columns)
        if not isinstance(state, Tensor):
            raise ValueError(
                f"state: expected one tensor {wanted}, the last states, found {self.told(state)}"
            )
        if state.shape != wanted:
            raise ValueError(f"state: expected {wanted}, found {tuple(state.shape)}")
        if state.dtype == torch.float64 and next(self.parameters()).dtype != torch.float64:
            raise ValueError(
                "state: expected torch.float32, found torch.float64; convert it by .to(torch.float32)"
            )

    def told(self, state: Any) -> str:
        """What a state of another kind is, and what to do where somebody gives (h_0, c_0)."""
        if isinstance(state, Tensor):
            return f"a tensor {tuple(state.shape)}; give what the call before returned, or None"
        if not isinstance(state, tuple | list):
            return type(state).__name__
        found = f"{type(state).__name__} of {len(state)}"
        pair = len(state) == 2 and all(isinstance(leaf, Tensor) for leaf in state)
        return found + (f"; (h_0, c_0) is torch.nn.LSTM's: {self.instead}" if pair else "")

    def set_dropout(self, dropout: float) -> None:
        """Hands a new probability to the layers; a stack that reads its own has nothing to do."""

    def __setattr__(self, name: str, value: Any) -> None:
        """`dropout` holds wherever it is set; a subclass may still put another thing of that name in its place."""
        if name == "dropout" and isinstance(value, int | float):
            require_probabilities(dropout=value)
            if "dropout" in self.__dict__:
                self.set_dropout(value)
        super().__setattr__(name, value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Modules that were pickled before they had these."""
        super().__setstate__(state)
        for name, value in {"bias": True, "proj_size": 0, "num_layers": len(self.input_sizes)}.items():
            if not hasattr(self, name):
                self.__dict__[name] = value

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """Parameters by layer."""
        return [list(layer.parameters()) for layer in self.layers]

    def flatten_parameters(self) -> None:
        """For callers of `torch.nn.LSTM`: nothing has to be done, the weights of a product are one matrix."""

    def reset_parameters(self) -> None:
        """Draws all weights anew, as the constructor does."""
        for module in self.children():
            _reset(module)

    def extra_repr(self) -> str:
        """What is not as usual, as torch.nn's recurrent modules say it."""
        said = f"{self.input_size}, {self.hidden_size}"
        plain = {"num_layers": 1, "batch_first": False, "dropout": 0, "bidirectional": False}
        given = {name: getattr(self, name) for name, value in plain.items() if getattr(self, name) != value}
        return said + "".join(f", {name}={value}" for name, value in given.items())


def _reset(module: nn.Module) -> None:
    """By the module itself, else by what is in it."""
    own = getattr(module, "reset_parameters", None)
    if callable(own):
        own()
        return
    for child in module.children():
        _reset(child)
