"""Weights are cast once for each state that they are in, and never stale."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sru_repro import ops
from sru_repro.models import SRU
from sru_repro.ops import casts

KIND = torch.bfloat16


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of weights of every cast that is made."""
    found: list[int] = []
    one_piece = casts.one_piece

    def counted(values: Any, kind: torch.dtype) -> list[Tensor]:
        found.append(len(values))
        return one_piece(values, kind)

    monkeypatch.setattr(casts, "one_piece", counted)
    return found


@pytest.fixture
def weight() -> nn.Parameter:
    return nn.Parameter(torch.randn(6, 4))


def current(weight: Tensor) -> bool:
    """Whether the cast that is given out is that of the weight as it is."""
    return torch.equal(casts.cast(weight, KIND), weight.detach().to(KIND))


def test_without_a_scope_every_call_casts(made: list[int], weight: nn.Parameter) -> None:
    assert current(weight) and current(weight) and len(made) == 2
    weight.data.mul_(2)  # which moves no version
    assert current(weight)
    assert casts.cast(weight, torch.float32) is weight and len(made) == 3


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, foreach=False),
        lambda p: torch.optim.SGD(p, 0.1, foreach=True),
        lambda p: torch.optim.Adam(p, 0.1, foreach=True),
        lambda p: torch.optim.Adam(p, 0.1, fused=True),
        lambda p: torch.optim.AdamW(p, 0.1, foreach=False),
        lambda p: torch.optim.SGD(p, 0.1, fused=True),
        lambda p: torch.optim.RAdam(p, 0.1),
    ],
    ids=["sgd", "sgd-foreach", "adam-foreach", "adam-fused", "adamw", "sgd-fused", "radam"],
)
def test_a_step_of_an_optimiser_means_one_cast(made: list[int], weight: nn.Parameter, optimizer: Any) -> None:
    chosen = optimizer([weight])
    with ops.keep_casts():
        for step in range(1, 4):
            for _ in range(3):  # accumulated batches, a validation
                assert current(weight) and len(made) == step
            weight.grad = torch.randn_like(weight)
            chosen.step()


def changes() -> Iterator[Any]:
    def new_data(weight: nn.Parameter) -> None:
        weight.data = torch.randn(6, 4)

    def loaded(weight: nn.Parameter) -> None:
        module = nn.Linear(4, 6, bias=False)
        module.weight = weight
        module.load_state_dict({"weight": torch.randn(6, 4)})

    def in_place(weight: nn.Parameter) -> None:
        with torch.no_grad():
            weight.normal_()

    def by_alias(weight: nn.Parameter) -> None:
        weight.detach().normal_()

    def swapped(weight: nn.Parameter) -> None:
        nn.utils.vector_to_parameters(torch.randn(24), [weight])

    def replayed(weight: nn.Parameter) -> None:
        weight.data.normal_()
        torch.autograd.graph.increment_version([weight])  # as the runner of recorded steps does

    for change in (new_data, loaded, in_place, by_alias, swapped, replayed):
        yield pytest.param(change, id=change.__name__)


@pytest.mark.parametrize("change", [*changes()])
def test_a_changed_weight_is_cast_anew(
    made: list[int], weight: nn.Parameter, change: Callable[[nn.Parameter], None]
) -> None:
    with ops.keep_casts():
        for number in range(1, 4):
            assert current(weight) and current(weight) and len(made) == number
            change(weight)
        assert current(weight)


def test_a_weight_at_the_address_of_another_is_another(made: list[int]) -> None:
    with ops.keep_casts():
        for number in range(1, 20):
            weight = nn.Parameter(torch.full((64, 64), float(number)))
            assert current(weight) and len(made) == number
            del weight
        twin = nn.Parameter(torch.randn(4, 4))
        assert current(twin) and current(copy.deepcopy(twin))


def test_a_cast_inside_a_graph_is_part_of_it(
    made: list[int], weight: nn.Parameter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ops.keep_casts():
        outside = casts.cast(weight, KIND)
        with monkeypatch.context() as patch:
            patch.setattr(casts, "capturing", lambda value: True)
            inside = [casts.cast(weight, KIND) for _ in range(2)]
        assert inside[0] is not inside[1] and outside is not inside[0] and len(made) == 3
        assert casts.cast(weight, KIND) is outside  # whose memory is not the graph's


def test_scopes_forget_and_may_be_nested(made: list[int], weight: nn.Parameter) -> None:
    with ops.keep_casts():
        assert current(weight)
        with ops.keep_casts():
            assert current(weight) and len(made) == 1
        with ops.keep_casts(False):
            assert current(weight) and len(made) == 2
        assert current(weight) and len(made) == 2 and casts.kept()
    assert not casts.kept()
    with ops.keep_casts():
        assert current(weight) and len(made) == 3


def test_what_validation_in_inference_mode_casts_may_be_trained_with(made: list[int]) -> None:
    torch.manual_seed(0)
    model, x = SRU(6, 6, 2), torch.randn(3, 2, 6)
    with ops.keep_casts(), torch.autocast("cpu", KIND):
        with torch.inference_mode():
            expected = model(x)[0]
        assert made == [1, 1]
        h = model(x)[0]
        h.float().sum().backward()
    assert made == [1, 1] and torch.equal(h, expected)
    with torch.inference_mode(), ops.keep_casts():
        own = torch.randn(4, 4)  # has no version at all
        assert current(own) and current(own)


def test_training_with_kept_casts_is_training_without(made: list[int]) -> None:
    """Accumulated batches and a validation between steps: bit for bit, with a cast a weight and step."""
    ends = []
    for keep in (True, False):
        torch.manual_seed(0)
        model, made[:] = SRU(6, 6, 2, projection_size=0), []
        optimizer = torch.optim.Adam(model.parameters(), 0.1)
        scope = ops.keep_casts() if keep else torch.enable_grad()
        with scope:
            for _ in range(3):
                for _ in range(2):
                    with torch.autocast("cpu", KIND):
                        model(torch.randn(3, 2, 6))[0].float().square().sum().backward()
                with torch.no_grad(), torch.autocast("cpu", KIND):
                    model(torch.randn(3, 2, 6))
                optimizer.step()
                optimizer.zero_grad()
        ends.append([weight.detach() for weight in model.parameters()])
        assert len(made) == (3 if keep else 6) * 2
    assert all(torch.equal(one, other) for one, other in zip(*ends, strict=True))
