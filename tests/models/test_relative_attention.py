"""The layer of Transformer-XL: scores by distance, what is kept of the weights, what a step of generation costs.

Shapes: L time, B batch, D input, H output features.
"""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sru_repro.models import AttentionContext, TransformerXL
from sru_repro.models._relative_attention import sinusoids
from sru_repro.models._shift import by_key

L, B, D, H = 6, 3, 5, 8


def normal(*shape: int) -> Tensor:
    """Random float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def built(input_size: int, layers: int, attention_context: AttentionContext) -> Any:
    """In float64, with matrices large enough that positions count."""
    torch.manual_seed(0)
    model = TransformerXL(input_size, H, layers, inner_size=12, attention_context=attention_context).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model


@pytest.mark.parametrize(
    ("length", "memory", "ahead"), [(1, 0, 1), (1, 4, 1), (5, 0, 1), (5, 3, 1), (5, 0, 4)]
)
def test_scores_by_distance_become_scores_by_key(length: int, memory: int, ahead: int) -> None:
    keys = memory + length
    distance_N = torch.arange(keys - 1, -ahead - 1, -1)
    found = by_key(distance_N.expand(2, length, -1).clone(), keys)
    assert found.shape == (2, length, keys)
    for i in range(length):
        for j in range(keys):
            if memory + i - j >= -ahead:
                assert (found[:, i, j] == memory + i - j).all()


def test_positions_are_sines_then_cosines() -> None:
    n = torch.tensor([7, 0, -7])
    r = sinusoids(n, 6, torch.float64)
    for m in range(3):
        angle = n * 10000 ** (-2 * m / 6)
        torch.testing.assert_close(r[:, m], angle.double().sin(), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(r[:, 3 + m], angle.double().cos(), rtol=1e-6, atol=1e-6)
    assert sinusoids(n, 5, torch.bfloat16).shape == (3, 5)


def test_a_step_of_generation_costs_its_own_products_and_one_look_at_the_window() -> None:
    """No product of the whole window with a matrix: 2 H per remembered step and layer for each of the three looks."""
    window, layers, inner = 200, 2, 12
    model = built(H, layers, AttentionContext(0, window)).float().eval()
    with torch.no_grad():
        _, state = model(normal(window, 1, H).float())
        _, state = model(normal(1, 1, H).float(), state)  # the table reaches the window's end from here on
        with FlopCounterMode(display=False) as counter:
            model(normal(1, 1, H).float(), state)
    own = 2 * H * (4 * H + 2 * inner)
    looks = 3 * 2 * H * (window + 2)
    assert layers * own < counter.get_total_flops() <= layers * (own + looks)


def test_what_is_kept_of_the_weights_follows_them() -> None:
    model, x = built(D, 2, AttentionContext(0, 4)).eval(), normal(L, B, D)

    def check() -> None:
        kind = model.content_bias.dtype
        tolerance = 1e-10 if kind == torch.float64 else 1e-4
        fresh = (
            TransformerXL(D, H, 2, inner_size=12, attention_context=AttentionContext(0, 4)).to(kind).eval()
        )
        fresh.load_state_dict(model.state_dict())
        with torch.no_grad():
            found = model(x.to(kind))[0]
        wanted = fresh(x.to(kind))[0]
        torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)
        # With gradients nothing that was kept is used.
        of_relative = [
            torch.autograd.grad(
                m(x.to(kind))[0].square().sum(), [layer.relative.weight for layer in m.layers]
            )
            for m in (model, fresh)
        ]
        torch.testing.assert_close(*of_relative, rtol=10 * tolerance, atol=10 * tolerance)

    check()
    for layer in model.layers:
        with torch.no_grad():
            layer.relative.weight.mul_(-1.0)
        check()
    for layer in model.layers:
        layer.relative.weight.data.mul_(2.0)  # counts as no version; training comes between
    model.train().eval()
    check()
    for factor in (3.0, 0.5):  # other tensors, in the same version
        for layer in model.layers:
            layer.relative.weight = nn.Parameter(layer.relative.weight.detach() * factor)
        check()
    model.load_state_dict(
        {name: value + 1.0 if "relative" in name else value for name, value in model.state_dict().items()}
    )
    check()
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.layers[0].relative.weight.mul_(-1.0)
    check()
    model = twin
    check()
    model.bfloat16().double()  # rounded
    check()
    model.float().train().eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        model(x.float())
    check()
    model.train().eval()
    with torch.inference_mode():
        model(x.float())
    check()


def test_what_is_kept_is_made_seldom_while_a_text_grows() -> None:
    model, state = built(H, 1, AttentionContext(0, 64)).eval(), None
    made: list[Any] = []
    with torch.no_grad():
        for x in normal(150, 1, H).split(1):
            _, state = model(x, state)
            if not made or model._table.kept is not made[-1]:
                made.append(model._table.kept)
    assert len(made) <= 7
    assert len(made[-1][2][0]) == 64 + 2


def test_weights_that_count_no_versions_are_never_kept() -> None:
    with torch.inference_mode():
        model, x = built(D, 2, AttentionContext(0, 4)).eval(), normal(L, B, D)
        before, _ = model(x)
        model.layers[0].relative.weight.mul_(-1.0)
        assert not torch.allclose(model(x)[0], before)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "attention_context", [None, AttentionContext(4, 5)], ids=["whole", "attention_context"]
)
def test_bf16_autocast_runs_and_stays_near(
    attention_context: AttentionContext | None, training: bool
) -> None:
    torch.manual_seed(0)
    model = TransformerXL(D, H, 2, num_heads=2, attention_context=attention_context).train(training)
    x, padding_LB, state, state32 = normal(L, B, D).float(), None, None, None
    if attention_context is None:
        padding_LB = torch.arange(L).unsqueeze(1) >= torch.tensor([6, 2, 4])
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16), torch.set_grad_enabled(training):
            h, state = model(x, state, padding_LB)
        h32, state32 = model(x, state32, padding_LB)
        torch.testing.assert_close(h.float(), h32, rtol=0.1, atol=0.1)
    if training:
        h.float().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
