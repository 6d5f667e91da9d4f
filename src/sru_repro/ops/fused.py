"""What the fused back ends share: arguments as a kernel reads them, memory for its results, one call for each pass.

Forward stores the states for backward, which computes the gates again; in inference nothing is stored. The state, its
gradient and all sums are kept in float32 or wider. Shapes: L time, B batch, k matrices, D columns.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .cells import Backward, Forward, Maybe

NAMES = {torch.float32: "f32", torch.float64: "f64", torch.bfloat16: "bf16", torch.float16: "f16"}
"""The types of the kernels, by PyTorch's."""

Arrays = tuple[Tensor | None, ...]
"""u, x, v, b, c0, mask, padding, h, c_n, states, and for backward grad_h, grad_c_n, grad_u, grad_x, grad_v, grad_b,
grad_c0: all contiguous, None where there is none."""

Run = Callable[[str, str, Arrays, bool, float, bool], None]
"""`run(kernel, cell, arrays, tanh, skip_scale, bidirectional)`: one call of the kernel "forward" or "backward"."""


def forward(run: Run, *arguments: *Forward) -> tuple[Tensor, Tensor, Tensor | None]:
    """h (L, B, D), c_n (B, D), and the states (L + 1, B, D) in scan order, first c0, if they are to be kept."""
    cell, u, x, v, b, c0, mask, padding, tanh, skip_scale, bidirectional, keep_states = arguments
    length, batch, _, columns = u.shape
    work = torch.float64 if u.dtype == torch.float64 else torch.float32
    u, x, v, b, mask, padding = _readable(u, x, v, b, mask, padding, work)
    c0, h = _cast(c0, work).contiguous(), u.new_empty(length, batch, columns)
    c_n = torch.empty_like(c0)
    states = c0.new_empty(length + 1, batch, columns) if keep_states else None
    arrays = (u, x, v, b, c0, mask, padding, h, c_n, states, *[None] * 7)
    run("forward", cell, arrays, tanh, skip_scale, bidirectional)
    return h, c_n, states


def backward(
    run: Run, partial_sums: bool, *arguments: *Backward
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of U, x, v, b and c0; empty where the argument was not given.

    With `partial_sums` the kernel gives gradients of weights that all steps share for each row of the batch.
    """
    grad_h, grad_c_n, cell, u, x, v, b, mask, padding, states, tanh, skip_scale, bidirectional = arguments
    kinds = [None if value is None else value.dtype for value in (x, v, b)]
    u, x, v, b, mask, padding = _readable(u, x, v, b, mask, padding, states.dtype)
    grad_h, grad_c_n = grad_h.contiguous(), grad_c_n.contiguous()
    given = [None if value is None else torch.empty_like(value) for value in (x, v, b)]
    shared = [partial_sums and value is not None and value.dim() == 2 for value in (v, b)]
    for place, parts in enumerate(shared, 1):
        if parts:
            given[place] = u.new_empty(u.size(1), 2, u.size(3), dtype=states.dtype)
    grad_u, grad_c0 = torch.empty_like(u), torch.empty_like(grad_c_n)
    arrays = (u, x, v, b, None, mask, padding, None, None, states, grad_h, grad_c_n, grad_u, *given, grad_c0)
    run("backward", cell, arrays, tanh, skip_scale, bidirectional)
    grads = [
        states.new_empty(0)
        if value is None or kind is None
        else _cast(value.sum(0) if parts else value, kind)  # rows add up in a fixed order
        for value, kind, parts in zip(given, kinds, [False, *shared], strict=True)
    ]
    return (grad_u, *grads, grad_c0)  # type: ignore[return-value]


def _readable(
    u: Tensor, x: Maybe, v: Maybe, b: Maybe, mask: Maybe, padding: Maybe, work: torch.dtype
) -> tuple[Tensor, Maybe, Maybe, Maybe, Maybe, Maybe]:
    """Contiguous; v, b and mask in the type of the work, x in that of U or of the work."""
    if x is not None:
        x = (x if x.dtype == u.dtype else _cast(x, work)).contiguous()
    v, b, mask = (None if value is None else _cast(value, work).contiguous() for value in (v, b, mask))
    return u.contiguous(), x, v, b, mask, None if padding is None else padding.contiguous()


def _cast(value: Tensor, kind: torch.dtype) -> Tensor:
    """`value.to(kind)`, which takes a microsecond even where there is nothing to do."""
    return value if value.dtype == kind else value.to(kind)
