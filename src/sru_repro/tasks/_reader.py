"""The document reader of DrQA around its encoders (Chen et al., ACL 2017, section 3.2; SRU paper, section 4.2).

    aligned     f_i = sum_j a_ij E(q_j),   a_ij = softmax_j ReLU(W E(p_i) + b) . ReLU(W E(q_j) + b)
    question    q = sum_j b_j q_j,         b_j = softmax_j (w . q_j + b)
    ends        p_start(i) = softmax_i p_i . (W_s q + b_s),   p_end likewise

Nothing goes from padding to anything else, forwards or backwards, whatever stands there; a row of nothing but padding
finds zero.

Shapes: L passage, Q question, B batch, D word vector, H encoding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import ops
from ..models._padding import cleared
from ._base import full_precision

TAGS, ENTITIES = 56, 19
"""Names of parts of speech and of entities that have a vector, of as many features; "none" among them, all zeros."""


def look_up(ids: Tensor, tuned: nn.Embedding, fixed: nn.Embedding | None) -> Tensor:
    """Vectors (..., D) of the words (...): the first rows from `tuned`, the others as they are in `fixed`.

    Words of the other table are looked up as padding, which has no gradient.
    """
    if fixed is None:
        return tuned(ids)
    learned = ids < tuned.num_embeddings
    return torch.where(learned.unsqueeze(-1), tuned(ids.where(learned, 0)), fixed(ids))


def _softmax_kept(scores: Tensor, padding: Tensor | None, dim: int) -> Tensor:
    """Weights that add up to one over what is not padded, in float32 at least.

    Padding has the lowest score instead of none at all, so that where all is padded nothing is divided by zero.
    """
    if padding is not None:
        scores = scores.masked_fill(padding, torch.finfo(scores.dtype).min)
    return full_precision(scores).softmax(dim)


def names(ids: Tensor, table: nn.Embedding) -> Tensor:
    """Vectors (..., D) of tags or entities. Those that a table has no room for, the last to appear, count as none."""
    return table(ids.where(ids < table.num_embeddings, 0))


class Dropout(nn.Module):
    """Elementwise dropout. On a CPU torch's own draws every number by itself, three times as slowly."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        if not self.training or self.p == 0 or x.device.type != "cpu":
            return F.dropout(x, self.p, self.training)
        kept = torch.rand(x.shape, device=x.device).ge_(self.p).div_(1 - self.p)
        return x * kept.to(x.dtype)


class Alignment(nn.Module):
    """What each word of the passage finds in the question."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, size)

    def forward(self, x_LBD: Tensor, question_QBD: Tensor, padding_QB: Tensor | None) -> Tensor:
        """(L, B, D). Padding of the passage is the caller's."""
        question_QBD = cleared(question_QBD, padding_QB)
        own_BLD, keys_BQD = (self._projected(text).transpose(0, 1) for text in (x_LBD, question_QBD))
        scores_BLQ = torch.bmm(own_BLD, keys_BQD.transpose(1, 2))
        unseen_B1Q = None if padding_QB is None else padding_QB.t().unsqueeze(1)
        weights_BLQ = _softmax_kept(scores_BLQ, unseen_B1Q, -1).to(x_LBD.dtype)
        return torch.bmm(weights_BLQ, question_QBD.transpose(0, 1)).transpose(0, 1)

    def _projected(self, text: Tensor) -> Tensor:
        return ops.linear(text, self.linear.weight, self.linear.bias).relu()


class Pooling(nn.Module):
    """A question in one vector: its words weighted by what they are."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, 1)

    def forward(self, h_QBH: Tensor, padding_QB: Tensor | None) -> Tensor:
        """(B, H)."""
        h_QBH = cleared(h_QBH, padding_QB)
        unseen_QB1 = None if padding_QB is None else padding_QB.unsqueeze(-1)
        weights_QB1 = _softmax_kept(self.linear(h_QBH), unseen_QB1, 0)
        return (weights_QB1.to(h_QBH.dtype) * h_QBH).sum(0)


class Ends(nn.Module):
    """Where an answer starts and where it ends, independently of each other."""

    def __init__(self, passage_size: int, question_size: int) -> None:
        super().__init__()
        self.start, self.end = (nn.Linear(question_size, passage_size) for _ in range(2))

    def forward(self, h_LBH: Tensor, question_BH: Tensor, padding_LB: Tensor | None) -> tuple[Tensor, Tensor]:
        """log p(start) and log p(end), (L, B) each, in float32 at least; -inf at padding."""
        h_LBH = cleared(h_LBH, padding_LB)
        wanted_BH2 = torch.stack([self.start(question_BH), self.end(question_BH)], -1)
        scores_LB2 = full_precision(torch.bmm(h_LBH.transpose(0, 1), wanted_BH2)).transpose(0, 1)
        if padding_LB is None:
            log_p_LB2 = scores_LB2.log_softmax(0)
        else:
            unseen_LB1 = padding_LB.unsqueeze(-1)
            # As in `_softmax_kept`: first as unlikely as a number can be, then impossible.
            scores_LB2 = scores_LB2.masked_fill(unseen_LB1, torch.finfo(scores_LB2.dtype).min)
            log_p_LB2 = scores_LB2.log_softmax(0).masked_fill(unseen_LB1, -torch.inf)
        start_LB, end_LB = log_p_LB2.unbind(-1)
        return start_LB, end_LB


def span_nats(start_LB: Tensor, end_LB: Tensor, first_B: Tensor, last_B: Tensor) -> Tensor:
    """-log p(start) - log p(end) of the answers, (B,); 0 where there is none (-1)."""
    ends = zip((start_LB, end_LB), (first_B, last_B), strict=True)
    nats_B = -sum(log_p.gather(0, place_B.clamp(min=0).unsqueeze(0))[0] for log_p, place_B in ends)
    return torch.where(first_B >= 0, nats_B, 0.0)
