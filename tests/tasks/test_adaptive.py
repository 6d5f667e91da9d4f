"""Adaptive embedding and softmax: against torch's own, against sums over all words, and the papers' sizes.

Shapes: N positions, V words, H width of the model.
"""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sru_repro.core.errors import ConfigError
from sru_repro.models import TransformerXL
from sru_repro.tasks._adaptive import AdaptiveEmbedding, AdaptiveSoftmax, clusters

V, E, H, CUTOFFS, DIV = 23, 8, 6, [5, 9, 16], 2
WIKITEXT103: dict[str, Any] = {"cutoffs": [19997, 39997, 199997], "div_value": 4}


def pair(
    tied: bool = True, tie_projections: bool = True, width: int = H, **changes: Any
) -> tuple[AdaptiveEmbedding, AdaptiveSoftmax]:
    """An embedding and a softmax in float64 with biases that are not zero."""
    torch.manual_seed(3)
    sizes: dict[str, Any] = {"vocabulary": V, "embedding_size": E, "cutoffs": CUTOFFS, "div_value": DIV}
    sizes |= changes
    embedding = AdaptiveEmbedding(output_size=width, **sizes)
    softmax = AdaptiveSoftmax(
        width, tied_to=embedding if tied else None, tie_projections=tie_projections, **sizes
    )
    for bias in (*softmax.biases, softmax.tail_biases):
        nn.init.normal_(bias)
    return embedding.double(), softmax.double()


def inputs(positions: int = 40, width: int = H) -> tuple[Tensor, Tensor]:
    """Encodings (N, H) and targets (N,) from all clusters in no order."""
    torch.manual_seed(7)
    return torch.randn(positions, width, dtype=torch.float64), torch.randint(V, (positions,))


def test_agrees_with_torch() -> None:
    """torch's has no projection and no factor in the head, and no biases in the tails."""
    h_NH, targets_N = inputs(width=E)
    _, ours = pair(width=E)
    theirs = nn.AdaptiveLogSoftmaxWithLoss(E, V, CUTOFFS, div_value=DIV, head_bias=True).double()
    with torch.no_grad():
        ours.projections[0].copy_(torch.eye(E))
        theirs.head.weight.copy_(torch.cat([ours.vectors[0], ours.tail_vectors]))
        theirs.head.bias.copy_(torch.cat([ours.biases[0], ours.tail_biases]))
        for i, tail in enumerate(theirs.tail, start=1):
            tail[0].weight.copy_(ours.projections[i].t())  # type: ignore[index]
            tail[1].weight.copy_(ours.vectors[i])  # type: ignore[index]
            ours.biases[i].zero_()
    torch.testing.assert_close(ours.nats(h_NH, targets_N), -theirs(h_NH, targets_N).output)
    torch.testing.assert_close(ours.log_probabilities(h_NH), theirs.log_prob(h_NH))


@pytest.mark.parametrize("cutoffs", [CUTOFFS, [1], [22], []])
@pytest.mark.parametrize("div_value", [1, 2])
def test_probabilities_sum_to_one_and_agree_with_the_loss(cutoffs: list[int], div_value: int) -> None:
    h_NH, targets_N = inputs()
    _, softmax = pair(cutoffs=cutoffs, div_value=div_value)
    logs_NV = softmax.log_probabilities(h_NH)
    assert logs_NV.shape == (40, V)
    torch.testing.assert_close(logs_NV.exp().sum(1), torch.ones(40, dtype=torch.float64))
    torch.testing.assert_close(
        softmax.nats(h_NH, targets_N), -logs_NV.gather(1, targets_N.unsqueeze(1)).squeeze(1)
    )


def test_embedding_is_the_projected_vector() -> None:
    embedding, _ = pair()
    ids = torch.arange(V).view(1, V).expand(2, V)
    expected = torch.cat([v @ p.t() for v, p in zip(embedding.vectors, embedding.projections, strict=True)])
    torch.testing.assert_close(embedding(ids), expected.expand(2, V, H))


