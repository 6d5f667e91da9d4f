"""Attention in blocks against the plain form in float64, with gradients; its dropout, its memory, its operations.

Shapes: L queries, T keys, M = T - L, B batch, P features, h heads, N distances.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from sru_repro.models import _attention, _blocks
from sru_repro.models._block_scores import Positions
from sru_repro.models._rows import by_head
from sru_repro.models._sight import Sight

B, HEAD = 3, 4


def normal(*shape: int) -> Tensor:
    """Random float64 that asks for a gradient."""
    return torch.randn(*shape, dtype=torch.float64).requires_grad_()


def plain(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    sight: Sight,
    padding_LB: Tensor | None = None,
    positions: Positions | None = None,
    keep_BhLT: Tensor | None = None,
) -> Tensor:
    """All scores at once, every term where the paper has it."""
    length, keys = sight.length, sight.keys
    q_BhLd, k_BhTd, v_BhTd = (by_head(t, heads) for t in (q, k, v))
    score = q_BhLd @ k_BhTd.transpose(-1, -2)
    i, j = torch.arange(length).unsqueeze(1) + keys - length, torch.arange(keys)
    if positions is not None:
        r_hdN = positions.relative_NP.unflatten(-1, (heads, -1)).permute(1, 2, 0)
        by_distance = by_head(positions.q_LBP, heads) @ r_hdN
        place_LT = (keys - 1 - (i - j)).clamp(max=r_hdN.size(-1) - 1)
        score = score + by_distance.gather(-1, place_LT.expand(score.shape))
    unseen = torch.zeros(1, 1, length, keys, dtype=torch.bool)
    if sight.causal:
        unseen = unseen | (j > i)
    if sight.window is not None:
        unseen = unseen | (j < i - sight.window)
    if padding_LB is not None:
        unseen = unseen | (padding_LB.t()[:, None, None, :] & (i != j))
    weight = (score / math.sqrt(q_BhLd.size(-1))).masked_fill(unseen, -torch.inf).softmax(-1)
    if keep_BhLT is not None:
        weight = weight * keep_BhLT
    return (weight @ v_BhTd).permute(2, 0, 1, 3).flatten(-2)


def assert_same(found: Tensor, wanted: Tensor, inputs: list[Tensor]) -> None:
    """Values and gradients."""
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-11)
    weight = torch.randn_like(found)
    gradients = (torch.autograd.grad(y, inputs, weight, retain_graph=True) for y in (found, wanted))
    torch.testing.assert_close(*map(list, gradients), rtol=1e-9, atol=1e-11)


@pytest.fixture
def blocks_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Sets the queries of a block, and the scores that are taken at once."""

    def set_sizes(queries: int, scores: int) -> None:
        monkeypatch.setattr(_blocks, "ON_CPU", _blocks.Sizes(queries, scores))

    return set_sizes


SIGHTS = {
    "one-query": Sight(1, 5, True),
    "causal": Sight(7, 7, True),
    "memory": Sight(7, 12, True),
    "window": Sight(7, 12, True, 3),
    "window-own": Sight(5, 8, True, 0),
    "window-over-the-start": Sight(7, 9, True, 4),
    "wide-window": Sight(6, 9, True, 40),
    "whole": Sight(7, 7, False),
}


@pytest.mark.parametrize("positions", [False, True], ids=["content", "positions"])
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("name", SIGHTS)
def test_blocks_of_any_size_give_the_plain_form(
    name: str, heads: int, positions: bool, blocks_of: Callable[[int, int], None]
) -> None:
    torch.manual_seed(0)
    sight, width = SIGHTS[name], heads * HEAD
    q, k, v = normal(sight.length, B, width), normal(sight.keys, B, width), normal(sight.keys, B, width)
    distances = sight.keys if sight.causal else sight.keys + sight.length - 1
    by_distance = Positions(normal(sight.length, B, width), normal(distances, width))
    given = by_distance if positions else None
    inputs = [q, k, v, *(by_distance if positions else ())]
    wanted = plain(q, k, v, heads, sight, positions=given)
    for queries, scores in itertools.product((1, 3, 64), (1, 2 * heads * sight.length * sight.keys, 10**9)):
        blocks_of(queries, scores)
        assert_same(_blocks.attend(q, k, v, heads, sight, positions=given), wanted, inputs)
        together = _blocks.attend(q, torch.cat([k, v], -1), None, heads, sight, positions=given)
        assert_same(together, wanted, inputs)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("queries", [2, 64])
