"""Padding is nothing: whatever a caller left at padded steps, an encoder goes on as if zeros stood there.

The recurrences skip padded steps by themselves. The products around them do not: a gradient of zero times a NaN or an
infinity in the input is a NaN in the weights' gradient. So every encoder clears its input once, at its entry.

Shapes: L time, B batch, D features.
"""

from typing import Any

import torch
from torch import Tensor

from ..ops import passes
from ._base import require

BITS = {8: torch.int64, 4: torch.int32, 2: torch.int16}
"""Integers, by the bytes of the number whose bits they are."""
SMALL = 1 << 15
"""Numbers below which `masked_fill` is no slower."""


def cleared(x_LBD: Tensor, padding_LB: Tensor | None) -> Tensor:
    """The input with zeros at padded steps (True), whose gradient there is zero; itself where there is no padding.

    Nothing waits for the device, and no shape depends on where the padding is.

    Raises:
        ValueError: padding of another shape, type or device, named in one line.
    """
    if padding_LB is None:
        return x_LBD
    check_padding(x_LBD, padding_LB)
    padded_LB1 = padding_LB.unsqueeze(-1)
    worth = x_LBD.is_cpu and x_LBD.is_floating_point() and x_LBD.numel() >= SMALL
    if not worth or passes.watched(x_LBD) or torch.autograd.forward_ad._current_level >= 0:
        return x_LBD.masked_fill(padded_LB1, 0.0)
    kept: Tensor = _Kept.apply(x_LBD, padded_LB1.to(BITS[x_LBD.element_size()]) - 1)
    return kept


def check_padding(x_LBD: Tensor, padding_LB: Tensor) -> None:
    """Refuses padding that does not fit the input.

    Raises:
        ValueError: another shape, type or device, named in one line.
    """
    if (padding_LB.shape, padding_LB.dtype, padding_LB.device) == (x_LBD.shape[:2], torch.bool, x_LBD.device):
        return
    for what, found, expected in (
        ("shape ", tuple(padding_LB.shape), tuple(x_LBD.shape[:2])),
        ("", padding_LB.dtype, torch.bool),
        ("device ", padding_LB.device, x_LBD.device),
    ):
        require(found == expected, f"padding: expected {what}{expected}, found {found}")


class _Kept(torch.autograd.Function):
    """All bits or none of a step (-1 or 0), in forward and in backward.

    On a CPU this takes as long as a copy, `masked_fill` with a mask that is spread over the features four times that.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, keep: Tensor) -> Tensor:
        ctx.save_for_backward(keep)
        return (x.view(keep.dtype) & keep).view(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _Kept.apply(grads[0], *ctx.saved_tensors), None
