"""Which keys a query sees, and how queries and keys fall into blocks.

Shapes: L queries, T keys of which the last L are the queries' own steps, B batch, c queries of a block, W keys that it
sees.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor


class Block(NamedTuple):
    """Neighbouring queries, and the keys that any of them sees."""

    queries: slice
    keys: slice

    @property
    def size(self) -> int:
        """c."""
        found: int = self.queries.stop - self.queries.start
        return found

    @property
    def width(self) -> int:
        """W."""
        found: int = self.keys.stop - self.keys.start  # under torch.export a symbol
        return found


class Sight(NamedTuple):
    """Queries at the end of their keys.

    length  L
    keys    T
    causal  a query sees no step after its own
    window  it sees its own step and so many steps before; None: all of them. Needs `causal`
    """

    length: int
    keys: int
    causal: bool
    window: int | None = None

    @property
    def past(self) -> int:
        """Keys before the first query's own step."""
        return self.keys - self.length

    @property
    def unseen(self) -> int:
        """Keys at the beginning that no query sees."""
        return 0 if self.window is None else max(0, self.past - self.window)

    @property
    def only_causal(self) -> bool:
        """Whether a query sees all that comes before it."""
        return self.causal and (self.window is None or self.keys - 1 <= self.window)

    def mask(self, padding_LB: Tensor | None, device: torch.device) -> Tensor | None:
        """True where a query sees a key: (L, T) or (B, 1, L, T); None where everywhere.

        A step of padding is seen by itself alone, so that no row is empty.
        """
        seen = None
        if self.causal and not (self.length == 1 and self.only_causal):
            seen = torch.ones(self.length, self.keys, dtype=torch.bool, device=device).tril_(self.past)
            if self.window is not None:
                seen.triu_(self.past - self.window)
        if padding_LB is not None:
            own = torch.eye(self.length, dtype=torch.bool, device=device)
            seen_B1LT = ~padding_LB.t()[:, None, None, :] | own
            seen = seen_B1LT if seen is None else seen & seen_B1LT
        return seen

    def blocks(self, queries: int) -> list[Block]:
        """All queries in blocks of so many; the last may be shorter."""
        found = []
        for start in range(0, self.length, queries):
            stop = min(start + queries, self.length)
            first = 0 if self.window is None else max(0, self.past + start - self.window)
            found.append(
                Block(slice(start, stop), slice(first, self.past + stop if self.causal else self.keys))
            )
        return found

    def behind(self, block: Block, device: torch.device) -> Tensor | None:
        """True where a key of a block lies before the window, (c, keys); None where none does.

        The keys are the first of the block, so many as lie before the window of any of its queries.
        """
        if self.window is None:
            return None
        # Query i of the block sees no key j < i + most.
        most = self.past + block.queries.start - self.window - block.keys.start
        columns = min(block.width, block.size - 1 + most)
        if columns <= 0:
            return None
        return torch.ones(block.size, columns, dtype=torch.bool, device=device).tril_(most - 1)

    def segments(self, blocks: list[Block]) -> list[tuple[slice, slice]]:
        """(queries, keys): the keys in pieces, each with all the queries of blocks that see the whole of it."""
        cuts = sorted({place for block in blocks for place in (block.keys.start, block.keys.stop)})
        found = []
        for start, stop in pairwise(cuts):
            seeing = [block for block in blocks if block.keys.start <= start and stop <= block.keys.stop]
            if seeing:
                found.append((slice(seeing[0].queries.start, seeing[-1].queries.stop), slice(start, stop)))
        return found

    def distances(self, block: Block) -> slice:
        """Places of a block's distances among T - 1, T - 2, ...: W down to 0 where causal, else c + W - 1."""
        start = self.length - block.queries.stop + block.keys.start
        return slice(start, start + block.width + (0 if self.causal else block.size - 1))
