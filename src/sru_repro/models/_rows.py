"""Heads of sequences as rows of a batched product, on the tensors where they lie.

Shapes: L or T time, B batch, P features = h heads of d; b sequences, c steps; r = b * h rows.
"""

import torch
from torch import Tensor


def by_head(t_LBP: Tensor, heads: int) -> Tensor:
    """(B, h, L, d), a view."""
    return t_LBP.unflatten(-1, (heads, -1)).permute(1, 2, 0, 3)


def rows(t_bhcd: Tensor) -> Tensor:
    """(b, h, c, d) to (b * h, c, d): a view where sequences and heads lie evenly, else a copy.

    Args:
        t_bhcd: (b, h, c, d).
    """
    return t_bhcd.flatten(0, 1)


def evenly(t_BhTd: Tensor) -> Tensor:
    """The same (B, h, T, d) with sequences and heads lying evenly, so that `rows` copies nothing later."""
    return t_BhTd if _lies_evenly(t_BhTd) else t_BhTd.contiguous()


def _lies_evenly(t_BhTd: Tensor) -> bool:
    heads = t_BhTd.size(1)
    return heads == 1 or t_BhTd.stride(0) == heads * t_BhTd.stride(1)


def product(left: Tensor, right: Tensor, into: Tensor, scale: float, beta: float = 0.0) -> None:
    """into = beta into + scale left right. By this name PyTorch's counter of operations knows it, not in place.

    Args:
        left: (r, c, n) for any n.
        right: (r, n, d).
        into: (r, c, d), written.
        scale: factor of the product.
        beta: factor of what stood in `into`.
    """
    torch.baddbmm(into, left, right, beta=beta, alpha=scale, out=into)


def put(left: Tensor, right: Tensor, into_bhcd: Tensor, scale: float) -> None:
    """scale left right, by rows, put where it belongs; without a copy where the library can.

    Args:
        left: (r, c, n) for any n.
        right: (r, n, d).
        into_bhcd: (b, h, c, d), written.
        scale: factor of the product.
    """
    if _lies_evenly(into_bhcd) and not torch.compiler.is_compiling():
        product(left, right, into_bhcd.flatten(0, 1), scale)
    else:
        found = left.new_empty(len(left), left.size(1), right.size(2))
        product(left, right, found, scale)
        into_bhcd.copy_(found.unflatten(0, (-1, into_bhcd.size(1))))
