"""A layer as one node of autograd: its product, the casts of autocast, the recurrence with its highway.

What it computes is `recurrence(linear(x))` (`composed`), which runs wherever somebody has to see its operators. The
node costs less than three: its tensors pass through Python once, a gradient is cast where it is added up, and the sum
of the two gradients of an input that is highway too is taken by the product itself.

Shapes: L time, B batch, N inputs of the product, k matrices, D columns = directions * hidden size.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from . import casts, check, direct, dispatch, passes, products
from .cells import Maybe
from .elementwise import recurrence

LOW = (torch.float32, torch.bfloat16, torch.float16)
"""What autocast casts."""


def layer(
    cell: str,
    x_LBN: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    skip_LBD: Tensor | None = None,
    v: Tensor | None = None,
    b_2D: Tensor | None = None,
    c0_BD: Tensor | None = None,
    *,
    matrices: int,
    mask_BD: Tensor | None = None,
    padding_LB: Tensor | None = None,
    activation: str = "identity",
    skip_scale: float = 1.0,
    bidirectional: bool = False,
) -> tuple[Tensor, Tensor]:
    """`recurrence(cell, U, skip, ...)` of the product U = x W^T + bias, as `linear` makes it.

    Args:
        cell: a name of `CELLS`.
        x_LBN: what goes into the product.
        weight: (k * D, N), gate-major.
        bias: (k * D) of the product, not to be confused with `b_2D`.
        skip_LBD: the highway's input, which may be `x_LBN` itself; the `x_LBD` of `recurrence`.
        matrices: k.
        v, b_2D, c0_BD, mask_BD, padding_LB, activation, skip_scale, bidirectional: as in `recurrence`.

    Returns:
        h (L, B, D) in the type of the product, c_n (B, D) in float32 or wider.

    Raises:
        ValueError: a shape, type, device or option that does not fit, named in one line.
    """
    rest = (mask_BD, padding_LB, activation, skip_scale, bidirectional)
    tensors = (skip_LBD, v, b_2D, c0_BD)
    kind = (
        None
        if passes.watched(x_LBN) or type(weight) not in (Tensor, Parameter)
        else _kind(x_LBN, weight, bias)
    )
    if kind is None or (backend := dispatch.name_for(x_LBN.device.type)) == "reference":
        return composed(cell, x_LBN, weight, bias, *tensors, matrices, *rest)  # type: ignore[arg-type]

    check.constant(mask_BD)
    passes.refuse_forward_mode()
    signature = check.signature(x_LBN, weight, bias, *tensors, mask_BD, padding_LB)
    key = ("layer", cell, matrices, kind, activation, bidirectional, *signature)
    if key not in check.passed:
        shape = _product_shape(x_LBN, weight, matrices)
        masks = (mask_BD, padding_LB, activation, bidirectional)
        check.call(cell, shape, kind, x_LBN.device, *tensors, *masks)
        check.remember(key)
    options = (mask_BD, padding_LB, activation == "tanh", skip_scale, bidirectional)
    if torch.is_grad_enabled() and _any_needed(x_LBN, weight, bias, *tensors):
        same = skip_LBD is x_LBN  # the input of the product is the highway's, too
        call = (backend, kind, products.libraries(x_LBN, weight, kind), same, cell, matrices, *options)
        skip = None if same else skip_LBD
        return _node(call, x_LBN, weight, bias, skip, v, b_2D, c0_BD)
    if casts.kept():  # else autocast keeps them as long as it lasts
        weight, bias = casts.cast(weight, kind), None if bias is None else casts.cast(bias, kind)
    columns = len(weight) // matrices
    u_LBkD = products.linear(x_LBN, weight, bias).view(*x_LBN.shape[:2], matrices, columns)
    _, (h, c_n, _) = passes.forward(backend, cell, u_LBkD, *tensors, *options, False)
    return h, c_n


def _any_needed(*values: Maybe) -> bool:
    for value in values:  # noqa: SIM110, as a generator takes a microsecond more
        if value is not None and value.requires_grad:
            return True
    return False


def _product_shape(x_LBN: Tensor, weight: Tensor, matrices: int) -> tuple[int, ...]:
    """That of U, (L, B, k, D).

    Raises:
        ValueError: input and weight do not fit.
    """
    if x_LBN.dim() != 3 or weight.dim() != 2 or x_LBN.size(2) != weight.size(1) or len(weight) % matrices:
        raise ValueError(
            f"weight: expected ({matrices} * D, N) for x (L, B, N), found {tuple(weight.shape)} for "
            f"{tuple(x_LBN.shape)}"
        )
    return (*x_LBN.shape[:2], matrices, len(weight) // matrices)


def _kind(x: Tensor, weight: Tensor, bias: Maybe) -> torch.dtype | None:
    """The type of the product; None where its arguments are left to `linear`, that is to its errors."""
    device = "cuda" if x.is_cuda else "cpu"
    if torch.is_autocast_enabled(device) and (x.is_cuda or x.is_cpu):
        fits = x.dtype in LOW and weight.dtype in LOW and (bias is None or bias.dtype in LOW)
        return torch.get_autocast_dtype(device) if fits else None
    return x.dtype if x.dtype == weight.dtype and (bias is None or bias.dtype == x.dtype) else None


def composed(
    cell: str,
    x_LBN: Tensor,
    weight: Tensor,
    bias: Maybe,
    skip_LBD: Maybe,
    v: Maybe,
    b_2D: Maybe,
    c0_BD: Maybe,
    matrices: int,
    mask_BD: Maybe,
    padding_LB: Maybe,
    activation: str,
    skip_scale: float,
    bidirectional: bool,
) -> tuple[Tensor, Tensor]:
    """The layer of the operators that it is made of; arguments as in `layer`."""
    return recurrence(
        cell,
        products.linear(x_LBN, weight, bias).unflatten(-1, (matrices, -1)),
        skip_LBD,
        v,
        b_2D,
        c0_BD,
        mask_BD=mask_BD,
        padding_LB=padding_LB,
        activation=activation,
        skip_scale=skip_scale,
        bidirectional=bidirectional,
    )


class _Layer(torch.autograd.Function):
    """h (L, B, D) and c_n (B, D)."""

    @staticmethod
    def forward(
        ctx: Any,
        call: tuple[Any, ...],
        x: Tensor,
        weight: Tensor,
        bias: Maybe,
        skip: Maybe,
        v: Maybe,
        b: Maybe,
        c0: Maybe,
    ) -> tuple[Tensor, Tensor]:
        backend, kind, libraries, same, cell, matrices, mask, padding, *options = call
        ctx.kinds = x.dtype, weight.dtype, None if bias is None else bias.dtype
        if same:
            skip = x
        x = x if x.dtype == kind else x.to(kind)
        weight = casts.cast(weight, kind)
        bias = None if bias is None else casts.cast(bias, kind)
        length, batch, _ = x.shape
        columns = len(weight) // matrices
        u = products.product(x, weight, bias, libraries[0]).view(length, batch, matrices, columns)
        rest = (mask, padding, *options, True)
        ctx.backend, (h, c_n, states) = passes.forward(backend, cell, u, skip, v, b, c0, *rest)
        ctx.save_for_backward(x, weight, u, skip, v, b, mask, padding, states)
        ctx.call = cell, options, libraries, same
        ctx.set_materialize_grads(False)
        return h, c_n

    @staticmethod
    def backward(ctx: Any, grad_h: Maybe, grad_c_n: Maybe) -> tuple[Maybe, ...]:
        x, weight, *saved = ctx.saved_tensors
        cell, options, libraries, same = ctx.call
        of_x, of_weight, of_bias, of_skip, *of_rest = ctx.needs_input_grad[1:]
        kind_x, kind_weight, kind_bias = ctx.kinds
        needed = (of_x if same else of_skip, *of_rest)
        grad_u, grad_skip, *grads = direct.gradients(
            ctx.backend, grad_h, grad_c_n, cell, tuple(saved), options, needed
        )
        # Where a second derivative is asked for, these must be operators that autograd knows.
        recorded = torch.is_grad_enabled()
        by_input, by_weight = (products.PLAIN if recorded else libraries)[1:]
        grad_NH = grad_u.view(-1, len(weight))
        grad_x = grad_weight = grad_bias = None
        if of_x and grad_skip is not None and same and not recorded:
            grad_x, grad_skip = grad_skip, None
            if by_input == products.PLAIN[1] and grad_x.dtype == x.dtype:
                grad_x.view(-1, x.size(-1)).addmm_(grad_NH, weight)
            else:
                grad_x.add_(products.input_gradient(grad_NH, weight, by_input).view_as(x))
        elif of_x:
            grad_x = products.input_gradient(grad_NH, weight, by_input).view_as(x).to(kind_x)
            if grad_skip is not None and same:
                grad_x, grad_skip = grad_x + grad_skip, None
        if of_weight:
            grad_weight = products.weight_gradient(grad_NH, x.reshape(-1, x.size(-1)), by_weight)
            grad_weight = grad_weight if grad_weight.dtype == kind_weight else grad_weight.to(kind_weight)
        if of_bias:
            grad_bias = grad_NH.sum(0).to(kind_bias)
        return None, grad_x, grad_weight, grad_bias, grad_skip, *grads


_node = direct.applied(_Layer)
