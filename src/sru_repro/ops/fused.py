"""What the fused back ends share: arguments as a kernel reads them, memory for its results, one call for each pass.

Forward stores the states for backward, which computes the gates again; in inference nothing is stored. The state, its
gradient and all sums are kept in float32 or wider. Shapes: L time, B batch, k matrices, D columns.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .cells import ALL, Backward, Forward, Gradients, Maybe, Needed

NAMES = {torch.float32: "f32", torch.float64: "f64", torch.bfloat16: "bf16", torch.float16: "f16"}
"""The types of the kernels, by PyTorch's."""

Arrays = tuple[Tensor | None, ...]
"""u, x, v, b, c0, mask, padding, h, c_n, states, and of backward only grad_h, grad_c_n, grad_u, grad_x, grad_v, grad_b,
grad_c0: all contiguous, None where there is none. Without c0 and grad_c_n a kernel begins with zeros; without a place
for a gradient it does not hand it out."""

Run = Callable[[str, str, Arrays, bool, float, bool], None]
"""`run(kernel, cell, arrays, tanh, skip_scale, bidirectional)`: one call of the kernel "forward" or "backward"."""


def forward(run: Run, *arguments: *Forward) -> tuple[Tensor, Tensor, Tensor | None]:
    """h (L, B, D), c_n (B, D), and the states (L + 1, B, D) in scan order, first c0, if they are to be kept.

    Args:
        run: the back end's call of a kernel.
        arguments: as `cells.Forward` has them, in the shapes told there.
    """
    cell, u, x, v, b, c0, mask, padding, tanh, skip_scale, bidirectional, keep_states = arguments
    length, batch, _, columns = u.shape
    work = torch.float64 if u.dtype == torch.float64 else torch.float32
    u, x, v, b, mask, padding = _readable(u, x, v, b, mask, padding, work)
    if c0 is not None:
        c0 = _cast(c0, work).contiguous()
    h, c_n = u.new_empty((length, batch, columns)), u.new_empty((batch, columns), dtype=work)
    states = c_n.new_empty((length + 1, batch, columns)) if keep_states else None
    arrays = (u, x, v, b, c0, mask, padding, h, c_n, states)
    run("forward", cell, arrays, tanh, skip_scale, bidirectional)
    return h, c_n, states


def backward(run: Run, *arguments: *Backward, needed: Needed = ALL) -> Gradients:
    """Gradients of U, x, v, b and c0, each in the shape and type of its argument, c0's (B, D) in that of the states.

    None where the argument was not given or its gradient is not needed.

    Args:
        run: the back end's call of a kernel.
        arguments: as `cells.Backward` has them, in the shapes told there.
        needed: which gradients besides U's.
    """
    grad_h, grad_c_n, cell, u, x, v, b, mask, padding, states, tanh, skip_scale, bidirectional = arguments
    given, work = (x, v, b), states.dtype
    u, x, v, b, mask, padding = _readable(u, x, v, b, mask, padding, work)
    grad_h = grad_h.contiguous()
    if grad_c_n is not None:
        grad_c_n = grad_c_n.contiguous()
    grad_u = torch.empty_like(u)
    grad_x = None if x is None or not needed[0] else torch.empty_like(x)
    grad_v = None if v is None or not (needed[1] or v.dim() == 4) else torch.empty_like(v)
    grad_b = None if b is None or not needed[2] else torch.empty_like(b)
    grad_c0 = states.new_empty(states.shape[1:]) if needed[3] else None
    own = (grad_h, grad_c_n, grad_u, grad_x, grad_v, grad_b, grad_c0)
    arrays = (u, x, v, b, None, mask, padding, None, None, states, *own)
    run("backward", cell, arrays, tanh, skip_scale, bidirectional)
    return grad_u, _like(grad_x, given[0]), _like(grad_v, given[1]), _like(grad_b, given[2]), grad_c0


def _readable(
    u: Tensor, x: Maybe, v: Maybe, b: Maybe, mask: Maybe, padding: Maybe, work: torch.dtype
) -> tuple[Tensor, Maybe, Maybe, Maybe, Maybe, Maybe]:
    """Contiguous; v, b and mask in the type of the work, x in that of U or of the work."""
    if x is not None:
        x = (x if x.dtype == u.dtype else _cast(x, work)).contiguous()
    if v is not None:
        v = _cast(v, work).contiguous()
    if b is not None:
        b = _cast(b, work).contiguous()
    if mask is not None:
        mask = _cast(mask, work).contiguous()
    return u.contiguous(), x, v, b, mask, None if padding is None else padding.contiguous()


def _cast(value: Tensor, kind: torch.dtype) -> Tensor:
    """`value.to(kind)`, which takes a microsecond even where there is nothing to do."""
    return value if value.dtype == kind else value.to(kind)


def _like(grad: Maybe, value: Maybe) -> Maybe:
    """The gradient in the type of what it belongs to."""
    return None if grad is None or value is None else _cast(grad, value.dtype)
