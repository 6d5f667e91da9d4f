"""How every encoder is called: with a padded batch or a packed one; what does not fit is refused in words.

Shapes: L time, B batch, D input features, H output features.
"""

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils import _pytree

from . import _packed

F = TypeVar("F", bound=Callable[..., Any])
FAILURES = (RuntimeError, TypeError, AttributeError, IndexError)
"""What a call ends with whose arguments do not fit, but for ValueError, with which encoders say so themselves."""


def entry(forward: F) -> F:
    """Around the `forward(self, x_LBD, state, padding_LB)` of an encoder.

    A `PackedSequence` is run as a padded batch and comes back packed as it came; states are in the caller's order.
    An error of PyTorch's about arguments that do not fit is told in the encoder's words, as ValueError: looked for only
    when something has failed, so that a call that fits pays nothing.
    """

    @functools.wraps(forward)
    def called(self: Any, x_LBD: Any, state: Any = None, padding_LB: Tensor | None = None) -> Any:
        if isinstance(x_LBD, PackedSequence) and not self.takes_packed:
            return _of_packed(self, x_LBD, state, padding_LB)
        try:
            if torch.jit.is_tracing():
                with tracing(self):
                    return forward(self, x_LBD, state, padding_LB)
            return forward(self, x_LBD, state, padding_LB)
        except FAILURES as error:
            refused = misfit(self, x_LBD, state, padding_LB)
            if refused is None:
                raise
            raise ValueError(refused) from error

    return called  # type: ignore[return-value]


@contextmanager
def tracing(module: Any) -> Iterator[None]:
    """Inside, a call is recorded by torch.jit.trace. That it checks sizes on its way is no news to anybody.

    Raises:
        RuntimeError: the record would hold for the length of the example alone.
    """
    if not module.traces:
        raise RuntimeError(
            f"torch.jit.trace would take the example's length for that of every input of {type(module).__name__}: use "
            "torch.export.export, which refuses other lengths, or torch.compile"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        yield


def refuse_script(module: nn.Module) -> None:
    """Raises RuntimeError, as torch.jit.script compiles no module that chooses its kernels at run time."""
    raise RuntimeError(
        f"torch.jit.script does not compile {type(module).__name__}: use torch.jit.trace or torch.export.export on an "
        "example, or torch.compile"
    )


def _of_packed(encoder: Any, packed: PackedSequence, state: Any, padding_LB: Tensor | None) -> Any:
    if padding_LB is not None:
        raise ValueError(
            "padding: expected none beside a packed sequence, which knows its lengths; leave it out"
        )
    if not encoder.stepwise:
        raise ValueError(
            f"input: {type(encoder).__name__} has one output for a whole sequence, none to pack: expected a padded "
            "batch (L, B, D) and padding_LB, found a PackedSequence"
        )
    found, turned = _packed.unpacked(packed), encoder.batch_first
    x, padding = found.x_LBD, found.padding_LB
    if turned:
        x, padding = x.transpose(0, 1), None if padding is None else padding.transpose(0, 1)
    h, after = encoder(x, state, padding)
    return found.pack(h.transpose(0, 1) if turned else h), after


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
        told = None if leaf is None else misfit_state("state", leaf, values)
        if told:
            return told
    if padding is not None and not (isinstance(padding, Tensor) and padding.dtype == torch.bool):
        found = str(padding.dtype) if isinstance(padding, Tensor) else _name(padding)
        return f"padding: expected a tensor of torch.bool, True at padded steps, found {found}"
    if padding is not None and padding.shape != values.shape[:2]:
        return f"padding: expected shape {tuple(values.shape[:2])}, found {tuple(padding.shape)}"
    return None


def misfit_state(name: str, value: Any, x: Tensor) -> str | None:
    """What does not fit in a tensor of a state beside that input, but for its shape."""
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
