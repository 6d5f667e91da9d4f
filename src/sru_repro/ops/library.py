"""The recurrence as an operator of PyTorch (`torch.ops.sru_repro.recurrence`), its fake and its derivative.

Autograd, `torch.compile` and FakeTensor see one opaque operator; which code runs inside is the dispatcher's
business. `run` leaves the operator out where nobody looks on, as it costs more than a small recurrence itself.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode
from torch.utils.flop_counter import register_flop_formula

from . import dispatch
from .build import BuildError
from .cells import CELLS


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
    """Outputs (L, B, D), last states (B, D), and all states for backward (empty unless `keep_states`)."""
    _, (h, c_n, states) = _forward(
        cell, u, x, v, b, c0, mask, padding, tanh, skip_scale, bidirectional, keep_states
    )
    return h, c_n, c0.new_empty(0) if states is None else states


def _backend(u: Tensor) -> str:
    name = dispatch.choose(u.device.type).name
    # The reference has no backward of its own; those who call the operator itself get the loop that has.
    return "eager" if name == "reference" else name


def _forward(cell: str, u: Tensor, *rest: Any) -> tuple[str, tuple[Tensor, Tensor, Tensor]]:
    """The back end that ran, and its h, c_n and states."""
    name = _backend(u)
    try:
        return name, dispatch.module(name).forward(cell, u, *rest)
    except BuildError as error:  # of this cell or these types, where others were built
        dispatch.fall_back(u.device.type, str(error))
        return "eager", dispatch.module("eager").forward(cell, u, *rest)


def _backward(name: str, u: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    """Every back end understands the states of the others."""
    try:
        return dispatch.module(name).backward(*arguments)
    except BuildError as error:
        dispatch.fall_back(u.device.type, str(error))
        return dispatch.module("eager").backward(*arguments)


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
    """Gradients of U, x, v, b and c0; empty where the argument was not given."""
    arguments = (grad_h, grad_c_n, cell, u, x, v, b, mask, padding, states, tanh, skip_scale, bidirectional)
    return _backward(_backend(u), u, *arguments)  # type: ignore[return-value]


@backward_op.register_fake
def _(grad_h, grad_c_n, cell, u, x, v, b, mask, padding, states, tanh, skip_scale, bidirectional):  # type: ignore[no-untyped-def]
    given = [states.new_empty(0) if value is None else value.new_empty(value.shape) for value in (x, v, b)]
    return (u.new_empty(u.shape), *given, states.new_empty(states.shape[1:]))


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    cell, u, x, v, b, _, mask, padding, *options, _ = inputs
    ctx.save_for_backward(u, x, v, b, mask, padding, output[2])
    ctx.cell, ctx.options, ctx.backend = cell, options, None
    ctx.mark_non_differentiable(output[2])


def _gradients(
    ctx: Any, grad_h: Tensor | None, grad_c_n: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None, Tensor]:
    """Of u, x, v, b and c0."""
    u, x, v, b, mask, padding, states = ctx.saved_tensors
    # Nobody may have asked for the derivative of one of the two.
    if grad_h is None:
        grad_h = u.new_zeros(u.size(0), *states.shape[1:])
    if grad_c_n is None:
        grad_c_n = states.new_zeros(states.shape[1:])
    arguments = (grad_h, grad_c_n, ctx.cell, u, x, v, b, mask, padding, states, *ctx.options)
    if ctx.backend is None or torch.is_grad_enabled() or watched(u):
        gu, gx, gv, gb, gc0 = backward_op(*arguments)
    else:
        gu, gx, gv, gb, gc0 = _backward(ctx.backend, u, *arguments)
    return gu, None if x is None else gx, None if v is None else gv, None if b is None else gb, gc0


def _differentiate(ctx: Any, grad_h: Tensor, grad_c_n: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    return (None, *_gradients(ctx, grad_h, grad_c_n), *[None] * 6)


def _refuse(ctx: Any, *_: Tensor) -> None:
    raise RuntimeError(
        "second derivatives are not implemented by this back end: run the recurrence inside "
        "`with sru_repro.ops.use('reference'):`, which autograd differentiates any number of times"
    )


def watched(u: Tensor) -> bool:
    """Whether somebody has to see an operator: a compiler, a transform, a mode, or a device that only has shapes."""
    return (
        torch.compiler.is_compiling()
        or is_in_torch_dispatch_mode()
        or torch._C._are_functorch_transforms_active()
        or torch.jit.is_tracing()
        or type(u) not in (Tensor, torch.nn.Parameter)
        or u.device.type == "meta"
    )


def refuse_forward_mode() -> None:
    """Forward-mode derivatives would come out as zero, without a word.

    Raises:
        RuntimeError: they are being taken.
    """
    if torch.autograd.forward_ad._current_level >= 0:
        raise RuntimeError(
            "forward-mode derivatives are not implemented by this back end: run the recurrence inside "
            "`with sru_repro.ops.use('reference'):`"
        )


class _Direct(torch.autograd.Function):
    """What the operator and its derivative do, without the operator. Few arguments, as each costs a microsecond."""

    @staticmethod
    def forward(ctx: Any, options: tuple[Any, ...], *tensors: Any) -> tuple[Tensor, Tensor]:
        cell, *rest = options
        u, x, v, b, _, mask, padding = tensors
        ctx.backend, (h, c_n, states) = _forward(cell, *tensors, *rest, True)
        ctx.save_for_backward(u, x, v, b, mask, padding, states)
        ctx.cell, ctx.options = cell, rest
        ctx.set_materialize_grads(False)
        return h, c_n

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        return (None, *_gradients(ctx, *grads), None, None)


def run(cell: str, u: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    """h (L, B, D) and c_n (B, D), differentiable where one of u, x, v, b and c0 is.

    Arguments as in `forward_op`, without `keep_states`.
    """
    training = torch.is_grad_enabled() and any(i is not None and i.requires_grad for i in (u, *rest[:4]))
    refuse_forward_mode()
    if watched(u):
        output = forward_op(cell, u, *rest, training)
    elif training:
        output = _Direct.apply((cell, *rest[6:]), u, *rest[:6])
    else:
        _, output = _forward(cell, u, *rest, False)
    return output[0], output[1]


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
