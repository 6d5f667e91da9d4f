"""Padding is nothing: whatever stands at padded steps, all that an encoder gives is bit for bit what zeros there give.

Shapes: L time, B batch, D input, H output features.
"""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree

from sru_repro import models, ops
from sru_repro.models import CNN, GRU, LSTM, QRNN, SRU, Encoder, MinGRU, SRUpp, TransformerXL, _padding
from sru_repro.models._padding import cleared
from sru_repro.models._stack import Stack

L, B, D = 7, 4, 6
ENCODERS: dict[str, Callable[[], Encoder]] = {
    "sru": lambda: SRU(D, 8, 3, dropout=0.3),
    "sru-highway": lambda: SRU(D, D, 2, input_dropout=0.3, dropout=0.2, dropout_last=True),
    "sru-bidirectional": lambda: SRU(D, 4, 2, bidirectional=True, dropout=0.3, highway_bias=-1.0),
    "sru-v1-projection": lambda: SRU(D, 8, 2, v1=True, projection_size=3, activation="tanh", dropout=0.2),
    "sru-pre": lambda: SRU(D, 8, 2, layer_norm="pre", rescale=False),
    "sru-post": lambda: SRU(D, 6, 2, layer_norm="post", has_skip_term=False, bidirectional=True),
    "srupp": lambda: SRUpp(D, 8, 4, 3, dropout=0.2, attn_dropout=0.1, num_heads=2),
    "srupp-bidirectional": lambda: SRUpp(D, 4, 4, 2, bidirectional=True, layer_norm="pre"),
    "srupp-none": lambda: SRUpp(D, D, 4, 2, attention_every=0, layer_norm="post", rescale=True),
    "qrnn": lambda: QRNN(D, 8, 2, dropout=0.2),
    "qrnn-window": lambda: QRNN(D, 8, 3, window=2, pooling="ifo", zoneout=0.2),
    "qrnn-f": lambda: QRNN(D, 8, 1, window=2, pooling="f"),
    "qrnn-highway": lambda: QRNN(D, 8, 2, highway=True),
    "qrnn-bidirectional": lambda: QRNN(D, 3, 2, highway=True, bidirectional=True, zoneout=0.1),
    "mingru": lambda: MinGRU(D, 8, 3, dropout=0.2),
    "mingru-bidirectional": lambda: MinGRU(D, 3, 3, expansion=2, bidirectional=True),
    "lstm": lambda: LSTM(D, 8, 2, dropout=0.2),
    "lstm-bidirectional": lambda: LSTM(D, 4, 1, bidirectional=True),
    "gru": lambda: GRU(D, 8, 2),
    "transformer_xl": lambda: TransformerXL(D, 8, 2, num_heads=2, dropout=0.1, attn_dropout=0.1),
    "cnn": lambda: CNN(D, filters=5, widths=[2, 4]),
    "stack": lambda: Stack([SRU(D, 8, 1), QRNN(8, 8, 1)], dropout=0.2, concat=True),
}
BEHIND = torch.arange(L).unsqueeze(1) >= torch.tensor([7, 5, 1, 3])
ANYWHERE = torch.rand(L, B, generator=torch.Generator().manual_seed(2)) > 0.5
ANYWHERE[:, 1], ANYWHERE[:3, 0] = True, True  # a row of nothing else, and padding in front
POISONS = (torch.nan, torch.inf, -torch.inf, 1e38)
KINDS: dict[str, tuple[torch.dtype, torch.dtype | None]] = {
    "float32": (torch.float32, None),
    "float64": (torch.float64, None),
    "bfloat16": (torch.bfloat16, None),
    "autocast-bfloat16": (torch.float32, torch.bfloat16),
    "autocast-float16": (torch.float32, torch.float16),
}
BACKENDS = ops.dispatch.on("cpu")


def test_every_model_is_tried() -> None:
    assert {name.partition("-")[0] for name in ENCODERS} - {"stack"} == set(models.names())


