"""Parts of the reader's network: dropout, probabilities of the ends, the loss.

Shapes: L passage, B batch, H encoding.
"""

import pytest
import torch

from sru_repro.tasks._reader import Dropout, Ends, names, span_nats


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dropout_keeps_its_share_and_the_mean(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    dropout, x = Dropout(0.2), torch.ones(200, 300, dtype=dtype, requires_grad=True)
    y = dropout(x)
    assert y.dtype == dtype and y.unique().tolist() == [0.0, torch.tensor(1.25, dtype=dtype).item()]
    assert abs((y > 0).double().mean().item() - 0.8) < 0.01  # six standard deviations
    y.sum().backward()
    assert x.grad is not None and torch.equal(x.grad, y)
    assert dropout.eval()(x) is x


def test_ends_are_bilinear_and_never_in_the_padding() -> None:
    torch.manual_seed(0)
    ends = Ends(4, 3).double()
    h_LBH, question_BH = torch.randn(5, 2, 4).double(), torch.randn(2, 3).double()
    padding_LB = torch.zeros(5, 2, dtype=torch.bool)
    padding_LB[3:, 1] = True
    found = ends(h_LBH, question_BH, padding_LB)
    for log_p, linear in zip(found, (ends.start, ends.end), strict=True):
        for b, length in ((0, 5), (1, 3)):
            scores = torch.stack([h_LBH[i, b] @ linear(question_BH[b]) for i in range(length)])
            torch.testing.assert_close(log_p[:length, b], scores.log_softmax(0))
            assert torch.all(log_p[length:, b] == -torch.inf)


def test_questions_without_a_place_for_their_answer_have_no_loss() -> None:
    log_p = torch.tensor([[0.5, 0.25], [0.5, 0.75]]).log()
    nats_B = span_nats(log_p, log_p, torch.tensor([1, -1]), torch.tensor([1, -1]))
    torch.testing.assert_close(nats_B, torch.tensor([2 * torch.tensor(2.0).log().item(), 0.0]))


def test_tags_beyond_the_table_are_none() -> None:
    table = torch.nn.Embedding(3, 2, padding_idx=0)
    found = names(torch.tensor([0, 2, 3, 99]), table)
    assert torch.equal(found[1], table.weight[2]) and not found[[0, 2, 3]].any()
