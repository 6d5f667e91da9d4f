"""How every encoder is called: with a padded batch or a packed one; what does not fit is refused in words.

Shapes: L time, B batch, D input features, H output features.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.fx import Proxy
from torch.nn.utils.rnn import PackedSequence

from ._misfit import FAILURES, misfit
from ._packed import unpacked
from ._tracing import left_whole, traced

F = TypeVar("F", bound=Callable[..., Any])


def entry(forward: F) -> F:
    """Around the `forward(self, x_LBD, state, padding_LB)` of an encoder.

    A `PackedSequence` is run as a padded batch and comes back packed as it came; states are in the caller's order.
    An error of PyTorch's about arguments that do not fit is told in the encoder's words, as ValueError: looked for only
    when something has failed, so that a call that fits pays nothing.
    """

    @functools.wraps(forward)
    def called(self: Any, x_LBD: Any, state: Any = None, padding_LB: Tensor | None = None) -> Any:
        if type(x_LBD) is not Tensor:
            if isinstance(x_LBD, PackedSequence):
                if padding_LB is not None:
                    raise ValueError(
                        "padding: expected none beside a packed sequence, which knows its lengths; leave it out"
                    )
                if not self.takes_packed:
                    return _of_packed(self, x_LBD, state)
            if isinstance(x_LBD, Proxy):
                return left_whole(self, x_LBD, state, padding_LB)
        try:
            if torch.jit.is_tracing():
                return traced(self, lambda: forward(self, x_LBD, state, padding_LB))
            return forward(self, x_LBD, state, padding_LB)
        except FAILURES as error:
            refused = misfit(self, x_LBD, state, padding_LB)
            if refused is None:
                raise
            raise ValueError(refused) from error

    return called  # type: ignore[return-value]


def _of_packed(encoder: Any, packed: PackedSequence, state: Any) -> Any:
    if not encoder.stepwise:
        raise ValueError(
            f"input: {type(encoder).__name__} has one output for a whole sequence, none to pack: expected a padded "
            "batch (L, B, D) and padding_LB, found a PackedSequence"
        )
    found, turned = unpacked(packed), encoder.batch_first
    x, padding = found.x_LBD, found.padding_LB
    if turned:
        x, padding = x.transpose(0, 1), None if padding is None else padding.transpose(0, 1)
    h, after = encoder(x, state, padding)
    return found.pack(h.transpose(0, 1) if turned else h), after
