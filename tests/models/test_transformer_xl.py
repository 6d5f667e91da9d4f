"""Transformer-XL against its paper: equations, memory, window, padding, dropout.

Shapes: L time, M remembered steps, T = M + L keys, B batch, D input, H output features.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils import _pytree

from sru_repro.models import AttentionContext, TransformerXL
from sru_repro.models._sight import Sight

from ..pairwise import pairwise

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)

L, B, D, H = 6, 3, 5, 8


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Random float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def built(input_size: int, layers: int, attention_context: AttentionContext | None, **options: Any) -> Any:
    """In float64, with weights large enough that attention is far from uniform, and vectors that count."""
    torch.manual_seed(0)
    model = TransformerXL(
        input_size, H, layers, attention_context=attention_context, **{"inner_size": 12, **options}
    ).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5 if parameter.dim() == 2 else 1.0)
    for vector in (model.content_bias, model.position_bias):
        nn.init.normal_(vector)
    return model


Sees = Callable[[int, int], bool]


def plain(model: Any, x_LBD: Tensor, memory: list[Tensor] | None, sees: Sees) -> tuple[Tensor, list[Tensor]]:
    """The equations, query by query and key by key; also every layer's input with the memory before it (T, B, H).

    `sees(i, j)`: whether the query at i sees the key at j, both counted from the first remembered step.
    """
    h = x_LBD if model.project is None else x_LBD @ model.project.weight.T
    length, batch, seen = len(h), h.size(1), []
    heads, size = model.content_bias.shape
    rate = torch.tensor([10000 ** (-2 * m / H) for m in range(H // 2)], dtype=torch.float64)
    for n, layer in enumerate(model.layers):
        inputs = h if memory is None else torch.cat([memory[n], h])
        seen.append(inputs)
        before = len(inputs) - length
        W_k, W_v = layer.key_value.weight.chunk(2)
        rows = []
        for i, b in ((i, b) for i in range(length) for b in range(batch)):
            q, attended = layer.query.weight @ h[i, b], []
            visible = [j for j in range(len(inputs)) if sees(before + i, j)]
            for head in range(heads):
                part, scores = slice(head * size, (head + 1) * size), []
                for j in visible:
                    distance = before + i - j
                    if model.clamp_length and not model.training:
                        distance = max(-model.clamp_length, min(model.clamp_length, distance))
                    r = layer.relative.weight @ torch.cat([(distance * rate).sin(), (distance * rate).cos()])
                    content = (q[part] + model.content_bias[head]) @ (W_k @ inputs[j, b])[part]
                    position = (q[part] + model.position_bias[head]) @ r[part]
                    scores.append((content + position) / size**0.5)
                values = torch.stack([(W_v @ inputs[j, b])[part] for j in visible])
                attended.append(torch.stack(scores).softmax(0) @ values)
            rows.append(layer.out.weight @ torch.cat(attended))
        y = layer.attention_norm(h + torch.stack(rows).view(length, batch, H))
        h = layer.inner_norm(y + layer.outer(layer.inner(y).relu()))
    return h, seen


def causal(i: int, j: int) -> bool:
    return j <= i


def everything(i: int, j: int) -> bool:
    return True


OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_heads": 2},
    {"num_heads": 4, "clamp_length": 3},
    {"num_heads": 8, "clamp_length": 1},
]


PIECES: dict[str, list[Any]] = {
    "window": [0, 1, 4, 11, 50],
    "clamp": [0, 2, 20],
    "cut": [1, 3, 11],
    "gradients": [False, True],
}


@pytest.mark.parametrize(("options", "size"), [*zip(OPTIONS, (D, H, D, H), strict=True)], ids=str)
def test_equations_of_the_paper_with_memory(options: dict[str, Any], size: int) -> None:
    """Segments in training; weights get gradient through keys and values of the memory, and none through it."""
    memory, kept = 4, None
    model, state = built(size, 2, AttentionContext(memory, 0), **options), None
    for seed, length in enumerate((3, 6, 2, 1)):
        x, weight = normal(length, B, size, seed=seed), normal(length, B, H, seed=10 + seed)
        wanted, seen = plain(model, x, kept, causal)
        found, state = model(x, state)
        assert_close(found, wanted)
        kept = [inputs[-memory:].detach() for inputs in seen]
        assert_close(state["inputs"], kept, check_layout=False)
        gradients = [
            torch.autograd.grad((h * weight).sum(), list(model.parameters())) for h in (found, wanted)
        ]
        for one, other in zip(*gradients, strict=True):
            assert_close(one, other)


@pytest.mark.parametrize("window", [0, 1, 3, 50])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equations_of_the_paper_in_evaluation(options: dict[str, Any], window: int) -> None:
    model, x = built(D, 2, AttentionContext(2, window), **options).eval(), normal(L, B, D)
    wanted, _ = plain(model, x, None, lambda i, j: i - window <= j <= i)
    assert_close(model(x)[0], wanted)
    with torch.no_grad():  # from the table
        assert_close(model(x)[0], wanted)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("length", [1, 2, L])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equations_of_the_paper_without_a_stream(
    options: dict[str, Any], length: int, training: bool
) -> None:
    model, x = built(D, 2, None, **options).train(training), normal(length, B, D)
    h, state = model(x)
    assert_close(h, plain(model, x, None, everything)[0])
    assert state is None and not model.causal and not model.streams


@pytest.mark.parametrize(
    ("window", "clamp", "cut", "gradients"),
    [tuple(case.values()) for case in pairwise(PIECES)],
)
def test_pieces_equal_the_whole_in_evaluation(window: int, clamp: int, cut: int, gradients: bool) -> None:
    model, x = (
        built(D, 3, AttentionContext(7, window), num_heads=2, clamp_length=clamp).eval(),
        normal(11, B, D),
    )
    whole, end = model(x)
    state, pieces = None, []
    with torch.set_grad_enabled(gradients):
        for piece in x.split(cut):
            h, state = model(piece, state)
            pieces.append(h)
            assert {leaf.shape[1:] for leaf in _pytree.tree_leaves(state)} == {(B, H)}
            assert all(len(leaf) <= window for leaf in _pytree.tree_leaves(state))
    assert_close(torch.cat(pieces), whole)
    assert_close(state, end)


def test_training_sees_the_memory_and_the_past_of_the_segment() -> None:
    """One layer, so that a step's input reaches those that attend to it and no other."""
    model = built(D, 1, AttentionContext(3, 0))
    segments = [normal(2, B, D, seed=0), normal(2, B, D, seed=1), normal(3, B, D, seed=2)]

    def last_segment(changed: int | None) -> Tensor:
        state, out, step = None, None, 0
        for x in segments:
            x = x.clone()
            for t in range(len(x)):
                x[t] += float(step == changed)
                step += 1
            out, state = model(x, state)
        assert out is not None
        return out

    base = last_segment(None)
    for changed in range(7):
        same = (last_segment(changed) == base).all(-1).all(-1).tolist()
        # Step 0 has left the memory of three; 1, 2, 3 are in it; 4, 5, 6 are the segment itself.
        assert same == ([True] * 3 if changed == 0 else [t < changed - 4 for t in range(3)])


