"""A recorded call: on a CPU the call again; on CUDA a graph, and everything goes on where a capture fails."""

import warnings
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch

from sru_repro.core.replay import Recorded, waits

CUDA = torch.device("cuda")


def test_on_a_cpu_a_replay_is_the_call_again() -> None:
    numbers = iter(range(9))
    recorded = Recorded(lambda: next(numbers), torch.device("cpu"))
    assert [recorded.replay(), recorded.replay(), recorded.result, recorded.pool] == [0, 1, 1, None]


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What a capture touches of CUDA, pretended; `end` raises where the capture was broken."""
    found = SimpleNamespace(
        graph=MagicMock(), stream=MagicMock(), generator=MagicMock(), ended=[], used=[], end=lambda: None
    )

    class Capture:
        def __init__(self, graph: Any, pool: Any) -> None:
            found.used.append(pool)

        def __enter__(self) -> None: ...
        def __exit__(self, *_: Any) -> None:
            found.end()

    stand_ins: dict[str, Any] = {
        "CUDAGraph": lambda: found.graph,
        "current_stream": lambda: found.stream,
        "set_stream": lambda stream: found.used.append(stream),
        "graph": Capture,
        "graph_pool_handle": lambda: (0, 7),
        "default_generators": (found.generator,),
    }
    for name, value in stand_ins.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(
        torch._C, "_cuda_endAllocateToPool", lambda *place: found.ended.append(place), raising=False
    )
    return found


def test_a_graph_runs_the_call_once_and_keeps_its_result(cuda: SimpleNamespace) -> None:
    calls: list[int] = []
    recorded = Recorded(lambda: calls.append(1) or "kept", CUDA)  # type: ignore[func-returns-value]
    assert [recorded.replay(), recorded.replay()] == ["kept", "kept"]
    assert len(calls) == 1 and cuda.graph.replay.call_count == 2 and not cuda.ended
    assert Recorded(lambda: None, CUDA, recorded.pool).pool == (0, 7) and cuda.used == [(0, 7), (0, 7)]


def test_after_a_capture_that_failed_everything_goes_on(cuda: SimpleNamespace) -> None:
    """PyTorch's own way out of a capture raises, and leaves stream, generator and allocator in the middle of it."""

    def end() -> None:
        raise RuntimeError("capture invalidated")

    cuda.end = end
    with pytest.raises(RuntimeError, match="capture invalidated"):
        Recorded(lambda: None, CUDA)
    assert cuda.used[-1] is cuda.stream and cuda.ended == [(cuda.stream.device.index, (0, 7))]
    cuda.generator.graphsafe_set_state.assert_called_once_with(cuda.generator.clone_state())


def test_what_waits_is_told_and_other_warnings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[object] = []
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)
    with pytest.warns(UserWarning, match="^another$"), waits(CUDA) as found:
        warnings.warn("Synchronization debug mode is a prototype feature and ...", stacklevel=1)
        warnings.warn("called a synchronizing CUDA operation (Triggered ...)", stacklevel=1)
        warnings.warn("another", stacklevel=1)
    assert len(found) == 1 and "test_replay.py:" in found[0] and modes == ["warn", 0]
    with waits(torch.device("cpu")) as nothing:
        torch.ones(1).item()
    assert nothing == []
