"""The layers of DrQA's Document Reader (Chen et al., 2017, section 3.2) around the sequence encoders.

Shapes: L tokens of a passage, Q tokens of a question, B batch, D word vector, H encoding, V vocabulary, T tuned rows.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WordEmbedding(nn.Module):
    """Word vectors of which the first T rows are trained (section 3.2, "fine-tune the 1000 most frequent question
    words"); row 0, padding, stays zero. `fixed` (V, D) is empty where all rows are trained.

    Args:
        weight_VD: vectors of the whole vocabulary.
        tuned: T, V at most.
    """

    fixed_VD: Tensor

    def __init__(self, weight_VD: Tensor, tuned: int) -> None:
        super().__init__()
        rows = min(tuned, len(weight_VD))
        self.tuned = nn.Embedding(rows, weight_VD.size(1), padding_idx=0)
        with torch.no_grad():
            self.tuned.weight.copy_(weight_VD[:rows])
            self.tuned.weight[0] = 0
        self.all_tuned = rows == len(weight_VD)
        # A buffer, not a parameter: it is saved with the weights and never touched by an optimiser.
        self.register_buffer("fixed_VD", weight_VD[:0].clone() if self.all_tuned else weight_VD.clone())

    def forward(self, ids_LB: Tensor) -> Tensor:
        """(L, B, D)."""
        if self.all_tuned:
            return self.tuned(ids_LB)
        rows = self.tuned.num_embeddings
        # The matrix as a whole is never copied; a look-up in both is far cheaper.
        own = self.tuned(torch.where(ids_LB < rows, ids_LB, 0))
        return torch.where((ids_LB < rows).unsqueeze(-1), own, F.embedding(ids_LB, self.fixed_VD))


class AlignedQuestion(nn.Module):
    """For each word of the passage a mean of the question's vectors, weighted by likeness (section 3.2, f_align).

    a_ij = softmax_j(ReLU(W p_i + b) . ReLU(W q_j + b)),   sum_j a_ij q_j
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, size)

    def forward(self, passage_LBD: Tensor, question_QBD: Tensor, padding_QB: Tensor | None) -> Tensor:
        """(L, B, D)."""
        p_BLD = F.relu(self.linear(passage_LBD)).transpose(0, 1)
        q_BDQ = F.relu(self.linear(question_QBD)).permute(1, 2, 0)
        scores_BLQ = p_BLD @ q_BDQ
        if padding_QB is not None:
            scores_BLQ = scores_BLQ.masked_fill(padding_QB.t().unsqueeze(1), -torch.inf)
        return (scores_BLQ.softmax(-1) @ question_QBD.transpose(0, 1)).transpose(0, 1)


class AttentivePooling(nn.Module):
    """A question as one vector: sum_j b_j h_j with b = softmax(w . h_j + bias) (section 3.2, "question encoding")."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, 1)

    def forward(self, h_QBH: Tensor, padding_QB: Tensor | None) -> Tensor:
        """(B, H)."""
        scores_QB = self.linear(h_QBH).squeeze(-1)
        if padding_QB is not None:
            scores_QB = scores_QB.masked_fill(padding_QB, -torch.inf)
        return (scores_QB.softmax(0).unsqueeze(-1) * h_QBH).sum(0)


class BilinearScores(nn.Module):
    """Scores of all tokens of the passage as a border of the answer: h_i . (W q + b) (section 3.2, "prediction")."""

    def __init__(self, passage_size: int, question_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(question_size, passage_size)

    def forward(self, h_LBH: Tensor, question_BH: Tensor, padding_LB: Tensor | None) -> Tensor:
        """(L, B); -inf at padding."""
        scores_LB = (h_LBH * self.linear(question_BH)).sum(-1)
        return scores_LB if padding_LB is None else scores_LB.masked_fill(padding_LB, -torch.inf)