def test_no_gradient_reaches_the_memory() -> None:
    model = built(D, 2, AttentionContext(4, 4))
    before = normal(L, B, D, seed=1).requires_grad_()
    _, state = model(before)
    memory = [leaf.detach().requires_grad_() for leaf in state["inputs"]]
    model(normal(L, B, D), state)[0].sum().backward()
    model(normal(L, B, D), {"inputs": memory})[0].sum().backward()
    assert before.grad is None and all(leaf.grad is None for leaf in memory)


@pytest.mark.parametrize("training", [False, True])
def test_a_row_alone_equals_the_row_in_a_batch(training: bool) -> None:
    model = built(D, 2, AttentionContext(4, 5), num_heads=2).train(training)
    _, state = model(normal(L, B, D, seed=1))
    h, end = model(normal(L, B, D), state)
    for row in range(B):
        of_row = partial(_pytree.tree_map, lambda leaf, row=row: leaf[..., row : row + 1, :])
        alone, alone_end = model(normal(L, B, D)[:, row : row + 1], of_row(state))
        assert_close(h[:, row : row + 1], alone)
        assert_close(of_row(end), alone_end)


def test_padding_is_not_attended_whatever_it_holds() -> None:
    model, x = built(D, 2, None, num_heads=2, clamp_length=2), normal(L, B, D)
    padding_LB = torch.zeros(L, B, dtype=torch.bool)
    padding_LB[4:, 0] = padding_LB[0, 1] = padding_LB[3, 1] = padding_LB[:, 2] = True
    x[padding_LB] = torch.nan
    x.requires_grad_()
    h, state = model(x, None, padding_LB)
    assert state is None and not h[padding_LB].any()
    for row in (0, 1):
        kept = ~padding_LB[:, row]
        assert_close(h[kept, row], model(x.detach()[kept][:, row : row + 1])[0][:, 0])
    h.sum().backward()
    assert x.grad is not None and not x.grad[padding_LB].any() and x.grad.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_dropout_stands_where_the_paper_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On R once, on attention and network of each layer and inside the network; with 1/(1-p) kept."""
    calls: list[tuple[tuple[int, ...], float]] = []

    def seen(x: Tensor, p: float, training: bool, inplace: bool = False) -> Tensor:
        assert training
        calls.append((tuple(x.shape), p))
        return x

    monkeypatch.setattr(F, "dropout", seen)
    model = built(D, 2, AttentionContext(4, 4), dropout=0.3)
    model(normal(L, B, D))
    layer = [(L, B, H), (L, B, 12), (L, B, H)]
    assert calls == [(shape, 0.3) for shape in [(L + 1, H), *layer, *layer]]


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"attn_dropout": 0.5}], ids=str)
def test_dropout_is_for_training_only(options: dict[str, Any]) -> None:
    model, x = built(D, 1, AttentionContext(4, 50), **options), normal(L, B, D)
    assert not torch.equal(model(x)[0], model(x)[0])
    without = built(D, 1, AttentionContext(4, 50))
    assert torch.equal(model.eval()(x)[0], without.eval()(x)[0])


def authors_keys(memory: int, segment: int, segments: int, same_length: bool) -> list[int]:
    """How many keys each step sees by the masks of the authors' code (`mem_len`, `tgt_len`; its own key is one)."""
    found, kept = [], 0
    for _ in range(segments):
        keys = kept + segment
        ahead = torch.ones(segment, keys, dtype=torch.bool).triu(1 + kept)
        overhang = keys - memory
        shift = segment - overhang if overhang > 0 else segment
        behind = torch.ones(segment, keys, dtype=torch.bool).tril(-shift) & same_length
        found += (~(ahead | behind)).sum(1).tolist()
        kept = min(memory, keys)
    return found


