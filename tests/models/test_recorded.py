"""One recorded step of generation: what is carried, and what becomes of a step that cannot be recorded.

Shapes: B batch.
"""

from contextlib import nullcontext
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from torch import Tensor

from sru_repro.core.replay import Recorded
from sru_repro.models import RecordedSteps, _recorded

CPU = torch.device("cpu")


def counted(ids_1B: Tensor, state: Any) -> tuple[Tensor, Any]:
    """The sum of all symbols so far, which is the state, too."""
    assert not torch.is_grad_enabled()
    total = state["total"] + ids_1B
    return total * 1, {"total": total}


def grown(ids_1B: Tensor, state: Any) -> tuple[Tensor, Any]:
    seen = torch.cat([state, ids_1B])
    return seen.sum(0, keepdim=True), seen


def ids(*values: int) -> Tensor:
    return torch.tensor([values])


def test_the_state_is_carried_in_the_tensors_it_came_in() -> None:
    total, first = ids(5, 0), ids(1, 2)
    steps = RecordedSteps(counted, first, {"total": total})
    assert [steps(ids(1, 2)).tolist(), steps(ids(10, 20)).tolist()] == [[[6, 2]], [[16, 22]]]
    assert total.tolist() == [[16, 22]] and first.tolist() == [[1, 2]]
    assert not steps.recorded and not steps.why_not


def test_a_step_may_write_the_symbols_of_the_next() -> None:
    def step(ids_1B: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        ids_1B.add_(1)
        return ids_1B, state + ids_1B

    steps = RecordedSteps(step, ids(0), ids(0))
    assert [steps().item() for _ in range(3)] == [1, 2, 3]


def test_what_lies_in_a_tensor_that_is_overwritten_is_kept() -> None:
    def shifted(ids_1B: Tensor, state: Any) -> tuple[Tensor, Any]:
        new, old = state
        return old * 1, (ids_1B * 1, new)

    steps = RecordedSteps(shifted, ids(0), (ids(1), ids(2)))
    assert [steps(ids(value)).item() for value in (3, 4, 5)] == [2, 1, 3]


@pytest.mark.parametrize(("step", "state"), [(grown, ids(7)), (lambda i, n: (i + n, n + 1), 7)])
def test_a_state_that_does_not_fit_is_handed_on(step: Any, state: Any) -> None:
    steps, plain = RecordedSteps(step, ids(0), state), state
    for value in (1, 2, 3):
        wanted, plain = step(ids(value), plain)
        assert torch.equal(steps(ids(value)), wanted)


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """As if the CPU were a GPU: what is captured runs at its replays. The list tells what became of the capture."""
    told: list[str] = []

    class Capture(Recorded[Any]):
        def __init__(self, call: Any, device: torch.device) -> None:
            super().__init__(call, CPU, "a pool")
            told.append("captured")

    monkeypatch.setattr(_recorded, "Recorded", Capture)
    monkeypatch.setattr(_recorded, "_captures", lambda device: True)
    monkeypatch.setattr(torch.cuda, "Stream", MagicMock())
    monkeypatch.setattr(torch.cuda, "current_stream", MagicMock())
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    return told


def test_first_steps_leave_no_trace(pretended: list[str]) -> None:
    total = ids(5)
    steps = RecordedSteps(counted, ids(3), {"total": total})
    assert pretended == ["captured"] and steps.recorded and total.item() == 5
    assert [steps(ids(1)).item(), steps(ids(2)).item()] == [6, 8] and total.item() == 8


def test_a_growing_state_is_not_captured(pretended: list[str]) -> None:
    steps = RecordedSteps(grown, ids(0), ids(7))
    assert not pretended and not steps.recorded
    assert steps.why_not == "the state of this model changes its shapes from step to step"
    assert [steps(ids(value)).item() for value in (1, 2)] == [8, 10]


def test_a_step_that_waits_is_not_captured(pretended: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_recorded, "waits", lambda device: nullcontext(["model.py:7"]))
    steps = RecordedSteps(counted, ids(3), {"total": ids(5)})
    assert not pretended and steps.why_not == "a step waits for the GPU, at model.py:7"
    assert [steps(ids(1)).item(), steps(ids(2)).item()] == [6, 8]


def test_a_capture_that_is_refused_leaves_plain_steps(
    pretended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(call: Any, device: torch.device) -> None:
        raise RuntimeError("CUDA error: operation not permitted\nwhen stream is capturing")

    monkeypatch.setattr(_recorded, "Recorded", refuse)
    steps = RecordedSteps(counted, ids(3), {"total": ids(5)})
    assert not pretended and not steps.recorded
    assert steps.why_not == "CUDA refused to capture it: CUDA error: operation not permitted"
    assert [steps(ids(1)).item(), steps(ids(2)).item()] == [6, 8]
