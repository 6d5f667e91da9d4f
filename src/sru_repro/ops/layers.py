"""A layer as one node of autograd: its product, the casts of autocast, the recurrence with its highway.

What it computes is `recurrence(linear(x))` (`composed`), which runs wherever somebody has to see its operators. The
node costs less than three: its tensors pass through Python once, a gradient is cast where it is added up, and the sum
of the two gradients of an input that is highway too is taken by the product itself.

Shapes: L time, B batch, N inputs of the product, k matrices, D columns = directions * hidden size.
"""

import torch
from torch import Tensor
from torch.nn import Parameter

from . import casts, check, node, passes, products
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
        x_LBN: what goes into the product; finite at padded steps too, as the weights' gradient multiplies it by zero
            there. Encoders see to it.
        weight: (k * D, N), gate-major.
        bias: (k * D,) of the product, not to be confused with `b_2D`.
        skip_LBD: the highway's input, which may be `x_LBN` itself; the `x_LBD` of `recurrence`.
        v: peephole weights of forget and reset gate, (2, D), or per step (L, B, 2, D).
        b_2D: biases of forget and reset gate.
        c0_BD: initial states; zeros when not given.
        matrices: k.
        mask_BD: dropout mask of the highway, already divided by the keep probability.
        padding_LB: True at padded steps, which keep the state, put out zero and pass no gradient.
        activation: "identity" or "tanh", the g of h = r * g(c).
        skip_scale: factor of `skip_LBD`.
        bidirectional: the second half of the columns runs backwards in time.

    Returns:
        h (L, B, D) in the type of the product, c_n (B, D) in float32 or wider.

    Raises:
        ValueError: a shape, type, device or option that does not fit, named in one line; a back end that was asked for
            and cannot run.
        RuntimeError: forward-mode derivatives, which only `ops.use("reference")` has.
    """
    rest = (mask_BD, padding_LB, activation, skip_scale, bidirectional)
    tensors = (skip_LBD, v, b_2D, c0_BD)
    kind = (
        None
        if passes.watched(x_LBN) or type(weight) not in (Tensor, Parameter)
        else _kind(x_LBN, weight, bias)
    )
    if kind is None or (backend := passes.name(x_LBN)) == "reference":
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
    libraries = products.libraries(x_LBN, weight, kind)
    if torch.is_grad_enabled() and _any_needed(x_LBN, weight, bias, *tensors):
        same = skip_LBD is x_LBN  # the input of the product is the highway's, too
        call = (backend, kind, libraries, same, cell, matrices, *options)
        skip = None if same else skip_LBD
        return node.layer(call, x_LBN, weight, bias, skip, v, b_2D, c0_BD)
    if casts.kept():  # else autocast keeps them as long as it lasts
        weight, bias = casts.cast(weight, kind), None if bias is None else casts.cast(bias, kind)
    columns = weight.size(0) // matrices
    length, batch, _ = x_LBN.shape
    u_LBkD = products.product(x_LBN, weight, bias, libraries[0]).view(length, batch, matrices, columns)
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
    if x_LBN.dim() != 3 or weight.dim() != 2 or x_LBN.size(2) != weight.size(1) or weight.size(0) % matrices:
        raise ValueError(
            f"weight: expected ({matrices} * D, N) for x (L, B, N), found {tuple(weight.shape)} for "
            f"{tuple(x_LBN.shape)}"
        )
    return (*x_LBN.shape[:2], matrices, weight.size(0) // matrices)


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
    """The layer of the operators that it is made of: h (L, B, D) and c_n (B, D).

    Arguments as in `layer`: weight (k * D, N), bias (k * D,), v (2, D) or (L, B, 2, D).

    Raises:
        ValueError: as `layer`.
        RuntimeError: as `recurrence`.
    """
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
