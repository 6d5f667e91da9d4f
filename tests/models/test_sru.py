"""The SRU against its papers: equations, initial weights, dropout; and its ways of taking sequences.

Shapes: L time, B batch, D input features, H output features.
"""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from sru_repro.models import SRU
from sru_repro.models import sru as sru_file

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)

L, B = 6, 3


def normal(*shape: int) -> Tensor:
    """Random float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def test_equations_of_the_paper() -> None:
    """Section 3.1 and 3.2 of the 2018 paper, layer by layer; sizes differ in the first layer only."""
    sru = SRU(5, 8, 2, highway_bias=-1.0).double()
    for layer in sru.layers:
        nn.init.normal_(layer.bias)
    x, alpha = normal(L, B, 5), math.sqrt(1 + 2 * math.exp(-1.0))
    h, c_n = sru(x)
    for i, layer in enumerate(sru.layers):
        W, W_f, W_r, *W_s = layer.weight.view(-1, 8, x.size(-1))
        (v_f, v_r), (b_f, b_r) = layer.weight_c, layer.bias
        c, out = torch.zeros(B, 8, dtype=torch.float64), []
        for x_t in x:
            f = torch.sigmoid(x_t @ W_f.T + v_f * c + b_f)
            r = torch.sigmoid(x_t @ W_r.T + v_r * c + b_r)
            c = f * c + (1 - f) * (x_t @ W.T)
            skip = x_t @ W_s[0].T if W_s else alpha * x_t
            out.append(r * c + (1 - r) * skip)
        x = torch.stack(out)
        assert_close(c_n[i], c)
    assert_close(h, x)


@pytest.mark.parametrize("options", [{}, {"rescale": False}, {"has_skip_term": False}], ids=str)
def test_alpha_is_the_papers_only_where_it_is_asked_for(options: dict[str, Any]) -> None:
    layer = SRU(8, 8, 1, highway_bias=-2.0, **options).layers[0]
    assert layer.alpha == (1.0 if options else math.sqrt(1 + 2 * math.exp(-2.0)))


def spread(values: Tensor) -> float:
    """Variance around zero."""
    return float(values.detach().square().mean())


@pytest.mark.parametrize("v1", [False, True])
def test_variances_of_the_initial_weights(v1: bool) -> None:
    """Section 3.3: 1/n for W, half for the gates, whose other half comes from v * c, alpha^2/n for the skip."""
    torch.manual_seed(0)
    inputs, size, bias = 400, 600, -0.5
    sru = SRU(inputs, size, 2, highway_bias=bias, dropout=0.4, v1=v1)
    first, second = sru.layers
    W, W_f, W_r, W_s = first.weight.view(4, size, inputs)
    alpha2, gate = 1 + 2 * math.exp(bias), 1.0 if v1 else 0.5
    for found, wanted in ((W, 0.6), (W_f, gate), (W_r, gate), (W_s, alpha2)):  # dropout .4 scales W alone
        assert inputs * spread(found) == pytest.approx(wanted, rel=0.03)
        assert found.abs().max() <= math.sqrt(3 * wanted / inputs)
    assert size * spread(second.weight[:size]) == pytest.approx(1.0, rel=0.03)  # the last layer drops nothing
    for layer in sru.layers:
        assert not layer.bias[0].any() and (layer.bias[1] == bias).all()
        if v1:
            assert layer.weight_c is None
        else:
            assert spread(layer.weight_c) == pytest.approx(0.5, rel=0.1)


def test_variances_of_factorised_and_normalised_weights() -> None:
    torch.manual_seed(0)
    (layer,) = SRU(400, 500, 1, projection_size=300, layer_norm="pre").layers
    assert layer.projection.shape == (300, 400)
    assert 400 * spread(layer.projection) == pytest.approx(1.0, rel=0.03)
    assert 300 * spread(layer.weight[:500]) == pytest.approx(0.01, rel=0.03)


def test_a_product_is_factorised_only_where_that_makes_it_smaller() -> None:
    assert [layer.projection is None for layer in SRU(6, 10, 3, projection_size=8).layers] == [
        True,
        False,
        False,
    ]
    assert all(layer.projection is None for layer in SRU(10, 10, 2, projection_size=10).layers)


def test_the_normalisation_is_of_the_products_input_or_of_the_output() -> None:
    x = normal(L, B, 8)
    for place in ("pre", "post"):
        normed = SRU(8, 8, 1, layer_norm=place).double()
        plain = SRU(8, 8, 1).double()
        plain.load_state_dict({k: v for k, v in normed.state_dict().items() if "layer_norm" not in k})
        h, _ = normed(x)
        if place == "post":
            assert_close(h, nn.functional.layer_norm(plain(x)[0], (8,)))
            continue
        # The skip sees x itself: with W = 0 everywhere, r = 1/2 and c = 0, h is half of alpha x.
        nn.init.zeros_(normed.layers[0].weight)
        assert_close(normed(x)[0], 0.5 * normed.layers[0].alpha * x)
        assert not torch.allclose(h, plain(x)[0])


@pytest.mark.parametrize("v1", [False, True])
def test_dropout_masks_the_highway_for_a_whole_sequence(v1: bool) -> None:
    """2018: a dropped unit passes x' = alpha x through; 2017: it passes (1 - r) x'. No state is masked."""
    torch.manual_seed(0)
    sru = SRU(64, 64, 2, dropout=0.25, v1=v1).double()
    layer, x = sru.layers[0], normal(L, B, 64)
    skip = layer.alpha * x
    kept_h, c_n = layer.eval()(x, None, None)
    h, masked_c_n = layer.train()(x, None, None)
    assert torch.equal(masked_c_n, c_n)
    if v1:
        r = torch.sigmoid(nn.functional.linear(x, layer.weight)[..., 128:192] + layer.bias[1])
        through = kept_h - (1 - r) * skip
        dropped_h, kept_h = (1 - r) * skip, (1 - r) * skip + through / 0.75
    else:
        dropped_h, kept_h = skip, skip + (kept_h - skip) / 0.75
    dropped_BH = (h - dropped_h).abs().amax(0) < 1e-12
    assert 0.15 < dropped_BH.double().mean() < 0.35
    assert_close(h, torch.where(dropped_BH, dropped_h, kept_h))
    assert not torch.equal(h, layer(x, None, None)[0])  # another call, another mask


def test_dropout_stands_between_layers_and_only_in_training() -> None:
    x = normal(L, B, 8)
    one = SRU(8, 8, 1, dropout=0.5).double().train()
    assert torch.equal(one(x)[0], one(x)[0])
    two = SRU(8, 8, 2, dropout=0.5).double().eval()
    assert torch.equal(two(x)[0], two(x)[0])
    assert not torch.equal(two.train()(x)[0], two(x)[0])


@pytest.mark.parametrize(
    "options",
    [{}, {"bidirectional": True}, {"dropout": 0.5}, {"projection_size": 3}, {"layer_norm": "post"}],
    ids=str,
)
@pytest.mark.parametrize("length", [1, 7, 20])
def test_inference_in_chunks_is_inference_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], length: int
) -> None:
    stack = SRU(8, 8, 3, **options).eval()
    x, padding = torch.randn(length, B, 8), torch.rand(length, B) > 0.7
    state = torch.randn(3, B, stack.output_size)
    called: list[int] = []
    stack.layers[0].register_forward_pre_hook(lambda _, arguments: called.append(len(arguments[0])))
    whole = stack(x, state, padding)  # with gradients
    monkeypatch.setattr(sru_file, "CACHE", 3 * B * 4 * 8 * 4)  # three steps, or one of both directions
    with torch.no_grad():
        found = stack(x, state, padding)
    torch.testing.assert_close(found, whole)
    in_chunks = [length] if length < 6 or options.get("bidirectional") else [3] * (length // 3)
    rest = [length % 3] if len(in_chunks) > 1 and length % 3 else []
    assert called == [length, *in_chunks, *rest]


def test_padding_of_another_length_is_refused_in_inference_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sru_file, "CACHE", 1)
    stack, x = SRU(8, 8, 2).eval(), torch.randn(9, B, 8)
    for length in (8, 10):
        with (
            torch.no_grad(),
            pytest.raises(ValueError, match=rf"padding: expected shape \(9, 3\), found \({length}, 3\)"),
        ):
            stack(x, None, torch.zeros(length, B, dtype=torch.bool))


def test_a_mask_is_drawn_once_for_a_sequence_without_gradients_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sru_file, "CACHE", 1)
    stack, x = SRU(8, 8, 2, dropout=0.5), torch.randn(9, B, 8)
    found = []
    for grad in (True, False):
        torch.manual_seed(0)
        with torch.set_grad_enabled(grad):
            found.append(stack(x))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_batch_first_is_the_same_the_other_way_round(bidirectional: bool) -> None:
    time_first = SRU(5, 8, 2, bidirectional=bidirectional).double()
    batch_first = SRU(5, 8, 2, bidirectional=bidirectional, batch_first=True).double()
    batch_first.load_state_dict(time_first.state_dict())
    x, c0 = normal(L, B, 5), normal(2, B, time_first.output_size)
    padding_LB = torch.arange(L).unsqueeze(1) >= torch.tensor([6, 2, 4])
    h, c_n = time_first(x, c0, padding_LB)
    h_BLH, c_n_too = batch_first(x.transpose(0, 1), c0, padding_LB.T)
    assert torch.equal(h_BLH.transpose(0, 1), h) and torch.equal(c_n_too, c_n)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("lengths", [[6, 4, 4], [2, 6, 1]], ids=["sorted", "unsorted"])
def test_packed_sequences_come_back_packed_in_the_same_order(batch_first: bool, lengths: list[int]) -> None:
    sru = SRU(5, 4, 2, bidirectional=True, batch_first=batch_first).double()
    x, c0 = normal(L, B, 5), normal(2, B, 8)
    pack = partial(pack_padded_sequence, lengths=torch.tensor(lengths), enforce_sorted=False)
    packed = pack(x.transpose(0, 1), batch_first=True) if batch_first else pack(x)
    out, c_n = sru(packed, c0)
    assert isinstance(out, PackedSequence)
    assert torch.equal(out.batch_sizes, packed.batch_sizes)
    h, out_lengths = pad_packed_sequence(out)
    assert out_lengths.tolist() == lengths
    sru.batch_first = False
    for row, length in enumerate(lengths):
        alone, alone_c = sru(x[:length, row : row + 1], c0[:, row : row + 1])
        assert_close(h[:length, row], alone[:, 0])
        assert_close(c_n[:, row], alone_c[:, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((normal(L, 5),), r"^input: expected \(L, B, 5\), found \(6, 5\)$"),
        ((normal(L, B, 4),), r"^input: expected \(L, B, 5\), found \(6, 3, 4\)$"),
        ((normal(L, B, 5), normal(2, B, 4)), r"^state: expected \(2, 3, 8\), found \(2, 3, 4\)$"),
        (
            (normal(L, B, 5), None, torch.zeros(B, L).bool()),
            r"^padding: expected shape \(6, 3\), found \(3, 6\)$",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SRU(5, 8, 2).double()(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 0}, "num_layers"),
        ({"dropout": 1.0}, "dropout"),
        ({"layer_norm": "both"}, "layer_norm"),
        ({"activation": "relu"}, "activation"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SRU(5, 8, **options)
