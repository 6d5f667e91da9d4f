"""Times the recurrence of one SRU layer alone, on every back end that the device has, and the authors' kernel.

Shapes: L time, B batch, k matrices, D columns = directions * hidden size.
"""

from typing import Any

import torch
from torch import Tensor

from .. import ops
from ..records.bench import Timed
from .authors import authors_recurrence
from .floor import recurrence_bytes
from .shapes import Shape
from .timing import Call, failure, interleaved


def backends(device: torch.device) -> list[str]:
    """Those that run on the device here and are worth timing: all but the reference, which is slow on purpose."""
    return [name for name in ops.dispatch.on(device.type) if name != "reference" and ops.available(name)[0]]


def time_recurrence(
    shape: Shape, device: torch.device, dtype: torch.dtype, repeats: int, budget_s: float
) -> list[Timed]:
    """A row per back end: timings of forward, and of forward and backward, and the bytes that must be moved."""
    arguments = inputs(shape, device, dtype)
    u_LBkD, x_LBD, v_2D, b_2D, c0_BD = arguments
    grad_LBD = torch.randn_like(x_LBD)
    calls: dict[tuple[str, str], Call] = {}
    rows = {name: Timed(backend=name, label=name) for name in backends(device)}
    for name in rows:
        run = _recurrence(arguments, shape.bidirectional)
        calls |= {
            key: _on(name, call) for key, call in _both(name, run, list(arguments[:4]), grad_LBD).items()
        }
    # Theirs computes in float32 alone: other types are cast at every call, which is part of what it costs.
    casts = "" if dtype == torch.float32 else " (casts to float32)"
    rows["authors"] = Timed(backend="authors", label=f"the authors' kernel{casts}")
    try:
        single = c0_BD.to(dtype)
        run, leaves = authors_recurrence(u_LBkD, x_LBD, v_2D, b_2D, single, shape.bidirectional)
        calls |= _both("authors", run, leaves, grad_LBD)
    except Exception as error:
        rows["authors"].error = failure(error)
    on_cuda = device.type == "cuda"
    found = interleaved(calls, device, repeats, budget_s / 2 if on_cuda else budget_s)
    if on_cuda:  # ours and theirs by what the kernels take, whatever their calls cost the host
        kernels = {(name, f"kernel_{mode}"): call for (name, mode), call in calls.items()}
        found |= interleaved(kernels, device, repeats, budget_s / 2, queued=True)
    forward, training = recurrence_bytes(
        shape.length, shape.batch, u_LBkD.size(2), shape.columns, dtype, skip_input=True
    )
    for (name, mode), timing in found.items():
        setattr(rows[name], mode, timing)
    for row in rows.values():
        row.bytes_inference, row.bytes_training = forward, training
    return list(rows.values())


def inputs(
    shape: Shape, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Random U (L, B, 3, D), x (L, B, D), v and b (2, D), which need gradients, and c0 (B, D), which does not."""
    torch.manual_seed(0)
    length, batch, columns = shape.length, shape.batch, shape.columns
    sizes = ((length, batch, 3, columns), (length, batch, columns), (2, columns), (2, columns))
    u, x, v, b = (torch.randn(*size, device=device, dtype=dtype).requires_grad_() for size in sizes)
    c0 = torch.zeros(batch, columns, device=device, dtype=torch.promote_types(dtype, torch.float32))
    return u, x, v, b, c0


def _recurrence(arguments: tuple[Tensor, ...], bidirectional: bool) -> Any:
    return lambda: ops.recurrence("sru", *arguments, bidirectional=bidirectional)[0]


def _on(name: str, call: Call) -> Call:
    def run() -> object:
        with ops.use(name):
            return call()

    return run


def _both(name: str, run: Any, leaves: list[Tensor], grad_LBD: Tensor) -> dict[tuple[str, str], Call]:
    def training() -> object:
        return torch.autograd.grad(run(), leaves, grad_LBD)

    return {(name, "inference"): torch.no_grad()(run), (name, "training"): training}