def built(name: str, kind: torch.dtype = torch.float32) -> Any:
    """The encoder in training, its vectors (biases, norms, alphas) away from their constants."""
    torch.manual_seed(0)
    encoder = ENCODERS[name]().to(kind)
    for parameter in encoder.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter)
    return encoder


def results(
    encoder: Any, padding_LB: Tensor, poison: float, of_output: float, autocast: torch.dtype | None = None
) -> dict[str, Tensor]:
    """Output, states, and gradients of the input and the weights; the numbers are those of the padded steps of the
    input and of the gradient that comes in."""
    torch.manual_seed(1)
    weights = dict(encoder.named_parameters())
    x = torch.randn(L, B, D).to(next(iter(weights.values())).dtype)
    x[padding_LB] = poison
    with torch.autocast("cpu", autocast or torch.bfloat16, enabled=autocast is not None):
        h, state = encoder(x.requires_grad_(), None, padding_LB)
    ends = [leaf for leaf in _pytree.tree_leaves(state) if isinstance(leaf, Tensor)]
    grad_h = torch.randn(h.shape, generator=torch.Generator().manual_seed(3)).to(h.dtype)
    if len(h) == L:
        assert not h[padding_LB].any()
        grad_h[padding_LB] = of_output
    outputs = [h, *(leaf for leaf in ends if leaf.requires_grad)]
    grads = torch.autograd.grad(
        outputs,
        [x, *weights.values()],
        [grad_h, *(torch.ones_like(leaf) for leaf in outputs[1:])],
        allow_unused=True,
    )
    assert not grads[0][padding_LB].any() and grads[0][~padding_LB].any()
    found = zip(weights, grads[1:], strict=True)
    states = {f"state {i}": leaf.detach() for i, leaf in enumerate(ends)}
    return {"h": h.detach(), "x": grads[0]} | states | {key: grad for key, grad in found if grad is not None}


def require_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Bit for bit, and finite."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert value.isfinite().all() and torch.equal(found[name], value), name


