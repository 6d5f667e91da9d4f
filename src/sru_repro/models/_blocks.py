"""Attention in blocks of queries, whose products leave out what causality and the window hide.

A block of queries multiplies with the keys that any of them sees, by the batched products of the library. Heads may be
of any size, and with a memory M as long as the segment a quarter of the scores is never computed, without one half.
Scores are of the type of the queries, as in the papers' own mixed precision; a softmax adds in float32 or wider.
Nothing of the size of all scores is kept for backward, which computes a block again, but the dropout mask:

    forward     2 blocks of scores, for as many sequences at once as have `Sizes.scores` scores (h L T each; at least
                one); with dropout one byte a score that is seen, kept until backward
    backward    besides, where heads are wider than blocks, weights and gradients of all scores of them, 2 h L T each

In bfloat16, L 1024 behind a memory of 1024: 16 sequences at once, 160 MB, and 54 MB for the mask of 32.

Sums have a fixed order, and so have torch's draws for dropout: the same seed gives the same bits. Nothing waits for the
device, so that all of it can be part of a CUDA graph.

Shapes: L queries, T keys of which the last L are the queries' own steps, B batch, P features = h heads of d; N
distances; c queries of a block, W keys that it sees; b sequences of a chunk.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..ops import dispatch, passes
from . import _plain_attention
from ._block_gradients import Gradients, KeyGradients
from ._block_scores import Positions, Scores
from ._rows import by_head, product, put, rows
from ._sight import Sight


class Sizes(NamedTuple):
    """How much is computed at once.

    queries  of a block: smaller ones leave out more, larger ones fill a GPU with fewer launches
    scores   of the sequences and heads that are taken together: their blocks should stay in the caches
    """

    queries: int
    scores: int


ON_CPU, ON_GPU = Sizes(64, 1 << 20), Sizes(256, 1 << 25)


def attend(
    q_LBP: Tensor,
    k_TBP: Tensor,
    v_TBP: Tensor | None,
    heads: int,
    sight: Sight,
    *,
    padding_LB: Tensor | None = None,
    dropout: float = 0.0,
    positions: Positions | None = None,
    sizes: Sizes | None = None,
) -> Tensor:
    """softmax((Q K^T + positions) / sqrt(d)) V per head, (L, B, P).

    Args:
        q_LBP: queries.
        k_TBP: keys; keys and values side by side, (T, B, 2 P), where `v_TBP` is None.
        v_TBP: values.
        heads: h, which divides P.
        sight: which keys a query sees.
        padding_LB: True at steps that none but themselves see; needs T = L.
        dropout: of the attention weights.
        positions: Transformer-XL's scores by distance, down to 0, or to 1 - L where queries look ahead.
        sizes: of what is computed at once; those of the device where not given.
    """
    q_position, relative = positions or (None, None)
    if not possible(q_LBP):
        return _plain_attention.attend(q_LBP, k_TBP, v_TBP, heads, sight, padding_LB, dropout, positions)
    sizes = sizes or (ON_CPU if q_LBP.device.type == "cpu" else ON_GPU)
    return _Blocks.apply(
        q_LBP, k_TBP, v_TBP, q_position, relative, padding_LB, heads, tuple(sight), dropout, *sizes
    )


def possible(q_LBP: Tensor) -> bool:
    """Whether a call may be put in blocks: not where somebody wants to see operators."""
    return not (
        dispatch.asked_for() == "reference"
        or passes.exporting()
        or torch._C._are_functorch_transforms_active()
        or torch.autograd.forward_ad._current_level >= 0
        or torch.jit.is_tracing()
        or type(q_LBP) is not Tensor
    )


class _Blocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        tensors, (heads, sight, dropout, queries, scores) = args[:6], args[6:]
        job = Scores(tensors, heads, Sight(*sight), queries, scores)
        out_LBP, masks = torch.empty_like(tensors[0], memory_format=torch.contiguous_format), []
        out = by_head(out_LBP, heads)
        for chunk, block in job.steps():
            weight = job.weights(chunk, block)
            if dropout:
                masks.append(torch.empty_like(weight, dtype=torch.bool).bernoulli_(1.0 - dropout))
                weight.mul_(masks[-1])
            values = rows(job.v[chunk, :, block.keys])
            put(weight, values, out[chunk, :, block.queries], 1.0 / (1.0 - dropout))
        ctx.save_for_backward(*tensors, *masks)
        ctx.settings = args[6:]
        return out_LBP

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():
            raise RuntimeError(
                "second derivatives are not implemented by attention in blocks: run the model inside "
                "`with sru_repro.ops.use('reference'):`"
            )
        saved = ctx.saved_tensors  # once: a checkpoint computes them for it
        tensors, masks = saved[:6], iter(saved[6:])
        heads, sight, dropout, queries, scores = ctx.settings
        job = Scores(tensors, heads, Sight(*sight), queries, scores)
        found = Gradients(tensors, job)
        keep = 1.0 / (1.0 - dropout)
        grad_out = by_head(grads[0].contiguous(), heads)
        for chunk in job.chunks:
            keys = KeyGradients(job, chunk, grad_out, keep, found)
            for block in job.blocks:
                weight, mask = job.weights(chunk, block), next(masks) if dropout else None
                grad_rcd = rows(grad_out[chunk, :, block.queries])
                of_weight = torch.empty_like(weight)
                product(grad_rcd, rows(job.v[chunk, :, block.keys]).transpose(1, 2), of_weight, keep)
                if mask is not None:
                    of_weight.mul_(mask)
                of_score = torch._softmax_backward_data(of_weight, weight, -1, weight.dtype)
                keys.add(block, weight, mask, of_score)
                found.of_queries(chunk, block, of_score)
            keys.finish()
        return (*found.tensors, None, None, None, None, None, None)
