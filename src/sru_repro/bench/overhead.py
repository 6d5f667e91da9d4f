"""What a call costs however small the work is: on the host, and on CUDA as a graph, which takes that cost away."""

import torch
from torch import Tensor

from .. import ops
from ..records.bench import Timed, Timing
from .alone import inputs
from .contenders import CONTENDERS, Contender
from .shapes import Shape
from .timing import Call, failure, interleaved
from .whole import INFERENCE, TRAINING, passes


def time_overhead(
    shape: Shape, device: torch.device, dtype: torch.dtype, repeats: int, budget_s: float
) -> list[Timed]:
    """A row per model: host seconds a layer, forward and forward with backward; then the bare recurrence.

    On CUDA the time until the calls return: the device has then still work in its queue.
    """
    calls: dict[tuple[str, str], Call] = {}
    rows: dict[str, Timed] = {}
    for name, contender in _called():
        rows[name] = Timed(contender=name, label=contender.label)
        try:
            own = passes(contender.build(shape, device, dtype), shape, device, dtype)
            calls |= {(name, mode): call for mode, call in own.items()}
        except Exception as error:
            rows[name].error = failure(error)
    u_LBkD, x_LBD, v_2D, b_2D, c0_BD = inputs(shape, device, dtype)

    def recurrence() -> Tensor:
        return ops.recurrence("sru", u_LBkD, x_LBD, v_2D, b_2D, c0_BD)[0]

    grad_LBD, leaves = torch.randn_like(x_LBD), (u_LBkD, x_LBD, v_2D, b_2D)
    rows["recurrence"] = Timed(contender="recurrence", label="ops.recurrence alone")
    calls["recurrence", "inference"] = torch.no_grad()(recurrence)
    calls["recurrence", "training"] = lambda: torch.autograd.grad(recurrence(), leaves, grad_LBD)
    found = interleaved(calls, device, repeats, budget_s, inner=20, host=True)
    for (name, mode), timing in found.items():
        setattr(rows[name], mode, _per(timing, 1 if name == "recurrence" else shape.layers))
    return list(rows.values())


def time_graphs(
    shape: Shape, device: torch.device, dtype: torch.dtype, repeats: int, budget_s: float
) -> list[Timed]:
    """A row per model: called as usual, and replayed as a CUDA graph, both modes."""
    rows: dict[str, Timed] = {}
    calls: dict[tuple[str, str], Call] = {}
    for name, contender in _called():
        rows[name] = Timed(contender=name, label=contender.label)
        try:
            own = passes(contender.build(shape, device, dtype), shape, device, dtype)
            for mode in (INFERENCE, TRAINING):  # packing asks the device for lengths, which no graph may
                calls[name, mode] = own[mode]
                calls[name, f"graph_{mode}"] = graph(own[mode])
        except Exception as error:
            rows[name].error = failure(error)
    found = interleaved(calls, device, repeats, budget_s)
    for (name, mode), timing in found.items():
        setattr(rows[name], mode, timing)
    return list(rows.values())


def _called() -> list[tuple[str, Contender]]:
    """Those whose calls are measured."""
    return [(name, contender) for name, contender in CONTENDERS.items() if contender.calls]


def graph(call: Call, first: int = 3) -> Call:
    """The same work as one graph, on the same memory at every replay, which returns what the call returned."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # as capturing wants it: the first calls set up what may not be recorded
        for _ in range(first):
            call()
    torch.cuda.current_stream().wait_stream(aside)
    global _spoilt
    if _spoilt:
        raise RuntimeError("nothing is captured after a capture that failed in this process")
    recorded, before = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    try:
        with torch.cuda.graph(recorded):
            kept = call()
    except BaseException:
        # PyTorch leaves its allocator, its random numbers and the current stream as if capturing went on.
        _spoilt = True
        torch.cuda.set_stream(before)
        raise

    def replay() -> object:
        recorded.replay()
        return kept

    return replay


_spoilt = False


def spoilt() -> bool:
    """Whether a capture has failed, after which this process should measure nothing more on a GPU."""
    return _spoilt


def _per(timing: Timing, layers: int) -> Timing:
    """Of one of so many layers."""
    seconds = {key: value / layers for key, value in timing if isinstance(value, float)}
    return timing.model_copy(update=seconds)