def test_no_projection_where_all_vectors_have_the_models_width() -> None:
    embedding, softmax = pair(width=E, div_value=1)
    assert not len(embedding.projections) and not len(softmax.projections)
    torch.testing.assert_close(embedding(torch.arange(V)), torch.cat(list(embedding.vectors)))
    h_NH, _ = inputs(width=E)
    logits = h_NH @ torch.cat([embedding.vectors[0], softmax.tail_vectors]).t()
    logits += torch.cat([softmax.biases[0], softmax.tail_biases])
    torch.testing.assert_close(softmax.log_probabilities(h_NH)[:, :5], logits.log_softmax(1)[:, :5])


@pytest.mark.parametrize("tie_projections", [True, False])
def test_vectors_of_one_size_share_one_projection_of_the_input(tie_projections: bool) -> None:
    embedding, softmax = pair(div_value=1, tie_projections=tie_projections)
    (projection,) = embedding.projections
    vectors_VE = torch.cat(list(embedding.vectors))
    torch.testing.assert_close(embedding(torch.arange(V)), vectors_VE @ projection.t())
    h_NH, targets_N = inputs()
    if tie_projections:
        assert len(softmax.projections) == 1 and softmax.projections[0] is projection
        logs_NV = softmax.log_probabilities(h_NH)
        tail = ((h_NH @ projection) @ softmax.vectors[2].t() + softmax.biases[2]).log_softmax(-1)
        torch.testing.assert_close(logs_NV[:, 9:16].log_softmax(-1), tail)
    else:
        assert len(softmax.projections) == len(softmax.clusters) == 4
    loss = softmax.nats(embedding(targets_N.roll(1)) + h_NH, targets_N).sum()
    assert all(grad.any() for grad in torch.autograd.grad(loss, [projection, *softmax.projections]))


def test_the_size_of_the_authors_model_with_vectors_of_one_size() -> None:
    """Transformer-XL's own code at 50 words, H 32, E 16, cutoffs 10 and 25, three layers of 48 inside: 28,196."""
    sizes: dict[str, Any] = {"vocabulary": 50, "embedding_size": 16, "cutoffs": [10, 25], "div_value": 1}
    embedding = AdaptiveEmbedding(output_size=32, **sizes)
    softmax = AdaptiveSoftmax(32, tied_to=embedding, tie_projections=False, **sizes)
    encoder = TransformerXL(32, 32, 3, num_heads=4, inner_size=48)
    both = nn.ModuleList([embedding, encoder, softmax])
    assert sum(p.numel() for p in both.parameters()) == 28_196


def test_weights_with_more_projections_than_one_are_refused_in_words() -> None:
    embedding, _ = pair(div_value=1)
    weights = embedding.state_dict()
    embedding.load_state_dict(weights)
    weights |= {f"projections.{i}": weights["projections.0"] for i in range(1, 4)}
    with pytest.raises(
        RuntimeError, match=r"projections: expected one, .*task\.div_value=1, found 4: .*again"
    ):
        embedding.load_state_dict(weights)
    apart, _ = pair()
    apart.load_state_dict(apart.state_dict())


@pytest.mark.parametrize("tied", [True, False])
def test_gradients(tied: bool) -> None:
    embedding, softmax = pair(tied, tied)
    h_NH, targets_N = inputs(9)
    parameters = list({id(p): p for p in (*embedding.parameters(), *softmax.parameters())}.values())
    assert len(parameters) == (4 + 4 + 4 + 2 if tied else 2 * (4 + 4) + 4 + 2)

    def loss(h_NH: Tensor, *_: Tensor) -> Tensor:
        return softmax.nats(embedding(targets_N.roll(1)) + h_NH, targets_N)

    assert torch.autograd.gradcheck(loss, (h_NH.requires_grad_(), *parameters))