@pytest.mark.parametrize(("memory", "segment"), [(12, 4), (12, 5), (7, 10), (3, 1)])
def test_a_step_sees_as_many_keys_as_in_the_authors_code(memory: int, segment: int) -> None:
    """In evaluation `mem_len` counts the step's own key, so that the window is one less; in training it does not."""
    for training in (False, True):
        kept, ours = 0, list[int]()
        for _ in range(6):
            most = memory if training else memory - 1
            sight = Sight(segment, kept + segment, True, None if training else most)
            mask = sight.mask(None, torch.device("cpu"))
            ours += (
                [kept + 1] if mask is None else mask.sum(1).tolist()
            )  # None: a single step, which sees all
            kept = min(most, kept + segment)
        assert ours == authors_keys(memory, segment, 6, same_length=not training)
    assert max(authors_keys(2100, 80, 30, same_length=True)) == 2100 == 2099 + 1


def test_parameters_of_the_papers_enwik8_base() -> None:
    """12 layers, 512, 8 heads, 2048 inside: 41 M with 204 tied embeddings and their biases."""
    with torch.device("meta"):
        model = TransformerXL(
            512, 512, 12, num_heads=8, inner_size=2048, attention_context=AttentionContext(512, 2099)
        )
    layer = 5 * 512**2 + 2 * 2 * 512 + (2 * 512 * 2048 + 2048 + 512)
    count = sum(p.numel() for p in model.parameters())
    assert count == 12 * layer + 2 * 512 == 40_950_784
    assert round((count + 204 * 512 + 204) / 1e6) == 41
    assert (
        sum(p.numel() for p in TransformerXL(D, H, 1).parameters())
        == D * H + (5 * H**2 + 4 * H + 2 * 512 * H + 512 + H) + 2 * H
    )


def test_initial_weights() -> None:
    torch.manual_seed(0)
    for name, parameter in TransformerXL(300, 256, 2, num_heads=4, attention_context=None).named_parameters():
        if "norm" in name or name.endswith(("inner.bias", "outer.bias")):
            assert (parameter == float("norm.weight" in name)).all()
        else:
            assert float(parameter.detach().std()) == pytest.approx(0.02, rel=0.15)
