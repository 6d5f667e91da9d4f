"""The minGRU against its paper, and the block around it.

Shapes: L time, B batch, D input, H output features.
"""

from functools import partial
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from sru_repro.models import MinGRU

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)

L, B, D, H = 6, 3, 5, 4
GOOD: dict[str, Any] = {
    "name": "mingru", "hidden_size": 8, "num_layers": 2, "dropout": 0.5, "expansion": 1, "bidirectional": False,
}  # fmt: skip


def normal(*shape: int) -> Tensor:
    """Random float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def built(*sizes: int, **options: Any) -> Any:
    """In float64, its norms away from one and zero."""
    torch.manual_seed(0)
    model = MinGRU(*sizes, **options).double()
    for layer in model.layers:
        nn.init.normal_(layer.norm.weight)
        nn.init.normal_(layer.norm.bias)
    return model


def recurrence(layer: Any, normed_LBD: Tensor, h: Tensor) -> Tensor:
    """The paper's section 3.1 with W_z = -W_f, b_z = -b_f; (L, B, C)."""
    W_h, W_f = layer.linear.weight.chunk(2)
    b_h, b_f = layer.linear.bias.chunk(2)
    out = []
    for x_t in normed_LBD:
        z = torch.sigmoid(x_t @ -W_f.T - b_f)
        h = (1 - z) * h + z * (x_t @ W_h.T + b_h)
        out.append(h)
    return torch.stack(out)


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("expansion", [1, 3])
@pytest.mark.parametrize("size", [D, H], ids=["residual-from-the-first", "sizes-differ-first"])
def test_equations_of_the_paper(size: int, expansion: int, with_state: bool) -> None:
    model, x = built(D, size, 3, expansion=expansion), normal(L, B, D)
    state = normal(3, B, expansion * size) if with_state else None
    y, h_n = model(x, state)
    for i, layer in enumerate(model.layers):
        zero = torch.zeros(B, expansion * size, dtype=torch.float64)
        normed = F.layer_norm(x, (x.size(-1),), layer.norm.weight, layer.norm.bias)
        h = recurrence(layer, normed, zero if state is None else state[i])
        assert_close(h_n[i], h[-1])
        if expansion > 1:
            h = F.linear(h, layer.down[0].weight, layer.down[0].bias)
        x = x + h if x.size(-1) == size else h
    assert_close(y, x)


@pytest.mark.parametrize("expansion", [1, 2])
def test_the_second_half_runs_backwards(expansion: int) -> None:
    model, x = built(D, H, 1, expansion=expansion, bidirectional=True), normal(L, B, D)
    y, h_n = model(x, None)
    (layer,) = model.layers
    columns, halves = expansion * H, []
    rows = torch.arange(4 * columns).view(2, 2, columns)  # [h~, f][direction][feature]
    for direction in (0, 1):
        alone = built(D, H, 1, expansion=expansion)
        (one,) = alone.layers
        one.norm.load_state_dict(layer.norm.state_dict())
        one.linear.weight.data = layer.linear.weight.data[rows[:, direction].flatten()]
        one.linear.bias.data = layer.linear.bias.data[rows[:, direction].flatten()]
        if expansion > 1:
            one.down[0].load_state_dict(layer.down[direction].state_dict())
        half, last = alone(x.flip(0) if direction else x)
        halves.append(half.flip(0) if direction else half)
        assert_close(h_n[:, :, direction * columns : (direction + 1) * columns], last)
    assert_close(y, torch.cat(halves, -1))


def test_gradients_are_those_of_the_plain_loop() -> None:
    model, x = built(H, H, 1), normal(L, B, H).requires_grad_()
    (layer,) = model.layers
    zero = torch.zeros(B, H, dtype=torch.float64)
    plain = x + recurrence(layer, layer.norm(x), zero)
    weight = normal(L, B, H)
    wrt = [x, *model.parameters()]
    found = torch.autograd.grad((model(x)[0] * weight).sum(), wrt)
    wanted = torch.autograd.grad((plain * weight).sum(), wrt)
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other)


def test_dropout_is_of_the_layers_output_and_leaves_the_residual() -> None:
    torch.manual_seed(0)
    model, x = built(64, 64, 1, dropout=0.25), normal(40, B, 64)
    kept = model.eval()(x)[0] - x
    found = model.train()(x)[0] - x
    dropped = found == 0
    assert 0.23 < dropped.double().mean() < 0.27
    assert_close(found[~dropped], (kept / 0.75)[~dropped])


def test_a_deep_stack_passes_signal_and_gradient() -> None:
    """What norm and residual are there for."""
    model, x = built(16, 16, 24), normal(L, B, 16).requires_grad_()
    y, _ = model(x)
    y.square().mean().backward()
    assert x.grad is not None
    assert 0.1 < x.grad.norm() / (2 * x / x.numel()).norm() < 100
    assert 0.1 < y.std() / x.std() < 100


def test_bf16_autocast_trains() -> None:
    model, x = MinGRU(D, 8, 2, expansion=2, dropout=0.1), normal(L, B, D).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, state = model(x)
        y, _ = model(x, state)
    y.float().sum().backward()
    assert y.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("expansion", "count"), [(1, 99_584), (2, 264_192)])
def test_parameters(expansion: int, count: int) -> None:
    """Two layers of 128 on 256: norms 2 * (256 + 128), the products, and what narrows."""
    products = 2 * 128 * expansion * (256 + 1 + 128 + 1)
    narrowing = 2 * (128 * 128 * expansion + 128) if expansion > 1 else 0
    assert count == 2 * (256 + 128) + products + narrowing
    assert sum(p.numel() for p in MinGRU(256, 128, 2, expansion=expansion).parameters()) == count


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expansion": 0}, r"^expansion: expected >= 1, found 0$"),
        ({"dropout": 1.0}, r"^dropout: expected 0 <= dropout < 1, found 1\.0$"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MinGRU(D, H, **options)


def test_shapes_that_do_not_fit_are_refused() -> None:
    model = MinGRU(D, H, expansion=2)
    with pytest.raises(ValueError, match=r"^input: expected \(L, B, 5\), found \(6, 3, 4\)$"):
        model(torch.zeros(L, B, 4))
    with pytest.raises(ValueError, match=r"^state: expected \(2, 3, 8\), found \(2, 3, 4\)$"):
        model(torch.zeros(L, B, D), torch.zeros(2, B, 4))


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden_size", 0), ("num_layers", "2"), ("dropout", 1.0), ("expansion", 0), ("expansion", 1.5),
     ("bidirectional", 1)],
)  # fmt: skip
def test_settings_out_of_range_and_of_other_types_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        MinGRU.Config(**(GOOD | {key: value}))
    assert {error["loc"][0] for error in caught.value.errors()} == {key}
