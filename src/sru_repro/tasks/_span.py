"""Spans of the document reader: the likeliest one, the next ones, and how well its text answers (SQuAD's EM and F1).

Shapes: L tokens of a passage, B batch, S shifts between start and end.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F


def span_scores(start_LB: Tensor, end_LB: Tensor, max_answer: int) -> Tensor:
    """log p(start) + log p(end) of all spans of at most `max_answer` tokens, (B, L, S): token l to l + s.

    Spans that end behind the passage have -inf.
    """
    shifts = min(max_answer, len(end_LB))
    behind_BL = F.pad(end_LB.t(), (0, shifts - 1), value=-torch.inf)
    return start_LB.t().unsqueeze(-1) + behind_BL.unfold(1, shifts, 1)


def best_spans(start_LB: Tensor, end_LB: Tensor, max_answer: int) -> tuple[Tensor, Tensor]:
    """First and last token (B each) of the likeliest spans; of equals the earliest, then the shortest."""
    scores_BLS = span_scores(start_LB, end_LB, max_answer)
    place_B = scores_BLS.flatten(1).argmax(1)  # the first of equals
    start_B = place_B // scores_BLS.size(2)
    return start_B, start_B + place_B % scores_BLS.size(2)


def top_spans(start_L: Tensor, end_L: Tensor, max_answer: int, top: int) -> list[tuple[int, int, float]]:
    """The `top` likeliest spans of one passage, the best first: (first token, last token, log p)."""
    scores_LS = span_scores(start_L.unsqueeze(1), end_L.unsqueeze(1), max_answer)[0]
    values, order = scores_LS.flatten().sort(descending=True, stable=True)
    possible = int((values > -torch.inf).sum())
    found = zip(order[: min(top, possible)].tolist(), values.tolist(), strict=False)
    return [(n // scores_LS.size(1), sum(divmod(n, scores_LS.size(1))), value) for n, value in found]


@contextmanager
def _double() -> Iterator[None]:
    """torchmetrics makes its numbers in torch's default type: in float32 a mean over SQuAD would be off by 1e-6."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def em_f1(prediction: str, answers: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of words as fractions, the best over the answers, as SQuAD 1.1's script has them."""
    with _double():
        em, f1 = _squad(prediction, answers)
        # A prediction of articles and signs alone has no word in common with anything, and F1 0 in SQuAD 1.1; in
        # SQuAD 2.0, which torchmetrics follows, it equals an answer of none.
        if em == 1.0 and _squad(prediction, ("",))[0] == 1.0:
            f1 = 0.0
    return em, f1


def _squad(prediction: str, answers: Sequence[str]) -> tuple[float, float]:
    from torchmetrics.functional.text.squad import squad  # takes seconds to import

    found = squad(
        [{"id": "", "prediction_text": prediction}],
        [{"id": "", "answers": {"text": list(answers), "answer_start": [0] * len(answers)}}],
    )
    return float(found["exact_match"]) / 100, float(found["f1"]) / 100
