"""What does not fit in the arguments of an encoder, in words; looked for when a call has failed.

Shapes: L time, B batch.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils import _pytree

from ..ops.check import UnfitError

FAILURES = (RuntimeError, TypeError, AttributeError, IndexError, UnfitError)
"""What a call ends with whose arguments do not fit, but for the ValueError with which encoders say so themselves."""


def misfit(module: nn.Module, x: Any, state: Any, padding: Any) -> str | None:
    """What does not fit in the arguments of a call, in one line; None where all of it does."""
    values = x.data if isinstance(x, PackedSequence) else x
    if not isinstance(values, Tensor):
        how = "; torch.from_numpy makes one" if type(values).__module__ == "numpy" else ""
        return f"input: expected a tensor or a PackedSequence, found {_name(values)}{how}"
    weight = next((one for one in module.parameters() if one.is_floating_point()), None)
    if weight is not None:
        if values.device != weight.device:
            return f"input: expected device {weight.device} like the weights, found {values.device}; move one by .to()"
        cast = torch.is_autocast_enabled(values.device.type) and values.is_floating_point()
        if values.dtype != weight.dtype and not cast:
            kind = str(weight.dtype)
            found = f"input: expected {kind} like the weights, found {values.dtype}"
            return f"{found}; convert the input by .to({kind})"
    for leaf in _pytree.tree_leaves(state):
        counts = isinstance(leaf, Tensor) and not leaf.is_floating_point()  # as a fixed state does
        told = None if leaf is None or counts else misfit_state("state", leaf, values)
        if told:
            return told
    if padding is not None and not (isinstance(padding, Tensor) and padding.dtype == torch.bool):
        found = str(padding.dtype) if isinstance(padding, Tensor) else _name(padding)
        return f"padding: expected torch.bool, found {found}"
    if padding is not None and padding.shape != values.shape[:2]:
        return f"padding: expected shape {tuple(values.shape[:2])}, found {tuple(padding.shape)}"
    return None


def misfit_state(name: str, value: Any, x: Tensor) -> str | None:
    """What does not fit in a tensor of a state beside an input x (L, B, D), but for its shape; None where it fits."""
    if not isinstance(value, Tensor):
        return f"{name}: expected a tensor, found {_name(value)}"
    if value.device != x.device:
        return f"{name}: expected device {x.device} like the input, found {value.device}"
    # States are kept in float32 or wider; what is wider still would be rounded without a word.
    widest = torch.promote_types(x.dtype, torch.float32) if x.is_floating_point() else torch.float32
    if not value.is_floating_point() or torch.promote_types(value.dtype, widest) != widest:
        also = "" if x.dtype == widest else f" or {x.dtype}"
        return f"{name}: expected {widest}{also}, found {value.dtype}; convert it by .to({widest})"
    return None


def _name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
