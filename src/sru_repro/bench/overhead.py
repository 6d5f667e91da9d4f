"""What a call costs the host, however small the work is."""

import torch
from torch import Tensor

from .. import ops
from ..records.bench import Timed, Timing
from .alone import inputs
from .contenders import CONTENDERS, Contender
from .shapes import Shape
from .timing import Call, failure, interleaved
from .whole import passes


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


def _called() -> list[tuple[str, Contender]]:
    """Those whose calls are measured."""
    return [(name, contender) for name, contender in CONTENDERS.items() if contender.calls]


def _per(timing: Timing, layers: int) -> Timing:
    """Of one of so many layers."""
    seconds = {key: value / layers for key, value in timing if isinstance(value, float)}
    return timing.model_copy(update=seconds)