@pytest.fixture(params=["by bits", "filled"])
def way(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of clearing, however small the input is."""
    monkeypatch.setattr(_padding, "SMALL", 0 if request.param == "by bits" else 1 << 60)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ENCODERS)
def test_what_stands_at_padded_steps_changes_nothing(
    name: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if backend == BACKENDS[0]:
        monkeypatch.setattr(_padding, "SMALL", 0)
    masks = (BEHIND, ANYWHERE) if built(name).pads_anywhere else (BEHIND,)
    with ops.use(backend):
        for kind, autocast in KINDS.values():
            encoder = built(name, kind)
            for padding_LB in masks if kind == torch.float32 else masks[-1:]:
                expected = results(encoder, padding_LB, 0.0, 0.0, autocast)
                for poison in POISONS:
                    require_equal(results(encoder, padding_LB, poison, 0.0, autocast), expected)
                # Nor does a gradient that comes in there.
                require_equal(results(encoder, padding_LB, 0.0, torch.nan, autocast), expected)
                require_equal(results(encoder, padding_LB, torch.nan, torch.inf, autocast), expected)


@pytest.mark.parametrize("name", ENCODERS)
def test_in_evaluation_too(name: str) -> None:
    encoder = built(name).eval()
    expected = results(encoder, BEHIND, 0.0, 0.0)
    require_equal(results(encoder, BEHIND, torch.nan, torch.nan), expected)
    x = torch.randn(L, B, D)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            clean, dirty = (
                encoder(x.masked_fill(BEHIND.unsqueeze(-1), value), None, BEHIND) for value in (0, torch.nan)
            )
            assert torch.equal(clean[0], dirty[0])
            for one, other in zip(*map(_pytree.tree_leaves, (clean[1], dirty[1])), strict=True):
                assert one is None or torch.equal(one, other)


@pytest.mark.parametrize("name", ["sru", "srupp", "qrnn-window", "mingru"])
def test_compiled_too(name: str) -> None:
    encoder = built(name)
    for module in encoder.modules():  # a compiler draws masks in its own order
        for key in ("dropout", "product_dropout", "attn_dropout", "zoneout", "p"):
            if isinstance(getattr(module, key, None), float):
                setattr(module, key, 0.0)
    expected = results(encoder, ANYWHERE, 0.0, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        compiled = torch.compile(encoder, fullgraph=True, backend="aot_eager")
        found = results(compiled, ANYWHERE, torch.nan, torch.nan)
    for key, value in expected.items():
        torch.testing.assert_close(
            found["_orig_mod." * (key in dict(encoder.named_parameters())) + key], value
        )


def test_in_torchs_transforms_too() -> None:
    encoder, x = built("sru").eval(), torch.randn(L, B, D)
    weights = {key: weight.detach() for key, weight in encoder.named_parameters()}

    def loss(weights: Any, x: Tensor) -> Tensor:
        h, _ = torch.func.functional_call(encoder, weights, (x, None, BEHIND))
        return h.square().sum()

    with ops.use("reference"):
        clean, dirty = (
            torch.func.grad(loss)(weights, x.masked_fill(BEHIND.unsqueeze(-1), value))
            for value in (0, torch.nan)
        )
    require_equal(dirty, clean)


def test_batch_first_too() -> None:
    torch.manual_seed(0)
    encoder, x = SRU(D, 8, 2, batch_first=True), torch.randn(B, L, D)
    padding_BL = BEHIND.t()
    clean, dirty = (
        encoder(x.masked_fill(padding_BL.unsqueeze(-1), value), None, padding_BL)[0]
        for value in (0, torch.nan)
    )
    assert torch.equal(clean, dirty)


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_clearing_is_a_masked_fill(kind: torch.dtype, way: None) -> None:
    x = torch.randn(L, B, D).to(kind)
    x[0, 0], x[BEHIND] = -0.0, torch.nan
    x.requires_grad_()
    found = cleared(x, BEHIND)
    expected = x.masked_fill(BEHIND.unsqueeze(-1), 0.0)
    bits = {8: torch.int64, 4: torch.int32, 2: torch.int16}[x.element_size()]
    assert torch.equal(found.detach().view(bits), expected.detach().view(bits))
    grad = torch.randn(L, B, D).to(kind)
    assert torch.equal(*(torch.autograd.grad(y, x, grad)[0] for y in (found, expected)))
    assert torch.equal(cleared(x.transpose(0, 1), BEHIND.t()), expected.transpose(0, 1))
    assert cleared(x, None) is x


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_clearing_has_derivatives_of_any_order(way: None) -> None:
    x = torch.randn(L, B, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: cleared(x, BEHIND), x)
    assert torch.autograd.gradgradcheck(lambda x: cleared(x, BEHIND).pow(3), x)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x.detach(), torch.ones(L, B, 2, dtype=torch.float64))
        tangent = torch.autograd.forward_ad.unpack_dual(cleared(dual, BEHIND)).tangent
    assert tangent is not None and torch.equal(tangent[..., 0], (~BEHIND).double())


@pytest.mark.parametrize("name", ENCODERS)
def test_padding_that_does_not_fit_is_refused(name: str) -> None:
    encoder, x = built(name), torch.randn(L, B, D)
    for width in (1, 2, 3, 5, 8):
        with pytest.raises(ValueError, match=rf"^padding: expected shape \(7, 4\), found \(7, {width}\)$"):
            encoder(x, None, torch.zeros(L, width, dtype=torch.bool))
    for length in (1, 6, 8):
        with pytest.raises(ValueError, match=rf"^padding: expected shape \(7, 4\), found \({length}, 4\)$"):
            encoder(x, None, torch.zeros(length, B, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"^padding: expected shape \(7, 4\), found \(4, 7\)$"):
        encoder(x, None, BEHIND.t())
    with pytest.raises(ValueError, match=r"^padding: expected torch.bool, found torch.float32$"):
        encoder(x, None, BEHIND.float())