def test_tied_parameters_are_one_and_learn_from_both_uses() -> None:
    embedding, softmax = pair()
    for mine, yours in (
        (embedding.vectors, softmax.vectors),
        (embedding.projections, softmax.projections),
    ):
        assert [p.data_ptr() for p in mine] == [p.data_ptr() for p in yours]
    h_NH, targets_N = inputs()
    shared = [*embedding.vectors, *embedding.projections]
    through_input = torch.autograd.grad(embedding(targets_N).sum(), shared)
    through_output = torch.autograd.grad(softmax.nats(h_NH, targets_N).sum(), shared)
    (embedding(targets_N).sum() + softmax.nats(h_NH, targets_N).sum()).backward()
    for parameter, one, other in zip(shared, through_input, through_output, strict=True):
        assert one.abs().sum() > 0 and other.abs().sum() > 0
        torch.testing.assert_close(parameter.grad, one + other)


def test_projections_may_stay_apart() -> None:
    embedding, softmax = pair(tie_projections=False)
    assert [p.data_ptr() for p in embedding.vectors] == [p.data_ptr() for p in softmax.vectors]
    assert not {id(p) for p in embedding.projections} & {id(p) for p in softmax.projections}
    sizes: dict[str, Any] = {"vocabulary": V, "embedding_size": E, "cutoffs": CUTOFFS, "div_value": DIV}
    wider = AdaptiveSoftmax(H + 1, tied_to=embedding, tie_projections=False, **sizes).double()
    assert wider.nats(torch.zeros(3, H + 1, dtype=torch.float64), torch.tensor([0, 7, 22])).isfinite().all()


@pytest.mark.parametrize("targets", [[0, 1, 4], [16, 22], [5, 0], []], ids=str)
def test_clusters_without_a_target_get_zero_gradients(targets: list[int]) -> None:
    """Zero and not none: an optimiser's moments and decay do not depend on which words a batch happens to hold."""
    embedding, softmax = pair(tied=False, tie_projections=False)
    h_NH, _ = inputs(len(targets))
    nats_N = softmax.nats(h_NH, torch.tensor(targets, dtype=torch.long))
    assert nats_N.shape == (len(targets),)
    (nats_N.sum() + embedding(torch.tensor(targets, dtype=torch.long)).sum()).backward()
    for i, (start, stop, _) in enumerate(embedding.clusters):
        present = any(start <= target < stop for target in targets)
        for module in (embedding, softmax):
            gradient = module.vectors[i].grad
            assert gradient is not None and gradient.isfinite().all()
            in_head = module is softmax and i == 0 and bool(targets)  # the head always runs
            assert bool(gradient.any()) == (present or in_head)


