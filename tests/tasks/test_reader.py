"""Parts of the reader's network: dropout, probabilities of the ends, the loss.

Shapes: L passage, B batch, H encoding.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sru_repro.cli.compose import composed
from sru_repro.tasks._reader import Alignment, Dropout, Ends, Pooling, _softmax_kept, names, span_nats
from sru_repro.training.prepare import build_task, load_data


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


def gradients(module: nn.Module, outputs: tuple[Tensor, ...]) -> list[Tensor]:
    """Of what is finite among the outputs."""
    total = sum(out[out.isfinite()].double().square().sum() for out in outputs)
    assert isinstance(total, Tensor)
    return [*torch.autograd.grad(total, [*module.parameters()])]


@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf, 1e38])
def test_nothing_leaks_out_of_padding(poison: float) -> None:
    torch.manual_seed(0)
    x_LBD, text_QBD = torch.randn(5, 3, 4), torch.randn(4, 3, 4)
    padding_QB = torch.arange(4).unsqueeze(1) >= torch.tensor([4, 2, 0])  # the last row is empty
    alignment, pooling, ends = Alignment(4), Pooling(4), Ends(4, 2)
    pooled = torch.randn(3, 2)
    found = []
    for value in (0.0, poison):
        text = text_QBD.masked_fill(padding_QB.unsqueeze(-1), value).requires_grad_()
        outputs = (
            (alignment, (alignment(x_LBD, text, padding_QB),)),
            (pooling, (pooling(text, padding_QB),)),
            (ends, ends(text, pooled, padding_QB)),
        )
        for module, out in outputs:
            found.append([*out, *gradients(module, out)])
        assert not outputs[0][1][0][:, 2].any() and not outputs[1][1][0][2].any()
        assert all(torch.all(log_p[padding_QB] == -torch.inf) for log_p in outputs[2][1])
    for clean, dirty in zip(found[:3], found[3:], strict=True):
        for one, other in zip(clean, dirty, strict=True):
            assert torch.equal(one, other) and not one.isnan().any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_padding_has_no_weight_at_all(dtype: torch.dtype) -> None:
    """The lowest score that there is counts as none: to the last bit what minus infinity gives."""
    torch.manual_seed(0)
    scores, padding = (30 * torch.randn(6, 5)).to(dtype), torch.rand(6, 5) > 0.6
    padding[0] = False
    expected = scores.masked_fill(padding, -torch.inf).float().softmax(0)
    assert torch.equal(_softmax_kept(scores, padding, 0), expected)


@pytest.mark.parametrize("model", ["sru", "lstm", "qrnn"])
def test_the_vector_of_padding_says_nothing(model: str, squad_folder: Path) -> None:
    none = ("task.dropout=0", "task.layer_dropout=0", "task.output_dropout=0", "model.dropout=0")
    small = ("task.vectors=random", "task.vector_size=8", "task.batch_size=4", "logger=csv", "profile=smoke")
    sizes = ("model.hidden_size=6", "model.bidirectional=true", f"data_dir={squad_folder}")
    config = composed(["task=squad", f"model={model}", *small, *sizes, *none])
    data = load_data(config)
    found = []
    for poison in (0.0, torch.nan):
        torch.manual_seed(0)
        task: Any = build_task(config, data).train()
        batch = task.fitted(data.train)[0]
        if model == "lstm":
            batch = next(
                b for b in map(data.train.__getitem__, range(len(data.train))) if b.padding_LB is not None
            )
        with torch.no_grad():
            task.tuned.weight[0], task.tag_embedding.weight[0] = poison, 0.0
            batch.features_LBF[batch.padding_LB] = poison
        loss = task.step(batch, None).loss
        weights = [weight for weight in task.parameters() if weight.requires_grad]
        found.append([loss, *torch.autograd.grad(loss, weights, allow_unused=True)])
    for one, other in zip(*found, strict=True):
        assert one is None if other is None else one.isfinite().all() and torch.equal(one, other)