def test_padding_is_seen_by_itself_alone(
    heads: int, queries: int, blocks_of: Callable[[int, int], None]
) -> None:
    torch.manual_seed(0)
    sight, width = Sight(7, 7, False), heads * HEAD
    padding_LB = torch.rand(7, B) > 0.5
    padding_LB[:, 0] = True
    q, k, v = (normal(7, B, width) for _ in range(3))
    blocks_of(queries, 100)
    found = _blocks.attend(q, k, v, heads, sight, padding_LB=padding_LB)
    assert_same(found, plain(q, k, v, heads, sight, padding_LB), [q, k, v])


def drawn(sight: Sight, heads: int, dropout: float) -> Tensor:
    """The dropout mask (B, h, L, T) of a call, read off it: with V the identity it puts out its weights."""
    width = heads * sight.keys
    q, k = torch.zeros(sight.length, B, width).double(), torch.zeros(sight.keys, B, width).double()
    v = torch.eye(sight.keys).double().repeat(1, heads).unsqueeze(1).expand(-1, B, -1)
    out = _blocks.attend(q, k, v, heads, sight, dropout=dropout)
    return (by_head(out, heads) > 0).double() / (1 - dropout)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("queries", [3, 64])
def test_gradients_use_the_dropout_of_forward(
    heads: int, queries: int, blocks_of: Callable[[int, int], None]
) -> None:
    torch.manual_seed(0)
    sight, width = Sight(8, 13, True), heads * HEAD
    blocks_of(queries, 2 * heads * 8 * 13)
    q, k, v = normal(8, B, width), normal(13, B, width), normal(13, B, width)
    torch.manual_seed(5)
    keep = drawn(sight, heads, 0.3)
    torch.manual_seed(5)
    found = _blocks.attend(q, k, v, heads, sight, dropout=0.3)
    assert_same(found, plain(q, k, v, heads, sight, keep_BhLT=keep), [q, k, v])


def test_dropout_keeps_so_many_and_follows_the_seed() -> None:
    sight = Sight(64, 128, True)
    torch.manual_seed(1)
    keep = drawn(sight, 2, 0.25) > 0
    seen = torch.ones(64, 128, dtype=torch.bool).tril_(64)
    assert not (keep & ~seen).any()
    kept = keep[..., seen].double()
    assert kept.mean().item() == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / kept.numel()))
    torch.manual_seed(1)
    assert torch.equal(drawn(sight, 2, 0.25) > 0, keep)
    assert not torch.equal(drawn(sight, 2, 0.25) > 0, keep)


def test_the_same_seed_gives_the_same_bits(blocks_of: Callable[[int, int], None]) -> None:
    sight = Sight(64, 128, True)
    blocks_of(16, 2 * 2 * 64 * 128)
    torch.manual_seed(0)
    q, kv = torch.randn(64, 5, 32).requires_grad_(), torch.randn(128, 5, 64).requires_grad_()

    def results() -> list[Tensor]:
        torch.manual_seed(3)
        out = _blocks.attend(q, kv, None, 2, sight, dropout=0.2)
        return [out, *torch.autograd.grad(out.square().sum(), (q, kv))]

    assert all(torch.equal(one, other) for one, other in zip(results(), results(), strict=True))


