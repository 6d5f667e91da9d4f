"""The attention of `_blocks`, all scores at once and of operators alone, where somebody wants to see or differentiate
them: transforms, traces, exports, second derivatives. Vaswani et al., NeurIPS 2017, equation 1; positions as in
Transformer-XL (Dai et al., ACL 2019, section 3.3).

Shapes: L queries, T keys, B batch, P features = h heads of d; N distances; W keys that any query sees.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ._block_scores import Positions
from ._rows import by_head
from ._sight import Block, Sight


def attend(
    q_LBP: Tensor,
    k_TBP: Tensor,
    v_TBP: Tensor | None,
    heads: int,
    sight: Sight,
    padding_LB: Tensor | None,
    dropout: float,
    positions: Positions | None,
) -> Tensor:
    """As `_blocks.attend`: the output is (L, B, P)."""
    if v_TBP is None:
        k_TBP, v_TBP = k_TBP.chunk(2, -1)
    block = Block(slice(0, sight.length), slice(sight.unseen, sight.keys))
    q_BhLd, k_BhWd, v_BhWd = (by_head(t, heads) for t in (q_LBP, k_TBP[block.keys], v_TBP[block.keys]))
    score_BhLW = q_BhLd @ k_BhWd.transpose(-1, -2)
    if positions is not None:
        relative_hNd = positions.relative_NP.unflatten(-1, (heads, -1)).transpose(0, 1)[
            :, sight.distances(block)
        ]
        by_distance = by_head(positions.q_LBP, heads) @ relative_hNd.transpose(-1, -2)
        score_BhLW = score_BhLW + _by_key(by_distance, score_BhLW.size(-1))
    score_BhLW = score_BhLW * q_BhLd.size(-1) ** -0.5
    seen = sight.mask(padding_LB, q_LBP.device)
    if seen is not None:
        score_BhLW = score_BhLW.masked_fill(~seen[..., block.keys], -torch.inf)
    weight = F.dropout(score_BhLW.softmax(-1), dropout)
    return (weight @ v_BhWd).permute(2, 0, 1, 3).flatten(-2)


def _by_key(score_BhLN: Tensor, keys: int) -> Tensor:
    """`_shift.by_key` as a gather, which has derivatives of every order."""
    length, distances = score_BhLN.shape[-2:]
    query_L1 = torch.arange(length, device=score_BhLN.device).unsqueeze(-1)
    place_LW = length - 1 + query_L1 * (distances - 1) + torch.arange(keys, device=score_BhLN.device)
    return score_BhLN.flatten(-2)[..., place_LW.clamp(max=length * distances - 1)]
