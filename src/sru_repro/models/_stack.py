"""Single-layer encoders one above the other, for tasks that want what lies between them: a mask in front of every
layer, all outputs side by side.

Shapes: L time, B batch, D input features, H output features.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ._base import Encoder, State, require, require_probabilities, sequence_mask
from ._entry import entry


class Stack(Encoder):
    """Layer i reads the output of layer i - 1.

    Args:
        layers: encoders whose sizes fit, as `Encoder.layers_of` makes them.
        dropout: probability, 0 <= dropout < 1, of a mask on the input of every layer, one per sequence and layer; not
            of those that draw it by themselves (`masks_input`).
        concat: the outputs of all layers side by side instead of the last one's. A bidirectional stack keeps the
            backward columns of all layers in the second half.

    Raises:
        ValueError: no layers, or a `dropout` outside 0 <= dropout < 1.
    """

    def __init__(self, layers: Sequence[Encoder], *, dropout: float = 0.0, concat: bool = False) -> None:
        super().__init__()
        require(len(layers) > 0, "layers: expected at least one, found none")
        require_probabilities(dropout=dropout)
        self.layers: Any = nn.ModuleList(layers)
        self.dropout, self.concat = dropout, concat
        self.output_size = sum(layer.output_size for layer in layers) if concat else layers[-1].output_size
        self.causal = all(layer.causal for layer in layers)
        self.streams = all(layer.streams for layer in layers)
        self.bidirectional = all(layer.bidirectional for layer in layers)
        self.uses_ops = any(layer.uses_ops for layer in layers)
        self.pads_anywhere = all(layer.pads_anywhere for layer in layers)
        self.draws_alone = any(layer.draws_alone for layer in layers)

    @entry
    def forward(
        self, x_LBD: Tensor, state: State = None, padding_LB: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Returns (h_LBH, [state of every layer]); H is the sum over all layers where they are put side by side.

        Args:
            x_LBD: the input of the first layer.
            state: the list that the call before returned, or None.
            padding_LB: True at padded steps.
        """
        outputs, states = [], []
        for i, layer in enumerate(self.layers):
            x_LBD, after = layer(self._masked(layer, x_LBD), None if state is None else state[i], padding_LB)
            outputs.append(x_LBD)
            states.append(after)
        return self._side_by_side(outputs) if self.concat else x_LBD, states

    def fixed_state(self, state: State, steps: int) -> State:
        """See `Encoder`."""
        return [layer.fixed_state(own, steps) for layer, own in zip(self.layers, state, strict=True)]

    def _masked(self, layer: Encoder, x_LBD: Tensor) -> Tensor:
        if layer.masks_input or not (self.training and self.dropout > 0):
            return x_LBD
        return x_LBD * sequence_mask(x_LBD.size(1), x_LBD.size(2), self.dropout, x_LBD)

    def _side_by_side(self, outputs: list[Tensor]) -> Tensor:
        if not self.bidirectional:
            return torch.cat(outputs, -1)
        halves = [output.chunk(2, -1) for output in outputs]
        return torch.cat([forward for forward, _ in halves] + [backward for _, backward in halves], -1)