class Largest(TorchDispatchMode):
    """The largest tensor that any operator makes anew."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, (tuple, list)) else (found,):
            if isinstance(tensor, Tensor):
                self.numel = max(self.numel, tensor.untyped_storage().nbytes() // tensor.itemsize)
        return found


@pytest.mark.parametrize("positions", [False, True], ids=["content", "positions"])
def test_memory_does_not_grow_with_all_scores(positions: bool, blocks_of: Callable[[int, int], None]) -> None:
    length, batch, heads, features = 64, 16, 2, 8
    sight = Sight(length, 2 * length, True)
    one = length * sight.keys
    blocks_of(16, 2 * heads * one)
    q, kv = torch.randn(length, batch, features), torch.randn(sight.keys, batch, 2 * features)
    by_distance = Positions(q, torch.randn(sight.keys, features)) if positions else None
    for tensor in (q, kv):
        tensor.requires_grad_()
    with Largest() as forward:
        out = _blocks.attend(q, kv, None, heads, sight, positions=by_distance)
    assert forward.numel <= max(2 * heads * 16 * sight.keys, kv.numel())
    with Largest() as backward:
        out.sum().backward()
    assert backward.numel <= 2 * heads * one < batch * heads * one


def test_what_is_hidden_costs_no_products(blocks_of: Callable[[int, int], None]) -> None:
    """Of the scores of 4 blocks behind a memory of the same length 13 in 16 are computed, without one 10 in 16."""
    blocks_of(16, 10**9)
    features = 32
    for memory, share in ((64, 13 / 16), (0, 10 / 16)):
        sight = Sight(64, 64 + memory, True)
        q, kv = torch.randn(64, 2, features), torch.randn(sight.keys, 2, 2 * features)
        for tensor in (q, kv):
            tensor.requires_grad_()
        product = 2 * 2 * 64 * sight.keys * features
        with FlopCounterMode(display=False) as forward:
            out = _blocks.attend(q, kv, None, 1, sight)
        assert forward.get_total_flops() == 2 * share * product
        with FlopCounterMode(display=False) as backward:
            out.sum().backward()
        assert backward.get_total_flops() == 5 * share * product


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_rounding_is_that_of_scores_in_half_precision(kind: torch.dtype) -> None:
    """Beside the float64 result, no further off than twice, gradients three times, the plain form in this type."""
    torch.manual_seed(0)
    sight, heads = Sight(128, 256, True), 1
    exact = [torch.randn(n, 2, 64).to(kind).double().requires_grad_() for n in (128, 256, 256)]
    half = [t.detach().to(kind).requires_grad_() for t in exact]
    weight = torch.randn(128, 2, 64).to(kind)

    def results(call: Callable[..., Any], tensors: list[Tensor]) -> list[Tensor]:
        out = call(*tensors, heads, sight)
        return [out.detach(), *torch.autograd.grad(out, tensors, weight.to(out.dtype))]

    wanted = results(plain, exact)
    ways: tuple[Callable[..., Any], ...] = (_blocks.attend, plain)
    off = [
        [(a.double() - b).norm().item() for a, b in zip(results(call, half), wanted, strict=True)]
        for call in ways
    ]
    for place, (ours, theirs) in enumerate(zip(*off, strict=True)):
        assert ours <= (2 if place == 0 else 3) * theirs


@pytest.mark.parametrize("name", [name for name in SIGHTS if name != "whole"])
@pytest.mark.parametrize("head", [8, _attention.NARROW])
def test_either_way_of_attention_is_the_same(name: str, head: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    sight = SIGHTS[name]
    q, kv = normal(sight.length, B, head), normal(sight.keys, B, 2 * head)
    k, v = kv.chunk(2, -1)
    wanted = plain(q, k, v, 1, sight)
    for blocks in (False, True):
        monkeypatch.setattr(_attention, "_in_blocks", lambda *given, chosen=blocks: chosen)
        assert_same(_attention.attend(q, kv, 1, sight), wanted, [q, kv])


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")  # torch's, of vmap
def test_transforms_see_operators() -> None:
    """They need what a custom backward has not: a forward derivative."""
    sight = Sight(_attention.SHORT + 1, _attention.SHORT + 1, True)
    q, kv = torch.randn(sight.length, 2, 128), torch.randn(sight.length, 2, 256)
    (found,) = torch.func.vmap(lambda t: (_attention.attend(t, kv, 1, sight),))(torch.stack([q, 2 * q]))
    wanted = torch.stack([_attention.attend(t, kv, 1, sight) for t in (q, 2 * q)])
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_distances_lie_where_keys_are() -> None:
    """Every block's share of a table of distances begins with that of its last query to its first key."""
    for sight in SIGHTS.values():
        for block in sight.blocks(3):
            place = sight.distances(block)
            farthest = sight.past + block.queries.stop - 1 - block.keys.start
            assert sight.keys - 1 - place.start == farthest
            nearest = 0 if sight.causal else block.queries.start - sight.keys + 1
            assert sight.keys - place.stop == nearest
