"""The recurrence as one node of autograd, without the operator of `library.py`, which costs more than a small call.

Shapes: L time, B batch, k matrices, D columns.
"""

from typing import Any

import torch
from torch import Tensor

from . import library, passes
from .cells import Gradients, Maybe, Needed


def gradients(
    backend: str,
    grad_h: Maybe,
    grad_c_n: Maybe,
    cell: str,
    saved: tuple[Any, ...],
    options: Any,
    needed: Needed,
) -> Gradients:
    """Of u, x, v, b and c0, each in the shape of its argument; None where none is needed.

    Where the derivative is itself to be differentiated, or seen, it is an operator.

    Args:
        backend: the one that ran forwards.
        grad_h: the gradient of h, (L, B, D); None: zeros.
        grad_c_n: the gradient of c_n, (B, D); None: zeros.
        cell: a name of `CELLS`.
        saved: u, x, v, b, mask, padding and the states.
        options: tanh, skip_scale, bidirectional.
        needed: which gradients besides u's.
    """
    u, *_, states = saved
    if grad_h is None:
        grad_h = u.new_zeros(u.size(0), *states.shape[1:])
    if not torch.is_grad_enabled() and not passes.watched(u):
        return passes.backward(backend, grad_h, grad_c_n, cell, *saved, *options, needed=needed)
    grad_c_n = states.new_zeros(states.shape[1:]) if grad_c_n is None else grad_c_n
    of_u, *found = library.differentiated(grad_h, grad_c_n, cell, *saved, *options)
    # The operator makes one for c0 in any case; what was not given has none.
    return (of_u, *(grad if wanted else None for grad, wanted in zip(found, needed, strict=True)))  # type: ignore[return-value]


class Recurrence(torch.autograd.Function):
    """h (L, B, D) and c_n (B, D). Few arguments, as each costs a microsecond: those without gradients are one."""

    @staticmethod
    def forward(
        ctx: Any, call: Any, u: Tensor, x: Maybe, v: Maybe, b: Maybe, c0: Maybe
    ) -> tuple[Tensor, Tensor]:
        """h (L, B, D) and c_n (B, D); keeps what `gradients` needs.

        Args:
            ctx: autograd's.
            call: back end, cell, mask, padding, tanh, skip_scale, bidirectional.
            u: U, (L, B, k, D).
            x: skip input, (L, B, D), or None.
            v: peephole weights, (2, D) or (L, B, 2, D), or None.
            b: biases, (2, D), or None.
            c0: initial states, (B, D), or None.
        """
        name, cell, mask, padding, *options = call
        ctx.backend, (h, c_n, states) = passes.forward(
            name, cell, u, x, v, b, c0, mask, padding, *options, True
        )
        ctx.save_for_backward(u, x, v, b, mask, padding, states)
        ctx.cell, ctx.options = cell, options
        ctx.set_materialize_grads(False)
        return h, c_n

    @staticmethod
    def backward(ctx: Any, grad_h: Maybe, grad_c_n: Maybe) -> tuple[Maybe, ...]:
        """Gradients in the shapes of `forward`'s arguments, from those of h (L, B, D) and c_n (B, D).

        Args:
            ctx: autograd's.
            grad_h: (L, B, D), or None for zeros.
            grad_c_n: (B, D), or None for zeros.
        """
        saved, needed = ctx.saved_tensors, ctx.needs_input_grad[2:]
        return None, *gradients(ctx.backend, grad_h, grad_c_n, ctx.cell, saved, ctx.options, needed)


def applied(function: type[torch.autograd.Function]) -> Any:
    """`function.apply` without its preparations for transforms, which cost 2 microseconds.

    `passes.watched` keeps transforms away.
    """
    return super(torch.autograd.Function, function).apply  # type: ignore[misc]


_node = applied(Recurrence)


def run(
    backend: str, cell: str, u: Tensor, x: Maybe, v: Maybe, b: Maybe, c0: Maybe, *rest: Any
) -> tuple[Tensor, Tensor]:
    """h (L, B, D) and c_n (B, D) by that back end, differentiable where one of u, x, v, b and c0 is.

    u, x, v, b and c0 have the shapes of `cells.Forward`. `rest`: mask, padding, tanh, skip_scale, bidirectional.
    """
    if torch.is_grad_enabled() and (
        u.requires_grad
        or (x is not None and x.requires_grad)
        or (v is not None and v.requires_grad)
        or (b is not None and b.requires_grad)
        or (c0 is not None and c0.requires_grad)
    ):
        return _node((backend, cell, *rest), u, x, v, b, c0)
    _, (h, c_n, _) = passes.forward(backend, cell, u, x, v, b, c0, *rest, False)
    return h, c_n
