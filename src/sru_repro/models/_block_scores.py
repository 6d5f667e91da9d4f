"""The scores and weights of a block of queries, in forward and once more in backward; see `_blocks`.

Shapes: c queries of a block, W keys that it sees, b sequences of a chunk, h heads of d, N distances.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ._rows import by_head, evenly, product, rows
from ._shift import by_key
from ._sight import Block, Sight


class Positions(NamedTuple):
    """The part of the scores that goes by distance: (q + v) (L, B, P), and W_r R (N, P) of T - 1, T - 2, ..."""

    q_LBP: Tensor
    relative_NP: Tensor


class Scores:
    """What forward and backward share: the tensors by head, the plan, and the scores of a block."""

    def __init__(self, tensors: tuple[Any, ...], heads: int, sight: Sight, queries: int, scores: int) -> None:
        q, k, v, q_position, relative, padding = tensors
        if v is None:
            k, v = k.chunk(2, -1)
        self.heads, self.sight, self.batch = heads, sight, q.size(1)
        self.q, self.k, self.v = by_head(q, heads), *(evenly(by_head(t, heads)) for t in (k, v))
        self.scale = 1.0 / math.sqrt(self.q.size(-1))
        self.q_position = None if q_position is None else by_head(q_position, heads)
        self.relative = None if relative is None else relative.unflatten(-1, (heads, -1)).transpose(0, 1)
        self.padding = padding
        self.blocks = sight.blocks(queries)
        size = max(1, scores // (heads * sight.length * sight.keys))
        self.chunks = [slice(b, min(b + size, self.batch)) for b in range(0, self.batch, size)]
        # Seen from the first key in sight of a block, every block of the same size hides the same corner ahead.
        ones = torch.ones(min(queries, sight.length), self.blocks[0].size, dtype=torch.bool, device=q.device)
        self.ahead = ones.triu_(1) if sight.causal else None

    def steps(self) -> Iterator[tuple[slice, Block]]:
        """Chunk after chunk, in it block after block."""
        for chunk in self.chunks:
            for block in self.blocks:
                yield chunk, block

    def weights(self, chunk: slice, block: Block) -> Tensor:
        """softmax of the scores of a block, (b * h, c, W), as `_blocks.attend` states them."""
        q_rcd = rows(self.q[chunk, :, block.queries])
        k_rdW = rows(self.k[chunk, :, block.keys]).transpose(1, 2)
        score = q_rcd.new_empty(len(q_rcd), block.size, block.width)
        if self.q_position is None:
            product(q_rcd, k_rdW, score, self.scale)
        else:
            self._by_distance(chunk, block, score)
            product(q_rcd, k_rdW, score, self.scale, beta=1.0)
        self._hide(chunk, block, score)
        return torch._softmax(score, -1, False)  # under this name autocast leaves its type alone

    def _hide(self, chunk: slice, block: Block, score: Tensor) -> None:
        if self.ahead is not None:
            own = score[..., block.width - block.size :]
            own.masked_fill_(self.ahead[: block.size, : block.size], -torch.inf)
        if (behind := self.sight.behind(block, score.device)) is not None:
            score[..., : behind.size(-1)].masked_fill_(behind, -torch.inf)
        if self.padding is not None:
            key_W = torch.arange(block.width, device=score.device) + block.keys.start
            own = key_W == torch.arange(block.size, device=score.device).unsqueeze(1) + block.queries.start
            unseen = self.padding.t()[chunk, None, None, block.keys] & ~own
            score.unflatten(0, (-1, self.heads)).masked_fill_(unseen, -torch.inf)

    def position_parts(self, chunk: slice, block: Block) -> tuple[Tensor, Tensor]:
        """Queries (h, b * c, d) and distances (h, N, d) of a block."""
        assert self.q_position is not None and self.relative is not None
        q = self.q_position[chunk, :, block.queries].transpose(0, 1).flatten(1, 2)
        return q, self.relative[:, self.sight.distances(block)]

    def _by_distance(self, chunk: slice, block: Block, score: Tensor) -> None:
        q_hnd, relative_hNd = self.position_parts(chunk, block)
        by_distance = q_hnd.new_empty(self.heads, q_hnd.size(1), relative_hNd.size(1))
        product(q_hnd, relative_hNd.transpose(1, 2), by_distance, self.scale)
        shifted_hbcW = by_key(by_distance.unflatten(1, (-1, block.size)), block.width)
        score.unflatten(0, (-1, self.heads)).copy_(shifted_hbcW.transpose(0, 1))
