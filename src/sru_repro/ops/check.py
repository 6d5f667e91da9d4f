"""What a recurrence refuses, each in one line; whatever has passed once, in its shapes and types, passes at once."""

from collections.abc import Hashable

import torch

from .cells import CELLS, Maybe
from .fused import NAMES

MOST = 4096
"""Signatures that are remembered."""

passed: set[Hashable] = set()


class UnfitError(ValueError):
    """Tensors that do not fit each other; an encoder says it of its own arguments."""


def signature(*tensors: Maybe) -> list[Hashable]:
    """What the checks look at in tensors: shape, type and device."""
    return [None if i is None else (i.shape, i.dtype, i.device) for i in tensors]


def remember(what: Hashable) -> None:
    """Remembers that the checks have passed for `what`."""
    if len(passed) >= MOST:  # of a stream of lengths that never come again
        passed.clear()
    passed.add(what)


def constant(mask: Maybe) -> None:
    """Refuses a mask (B, D) that would need a gradient.

    Raises:
        UnfitError: it requires one.
    """
    if mask is not None and mask.requires_grad and torch.is_grad_enabled():
        raise UnfitError("mask: expected a constant, found a tensor that requires a gradient; detach it")


def call(
    cell: str,
    shape: tuple[int, ...],
    kind: torch.dtype,
    device: torch.device,
    x: Maybe,
    v: Maybe,
    b: Maybe,
    c0: Maybe,
    mask: Maybe,
    padding: Maybe,
    activation: str,
    bidirectional: bool,
) -> None:
    """Refuses arguments of `sru_repro.ops.recurrence` that do not fit; U is given by shape, type and device.

    Args:
        cell: a name of `CELLS`.
        shape: of U, (L, B, k, D).
        kind: U's type.
        device: U's.
        x: skip input, (L, B, D), or None.
        v: peephole weights, (2, D) or (L, B, 2, D), or None.
        b: biases, (2, D), or None.
        c0: initial states, (B, D), or None.
        mask: dropout mask of the highway, (B, D), or None.
        padding: True at padded steps, (L, B), or None.
        activation: "identity" or "tanh".
        bidirectional: whether half of the columns run backwards.

    Raises:
        UnfitError: a cell or activation that does not exist, or a tensor of another shape, type or device than its cell
            and U ask for; the line names it, with what was expected and found.
    """
    if cell not in CELLS:
        raise UnfitError(f"unknown cell {cell!r}: expected one of {', '.join(CELLS)}")
    if activation not in ("identity", "tanh"):
        raise UnfitError(f"unknown activation {activation!r}: expected identity or tanh")
    spec = CELLS[cell]
    if len(shape) != 4 or kind not in NAMES:
        types = ", ".join(NAMES.values())
        raise UnfitError(f"U: expected (L, B, k, D) in {types}, found {kind} {tuple(shape)}")
    length, batch, k, columns = shape
    if length == 0:
        raise UnfitError("U: expected at least one time step, found none")
    most = len(spec.gates) + (spec.output == "highway" and x is None)
    if not len(spec.gates) <= k <= most:
        raise UnfitError(f"U: cell {cell} reads {len(spec.gates)} to {most} matrices here, found {k}")
    if x is not None and spec.output != "highway":
        raise UnfitError(f"x: cell {cell} has no skip input")
    if mask is not None and spec.output != "highway":
        raise UnfitError(f"mask: cell {cell} has no highway to drop from")
    if (v is not None) != spec.peephole:
        raise UnfitError(f"v: cell {cell} {'needs' if spec.peephole else 'takes no'} peephole weights")
    if (b is not None) != spec.biased:
        raise UnfitError(f"b: cell {cell} {'needs' if spec.biased else 'takes no'} biases")
    if bidirectional and columns % 2:
        raise UnfitError(f"bidirectional: expected an even number of columns, found {columns}")
    by_step, by_row = (length, batch, columns), (batch, columns)
    for name, value, wanted in (
        ("x", x, by_step),
        ("v", v, (2, columns)),
        ("b", b, (2, columns)),
        ("c0", c0, by_row),
        ("mask", mask, by_row),
        ("padding", padding, (length, batch)),
    ):
        if value is None:
            continue
        if value.shape != wanted and not (name == "v" and value.shape == (length, batch, 2, columns)):
            also = f" or {(length, batch, 2, columns)}" if name == "v" else ""
            raise UnfitError(f"{name}: expected shape {wanted}{also}, found {tuple(value.shape)}")
        if value.device != device:
            raise UnfitError(f"{name}: expected device {device} like U, found {value.device}")
        if not (value.dtype == torch.bool if name == "padding" else value.is_floating_point()):
            wanted_type = "torch.bool" if name == "padding" else "a floating point type"
            raise UnfitError(f"{name}: expected {wanted_type}, found {value.dtype}")