class Largest(TorchDispatchMode):
    """Keeps the size of the largest tensor that any operation makes."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        leaves = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        self.numel = max([self.numel, *(leaf.numel() for leaf in leaves)])
        return out


def test_the_loss_makes_nothing_as_large_as_positions_times_words() -> None:
    _, softmax = pair(vocabulary=5000, cutoffs=[10, 20])
    targets_N = torch.arange(64) % 10
    targets_N[7] = 4999
    h_NH, _ = inputs(64)
    with Largest() as forward:
        nats_N = softmax.nats(h_NH, targets_N)
    with Largest() as backward:
        nats_N.sum().backward()
    # The vectors of the last cluster (4980 x 2) are the largest thing; its logits are one row of 4980.
    assert forward.numel == backward.numel == 4980 * 2
    with Largest() as whole:
        softmax.log_probabilities(h_NH)
    assert whole.numel == 64 * 5000


def test_half_precision_computes_losses_in_full() -> None:
    embedding, softmax = pair()
    embedding, softmax = embedding.float(), softmax.float()
    h_NH, targets_N = inputs()
    exact = softmax.nats(h_NH.float(), targets_N)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert embedding(targets_N).dtype == torch.bfloat16
        half, logs_NV = softmax.nats(h_NH.float(), targets_N), softmax.log_probabilities(h_NH.float())
    assert half.dtype == logs_NV.dtype == torch.float32
    torch.testing.assert_close(half, exact, rtol=0.02, atol=0.02)
    assert not torch.equal(half, exact)
    half.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in softmax.parameters())


def test_dropout_is_drawn_in_training_alone() -> None:
    sizes: dict[str, Any] = {"vocabulary": V, "embedding_size": E, "cutoffs": CUTOFFS, "div_value": DIV}
    embedding = AdaptiveEmbedding(output_size=H, dropout=0.5, **sizes)
    softmax = AdaptiveSoftmax(H, tied_to=embedding, tie_projections=True, dropout=0.5, **sizes)
    h_NH, targets_N = inputs()
    h_NH = h_NH.float()
    assert not torch.equal(embedding(targets_N), embedding(targets_N))
    assert not torch.equal(softmax.nats(h_NH, targets_N), softmax.nats(h_NH, targets_N))
    embedding.eval(), softmax.eval()
    assert torch.equal(embedding(targets_N), embedding(targets_N))
    assert torch.equal(softmax.nats(h_NH, targets_N), softmax.nats(h_NH, targets_N))


def test_initial_values() -> None:
    torch.manual_seed(1)
    embedding = AdaptiveEmbedding(4000, 64, 100, [1000], 4)
    softmax = AdaptiveSoftmax(100, 4000, 64, [1000], 4, tied_to=embedding, tie_projections=True)
    for values, bound in [
        *((vector, math.sqrt(3 / 100)) for vector in (*embedding.vectors, softmax.tail_vectors)),
        *((matrix, math.sqrt(6 / sum(matrix.shape))) for matrix in embedding.projections),
    ]:
        assert values.abs().max() <= bound and values.abs().max() > 0.9 * bound
        assert abs(values.mean()) < 0.2 * bound
    assert not any(bias.any() for bias in (*softmax.biases, softmax.tail_biases))


@pytest.mark.parametrize(("width", "layer", "millions"), [(3072, 10_630_657, 148), (4096, 18_892_801, 232)])
def test_the_papers_sizes_on_wikitext103(width: int, layer: int, millions: int) -> None:
    """SRU++ paper, Table 5: ten layers, and vectors and projections that both sides share."""
    words = 267_735
    with torch.device("meta"):
        embedding = AdaptiveEmbedding(words, 1024, width, **WIKITEXT103)
        softmax = AdaptiveSoftmax(width, words, 1024, **WIKITEXT103, tied_to=embedding, tie_projections=True)
        both = nn.ModuleList([embedding, softmax])
        assert embedding(torch.zeros(5, 2, dtype=torch.long)).shape == (5, 2, width)
        assert softmax.log_probabilities(torch.zeros(3, width)).shape == (3, words)
    vectors = 19_997 * 1024 + 20_000 * 256 + 160_000 * 64 + 67_738 * 16
    count = sum(p.numel() for p in both.parameters())
    assert count == vectors + (1024 + 256 + 64 + 16) * width + words + 3 * 1024 + 3
    assert round((count + 10 * layer) / 1e6) == millions
    apart = count + 1024 * width  # the head's projection left untied, as Transformer-XL does
    assert round((apart + 10 * layer) / 1e6) != millions


@pytest.mark.parametrize("cutoffs", [[0, 5], [5, 5], [9, 5], [5, V], [-1], [V + 1]], ids=str)
def test_cutoffs_that_do_not_fit_are_refused(cutoffs: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"^task\.cutoffs: expected rising numbers .* 23 words, found \["):
        pair(cutoffs=cutoffs)


def test_other_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^task\.div_value: .* task\.embedding_size=8; found 3$"):
        pair(div_value=3)
    with pytest.raises(ConfigError, match=r"^task\.div_value: .* found 0$"):
        clusters(V, E, CUTOFFS, 0)
    with pytest.raises(ConfigError, match=r"^task\.tie_projections=true needs task\.tie_weights=true"):
        pair(tied=False)
    embedding, _ = pair()
    sizes: dict[str, Any] = {"vocabulary": V, "embedding_size": E, "cutoffs": CUTOFFS, "div_value": DIV}
    with pytest.raises(ConfigError, match=r"^task\.tie_projections: .* its input, 6, found 7; set "):
        AdaptiveSoftmax(7, tied_to=embedding, tie_projections=True, **sizes)
    with pytest.raises(ConfigError, match=r"^task\.tie_weights: expected the same words"):
        AdaptiveSoftmax(H, tied_to=embedding, tie_projections=True, **(sizes | {"vocabulary": V + 1}))
