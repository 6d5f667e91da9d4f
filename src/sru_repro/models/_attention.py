"""Attention over the steps of a sequence and of a memory before it, by PyTorch's own fused function.

Shapes: L steps that ask, T steps that are seen (the last L of them are those that ask), B batch, P features.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def mask(
    length: int,
    past: int,
    window: int | None,
    causal: bool,
    padding_LB: Tensor | None,
    device: torch.device,
) -> Tensor | None:
    """True where a step may look: (L, T) or (B, 1, L, T); None when everywhere.

    `past` steps come before the L that ask. Causal: none after its own; `window`: its own and so many before.
    Steps of padding are seen by nobody but themselves, so that no row is empty.
    """
    allowed = None
    if causal and not (length == 1 and (window is None or past <= window)):
        allowed = torch.ones(length, past + length, dtype=torch.bool, device=device).tril_(past)
        if window is not None:
            allowed.triu_(past - window)
    if padding_LB is not None:
        own = torch.eye(length, dtype=torch.bool, device=device)
        seen_B1LT = ~padding_LB.t()[:, None, None, :] | own
        allowed = seen_B1LT if allowed is None else allowed & seen_B1LT
    return allowed


def attend(
    q_LBP: Tensor, k_TBP: Tensor, v_TBP: Tensor, heads: int, allowed: Tensor | None, dropout: float
) -> Tensor:
    """softmax(Q K^T / sqrt(P / heads)) V per head, (L, B, P). `allowed` as `mask` makes it; padding needs T = L."""
    length, batch, features = q_LBP.shape
    q, k, v = (
        t.view(len(t), batch, heads, features // heads).permute(1, 2, 0, 3) for t in (q_LBP, k_TBP, v_TBP)
    )
    out_BhLp = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, dropout_p=dropout)
    return out_BhLp.permute(2, 0, 1, 3).reshape(length, batch, features)


def last(steps_TBP: Tensor, count: int) -> Tensor:
    """The last `count` steps, without a gradient: what a memory keeps."""
    kept = steps_TBP[max(0, len(steps_TBP) - count) :].detach()
    return kept.clone() if len(steps_TBP) >= 2 * count else kept  # a view would hold on to what is left out
