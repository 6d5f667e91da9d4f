"""The recurrence as an operator of PyTorch (`torch.ops.sru_repro.recurrence`), its fake and its derivative.

Autograd, `torch.compile` and FakeTensor see one opaque operator; which code runs inside is the dispatcher's
business. Where nobody looks on, `direct.py` leaves it out.

Shapes: L time, B batch, k matrices, D columns.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from . import passes
from .cells import CELLS, Gradients, Maybe


@torch.library.custom_op("sru_repro::recurrence", mutates_args=())
def forward_op(
    cell: str,
    u: Tensor,
    x: Tensor | None,
    v: Tensor | None,
    b: Tensor | None,
    c0: Tensor,
    mask: Tensor | None,
    padding: Tensor | None,
    tanh: bool,
    skip_scale: float,
    bidirectional: bool,
    keep_states: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """h (L, B, D), last states c_n (B, D), and all states (L + 1, B, D) for backward, empty unless `keep_states`.

    Args:
        cell: a name of `CELLS`.
        u: U, (L, B, k, D).
        x: skip input, (L, B, D), or None.
        v: peephole weights, (2, D) or (L, B, 2, D), or None.
        b: biases, (2, D), or None.
        c0: initial states, (B, D).
        mask: dropout mask of the highway, (B, D), or None.
        padding: True at padded steps, (L, B), or None.
        tanh: whether g is tanh.
        skip_scale: factor of x.
        bidirectional: whether half of the columns run backwards.
        keep_states: whether backward will ask for them.
    """
    rest = (x, v, b, c0, mask, padding, tanh, skip_scale, bidirectional, keep_states)
    _, (h, c_n, states) = passes.forward(passes.backend(u), cell, u, *rest)
    return h, c_n, c0.new_empty(0) if states is None else states


@forward_op.register_fake
def _(cell, u, x, v, b, c0, mask, padding, tanh, skip_scale, bidirectional, keep_states):  # type: ignore[no-untyped-def]
    length, batch, _, columns = u.shape
    work = torch.promote_types(u.dtype, torch.float32)
    states = (length + 1, batch, columns) if keep_states else (0,)
    return (
        u.new_empty(length, batch, columns),
        u.new_empty(batch, columns, dtype=work),
        u.new_empty(states, dtype=work),
    )


@torch.library.custom_op("sru_repro::recurrence_backward", mutates_args=())
def backward_op(
    grad_h: Tensor,
    grad_c_n: Tensor,
    cell: str,
    u: Tensor,
    x: Tensor | None,
    v: Tensor | None,
    b: Tensor | None,
    mask: Tensor | None,
    padding: Tensor | None,
    states: Tensor,
    tanh: bool,
    skip_scale: float,
    bidirectional: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of u, x, v, b and c0, each in the shape of its argument; empty where it was not given.

    Args:
        grad_h: (L, B, D).
        grad_c_n: (B, D).
        cell: a name of `CELLS`.
        u: U, (L, B, k, D).
        x: skip input, (L, B, D), or None.
        v: peephole weights, (2, D) or (L, B, 2, D), or None.
        b: biases, (2, D), or None.
        mask: dropout mask of the highway, (B, D), or None.
        padding: True at padded steps, (L, B), or None.
        states: what `forward_op` kept, (L + 1, B, D).
        tanh: whether g is tanh.
        skip_scale: factor of x.
        bidirectional: whether half of the columns run backwards.
    """
    arguments = (grad_h, grad_c_n, cell, u, x, v, b, mask, padding, states, tanh, skip_scale, bidirectional)
    grads = passes.backward(passes.backend(u), *arguments)
    return tuple(states.new_empty(0) if grad is None else grad for grad in grads)  # type: ignore[return-value]


@backward_op.register_fake
def _(grad_h, grad_c_n, cell, u, x, v, b, mask, padding, states, tanh, skip_scale, bidirectional):  # type: ignore[no-untyped-def]
    given = [states.new_empty(0) if value is None else value.new_empty(value.shape) for value in (x, v, b)]
    return (u.new_empty(u.shape), *given, states.new_empty(states.shape[1:]))


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    cell, u, x, v, b, c0, mask, padding, *options, kept = inputs
    ctx.save_for_backward(u, x, v, b, mask, padding, output[2], None if kept else c0)
    ctx.cell, ctx.options = cell, options
    ctx.mark_non_differentiable(output[2])


def differentiated(
    grad_h: Tensor, grad_c_n: Tensor, cell: str, u: Tensor, x: Maybe, v: Maybe, b: Maybe, *rest: Any
) -> Gradients:
    """Gradients of u, x, v, b and c0 by the operator, each in the shape of its argument, None where there was none.

    Args:
        grad_h: (L, B, D).
        grad_c_n: (B, D).
        cell: a name of `CELLS`.
        u: U, (L, B, k, D).
        x: skip input, (L, B, D), or None.
        v: peephole weights, (2, D) or (L, B, 2, D), or None.
        b: biases, (2, D), or None.
        rest: mask, padding, states, tanh, skip_scale, bidirectional.
    """
    gu, gx, gv, gb, gc0 = backward_op(grad_h, grad_c_n, cell, u, x, v, b, *rest)
    return gu, None if x is None else gx, None if v is None else gv, None if b is None else gb, gc0


def _differentiate(ctx: Any, grad_h: Tensor, grad_c_n: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    *saved, states, c0 = ctx.saved_tensors
    if c0 is not None:
        # A trace, or a graph recorded without gradients, kept no states and may be differentiated all the same.
        u, x, v, b, mask, padding = saved
        *_, states = forward_op(ctx.cell, u, x, v, b, c0, mask, padding, *ctx.options, True)
    grads = differentiated(grad_h, grad_c_n, ctx.cell, *saved, states, *ctx.options)
    return (None, *grads, *[None] * 6)


def _refuse(ctx: Any, *_: Tensor) -> None:
    raise RuntimeError(
        f"second derivatives are not implemented by this back end: {passes.INSIDE}, which autograd differentiates any "
        "number of times"
    )


def run(cell: str, u: Tensor, x: Maybe, v: Maybe, b: Maybe, c0: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    """h (L, B, D) and c_n (B, D) by the operator, differentiable where one of u, x, v, b and c0 is.

    u, x, v, b and c0 have the shapes of `cells.Forward`. `rest`: mask, padding, tanh, skip_scale, bidirectional.
    """
    training = torch.is_grad_enabled() and any(i is not None and i.requires_grad for i in (u, x, v, b, c0))
    training = training and not torch.jit.is_tracing()  # a trace is compared with one made without gradients
    h, c_n, _ = forward_op(cell, u, x, v, b, c0, *rest, training)
    return h, c_n


forward_op.register_autograd(_differentiate, setup_context=_save)
backward_op.register_autograd(_refuse, setup_context=lambda ctx, inputs, output: None)


@register_flop_formula(torch.ops.sru_repro.recurrence)
def _forward_flops(cell: str, u_shape: tuple[int, ...], *rest: Any, **options: Any) -> int:
    """Elementwise operations of a forward pass, a sigmoid or tanh counted as one: about four for each gate."""
    length, batch, _, columns = u_shape
    return 4 * len(CELLS[cell].gates) * length * batch * columns


@register_flop_formula(torch.ops.sru_repro.recurrence_backward)
def _backward_flops(
    grad_shape: tuple[int, ...], last_shape: tuple[int, ...], cell: str, *rest: Any, **options: Any
) -> int:
    """Twice the forward pass, and the gates once more, as backward computes them again."""
    length, batch, columns = grad_shape
    return 12 * len(CELLS[cell].gates) * length * batch * columns
