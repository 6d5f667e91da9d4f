"""A memory of attention in tensors that never change shape, for steps of generation that are recorded once.

Keys and values lie in S slots, the step with number n (from 0) in slot n mod S. A step writes its own over the oldest
and sees every slot that has been written; which those are is computed on the device, so that nothing waits for it.

Shapes: S slots, T steps kept so far, B batch, P features.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ._base import require

NO_STREAM = "state: expected an attention_context, which carries it, found none"


class Place(NamedTuple):
    """What a step has to know of the slots.

    own_1     the slot that it writes, (1,)
    seen_S    True where something has been written, its own slot included
    age_S     how many steps ago that was; 0 for its own
    """

    own_1: Tensor
    seen_S: Tensor
    age_S: Tensor


def place(steps: Tensor, slots: int) -> Place:
    """Of the step that comes after `steps`, a scalar on the device."""
    own_1 = steps.view(1) % slots
    age_S = (own_1 - torch.arange(slots, device=steps.device)) % slots
    return Place(own_1, age_S <= steps, age_S)


def filled(kept_TBP: Tensor, slots: int) -> Tensor:
    """Slots (S, B, P) that hold the steps of a growing memory, numbered from 0; T is at most S."""
    empty_SBP = kept_TBP.new_zeros(slots - len(kept_TBP), *kept_TBP.shape[1:])
    return torch.cat([kept_TBP, empty_SBP])


def needed(window: int, kept: int, steps: int) -> int:
    """Slots for `steps` more steps after `kept`, of which each sees its own and the `window` before it.

    Raises:
        ValueError: no steps are asked for.
    """
    require(steps >= 1, f"steps: expected >= 1, found {steps}")
    return min(window + 1, kept + steps)


def check(training: bool, steps: int) -> None:
    """Refuses a fixed state for anything but a step of generation.

    Raises:
        ValueError: in training, with gradients, or for more steps than one.
    """
    require(
        not training and not torch.is_grad_enabled() and steps == 1,
        "state: a fixed one is for one step at a time, in evaluation and without gradients",
    )
