"""The gradients of attention in blocks, filled block by block; see `_blocks`.

Shapes: L queries, T keys, B batch, c queries of a block, W keys that it sees, b sequences of a chunk, h heads of d, N
distances, r = b * h rows of a batched product.
"""

from typing import Any

import torch
from torch import Tensor

from ._block_scores import Scores
from ._rows import by_head, product, put, rows
from ._shift import from_key
from ._sight import Block


class KeyGradients:
    """The gradients of a chunk's keys and values, for which every block counts.

    Where heads are wider than blocks, weights and gradients of all scores lie side by side, (b * h, L, T), and every
    piece of the keys is one product over all queries that see it. Where they are narrower those tensors would be the
    larger ones, and the products of the blocks are added up instead.

    Args:
        job: tensors and plan of the forward pass.
        chunk: the sequences.
        grad_out_BhLd: the gradient of the output, by head.
        keep: 1 over the keep probability of dropout.
        found: what is filled, its tensors by head in the shapes of `Scores`.
    """

    def __init__(
        self, job: Scores, chunk: slice, grad_out_BhLd: Tensor, keep: float, found: "Gradients"
    ) -> None:
        self.job, self.chunk, self.found = job, chunk, found
        self.of = ((grad_out_BhLd, found.v, keep), (job.q, found.k, job.scale))
        number = len(rows(job.q[chunk]))
        self.together = len(job.blocks) > 1 and job.q.size(-1) >= job.blocks[0].size
        self.parts: tuple[Tensor, ...] = ()
        if self.together:
            shape = (number, job.sight.length, job.sight.keys)
            self.parts = (job.q.new_empty(shape), job.q.new_empty(shape))
        elif len(job.blocks) > 1:
            shape = (number, job.sight.keys, job.q.size(-1))
            self.parts = (job.q.new_zeros(shape), job.q.new_zeros(shape))

    def add(self, block: Block, weight: Tensor, mask: Tensor | None, of_score: Tensor) -> None:
        """A block's share.

        Args:
            block: which queries and keys.
            weight: the attention weights, (r, c, W); may be overwritten.
            mask: of dropout, (r, c, W).
            of_score: the gradient of the scores, (r, c, W).
        """
        place = (slice(None), block.queries, block.keys)
        if self.together and mask is not None and not torch.compiler.is_compiling():
            torch.mul(weight, mask, out=self.parts[0][place])
            self.parts[1][place] = of_score
            return
        if mask is not None:
            weight = weight.mul_(mask)
        for turn, (left, (right, into, scale)) in enumerate(zip((weight, of_score), self.of, strict=True)):
            if self.together:
                self.parts[turn][place] = left
                continue
            right_rcd = rows(right[self.chunk, :, block.queries])
            if self.parts:
                product(left.transpose(1, 2), right_rcd, self.parts[turn][:, block.keys], scale, beta=1.0)
            else:
                put(left.transpose(1, 2), right_rcd, into[self.chunk, :, block.keys], scale)

    def finish(self) -> None:
        """Puts them where they belong, after the last block."""
        for part, (right, into, scale) in zip(self.parts, self.of, strict=False):
            if not self.together:
                into[self.chunk] = part.unflatten(0, (-1, self.job.heads))
                continue
            for queries, keys in self.job.sight.segments(self.job.blocks):
                right_rnd = rows(right[self.chunk, :, queries])
                put(part[:, queries, keys].transpose(1, 2), right_rnd, into[self.chunk, :, keys], scale)


class Gradients:
    """The gradients of the inputs, filled block by block; `q`, `k`, `v` and `position` are views of them by head."""

    def __init__(self, tensors: tuple[Any, ...], job: Scores) -> None:
        self.job = job
        self._types = [None if t is None else t.dtype for t in tensors]
        of_q, of_k, of_v, of_position = (
            None if t is None else torch.empty_like(t, memory_format=torch.contiguous_format)
            for t in tensors[:4]
        )
        # Every block adds to that of the distances: in float32 or wider.
        of_relative = None if tensors[4] is None else _zeros(tensors[4])
        self._found = (of_q, of_k, of_v, of_position, of_relative)
        assert of_q is not None and of_k is not None
        self.q = by_head(of_q, job.heads)
        k, v = of_k.chunk(2, -1) if of_v is None else (of_k, of_v)
        self.k, self.v = by_head(k, job.heads), by_head(v, job.heads)
        for of_keys in (self.k, self.v):
            of_keys[:, :, : job.sight.unseen] = 0.0
        if of_position is not None and of_relative is not None:
            self.position = by_head(of_position, job.heads)
            self.relative = of_relative.unflatten(-1, (job.heads, -1)).transpose(0, 1)

    @property
    def tensors(self) -> tuple[Tensor | None, ...]:
        """Of q, k, v, the queries by position and W_r R, in the shapes and types of the inputs."""
        return tuple(
            None if t is None else t.to(kind) for t, kind in zip(self._found, self._types, strict=False)
        )

    def of_queries(self, chunk: slice, block: Block, of_score_rcW: Tensor) -> None:
        """From the gradient of a block's scores to those of its queries and of the distances."""
        job = self.job
        keys = rows(job.k[chunk, :, block.keys])
        put(of_score_rcW, keys, self.q[chunk, :, block.queries], job.scale)
        if job.q_position is None:
            return
        q_hnd, relative_hNd = job.position_parts(chunk, block)
        of_score_hbcW = of_score_rcW.unflatten(0, (-1, job.heads)).transpose(0, 1)
        by_distance = from_key(of_score_hbcW, relative_hNd.size(1), job.sight.causal).flatten(1, 2)
        of_q, of_relative = (t.new_empty(t.shape) for t in (q_hnd, relative_hNd))
        product(by_distance, relative_hNd, of_q, job.scale)
        self.position[chunk, :, block.queries] = of_q.unflatten(1, (-1, block.size)).transpose(0, 1)
        product(by_distance.transpose(1, 2), q_hnd, of_relative, job.scale)
        self.relative[:, job.sight.distances(block)] += of_relative


def _zeros(like: Tensor) -> Tensor:
    return torch.zeros_like(like, dtype=torch.promote_types(like.dtype, torch.float32))
