"""Attention over the steps of a sequence and of a memory before it: by PyTorch's fused function, or in blocks.

softmax(Q K^T / sqrt(d)) V in every head of size d (Vaswani et al., NeurIPS 2017, equation 1).

Shapes: L steps that ask, T steps that are seen (the last L of them are those that ask), M steps of the memory before
them, B batch, P features of queries, D of a layer's input.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.bias import causal_lower_right

from ..ops import dispatch
from . import _blocks
from ._base import require
from ._rows import by_head
from ._sight import Sight

FUSED_SIZE = 256
"""Largest head of the fused kernels of CUDA."""
SHORT, NARROW = 64, 128
"""On a CPU the fused function is the faster one without dropout for heads below NARROW, and up to SHORT queries."""


def attend(
    q_LBP: Tensor,
    keys_values_TBP: Tensor,
    heads: int,
    sight: Sight,
    padding_LB: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """softmax(Q K^T / sqrt(P / heads)) V per head, (L, B, P).

    Args:
        q_LBP: queries.
        keys_values_TBP: K and V side by side, (T, B, 2 P).
        heads: divides P.
        sight: which steps a query sees.
        padding_LB: True at steps that none but themselves see, so that no query sees nothing; needs T = L.
        dropout: of the attention weights.
    """
    if sight.length == 1 and sight.only_causal and padding_LB is None:  # a step of generation
        return fused(q_LBP, keys_values_TBP, heads, dropout_p=dropout)
    if _in_blocks(q_LBP, heads, sight, padding_LB, dropout):
        return _blocks.attend(
            q_LBP, keys_values_TBP, None, heads, sight, padding_LB=padding_LB, dropout=dropout
        )
    if sight.only_causal and padding_LB is None:
        if sight.past == 0:
            return fused(q_LBP, keys_values_TBP, heads, is_causal=True, dropout_p=dropout)
        if q_LBP.is_cuda:
            aligned = causal_lower_right(sight.length, sight.keys)
            return fused(q_LBP, keys_values_TBP, heads, attn_mask=aligned, dropout_p=dropout)
    seen = sight.mask(padding_LB, q_LBP.device)
    return fused(q_LBP, keys_values_TBP, heads, attn_mask=seen, dropout_p=dropout)


def fused(q_LBP: Tensor, keys_values_TBP: Tensor, heads: int, **options: Any) -> Tensor:
    """`attend`, (L, B, P), by PyTorch's function, whose other options these are."""
    length, batch, features = q_LBP.shape
    q, k, v = (by_head(t, heads) for t in (q_LBP, *keys_values_TBP.chunk(2, -1)))
    # Of its kernels this one has derivatives of every order, forwards too.
    wanted = dispatch.asked_for() == "reference" or torch.autograd.forward_ad._current_level >= 0
    with sdpa_kernel(SDPBackend.MATH) if wanted else nullcontext():
        out_BhLp = F.scaled_dot_product_attention(q, k, v, **options)
    return out_BhLp.permute(2, 0, 1, 3).reshape(length, batch, features)


def _in_blocks(q_LBP: Tensor, heads: int, sight: Sight, padding_LB: Tensor | None, dropout: float) -> bool:
    """Whether blocks serve better. In training on CUDA always: a fused backward adds up in any order, and a run that
    is resumed has to end with the same bits."""
    if not _blocks.possible(q_LBP):
        return False
    size = q_LBP.size(-1) // heads
    if not q_LBP.is_cuda:
        return sight.length > SHORT and (dropout > 0 or size >= NARROW)
    if torch.is_grad_enabled() or dropout:
        return True
    expressible = sight.length == 1 or padding_LB is not None or sight.only_causal or not sight.causal
    return size > FUSED_SIZE or not expressible


def last(steps_TBP: Tensor, count: int) -> Tensor:
    """The last `count` steps, (count, B, P), without a gradient: what a memory keeps. All, where there are fewer."""
    kept = steps_TBP[max(0, len(steps_TBP) - count) :].detach()
    return kept.clone() if len(steps_TBP) >= 2 * count else kept  # a view would hold on to what is left out


def last_of_two(before_MBD: Tensor | None, steps_LBD: Tensor, count: int) -> Tensor:
    """`last` of both, one after the other, (count, B, D); nothing is copied where the second holds them all."""
    if before_MBD is None or len(steps_LBD) >= count:
        return last(steps_LBD, count)
    return last(torch.cat([before_MBD.to(steps_LBD.dtype), steps_LBD]), count)


def check_memory(state: Any, layers: list[int], told: Callable[[Any], str]) -> None:
    """Refuses what is not (c_n, inputs, keys) with dictionaries by the numbers of `layers`, which attend.

    `told` says what else it is.

    Raises:
        ValueError: it is not; the line says what was found.
    """
    if state is None:
        return
    three = isinstance(state, tuple | list) and len(state) == 3
    memories = state[1:] if three else ()
    require(
        three and all(isinstance(memory, dict) for memory in memories),
        f"state: expected (c_n, inputs, keys), the last two dictionaries, found {told(state)}",
    )
    strange = [key for memory in memories for key in memory if key not in layers]
    require(not strange, f"state: expected memories of the layers {layers}, which attend, found {strange}")
