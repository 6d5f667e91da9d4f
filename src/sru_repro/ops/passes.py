"""One pass of a recurrence on the back end of the moment, and whether it may be called without an operator.

Shapes: L time, B batch, k matrices, D columns.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from . import dispatch
from .build import BuildError
from .cells import ALL, Gradients, Maybe, Needed


def name(u: Tensor) -> str:
    """That of the back end of a call on the device of u (L, B, k, D)."""
    return dispatch.name_for("cpu" if u.is_cpu else u.device.type)


def backend(u: Tensor) -> str:
    """The same for a pass over u (L, B, k, D) alone: the reference has no backward, so that the loop runs which has."""
    found = name(u)
    return "eager" if found == "reference" else found


def forward(backend: str, cell: str, u: Tensor, *rest: Any) -> tuple[str, tuple[Tensor, Tensor, Maybe]]:
    """The back end that ran, and its h (L, B, D), c_n (B, D) and states (L + 1, B, D), None where they are not kept.

    Args:
        backend: the one that is to run.
        cell: a name of `CELLS`.
        u: (L, B, k, D).
        rest: the other arguments of `cells.Forward`, in the shapes told there.
    """
    try:
        return backend, dispatch.module(backend).forward(cell, u, *rest)
    except BuildError as error:  # of this cell or these types, where others were built
        dispatch.fall_back(u.device.type, str(error))
        return "eager", dispatch.module("eager").forward(cell, u, *rest)


def backward(backend: str, *arguments: Any, needed: Needed = ALL) -> Gradients:
    """Gradients of u, x, v, b and c0, each in the shape of its argument.

    `arguments` are those of `cells.Backward`. Every back end understands the states of the others.
    """
    try:
        found: Gradients = dispatch.module(backend).backward(*arguments, needed=needed)
    except BuildError as error:
        dispatch.fall_back(arguments[0].device.type, str(error))
        found = dispatch.module("eager").backward(*arguments, needed=needed)
    return found


def watched(value: Tensor) -> bool:
    """Whether somebody has to see an operator that reads `value`, of any shape.

    That is a compiler, a transform, a mode, or a device that only has shapes.
    """
    return (
        torch.compiler.is_compiling()
        or is_in_torch_dispatch_mode()
        or torch._C._are_functorch_transforms_active()
        or torch.jit.is_tracing()
        or type(value) not in (Tensor, torch.nn.Parameter)
        or value.is_meta
    )


def exporting() -> bool:
    """Whether torch.export is recording; older releases of PyTorch do not tell."""
    told = getattr(torch.compiler, "is_exporting", None)
    return told is not None and told()


def to_onnx() -> bool:
    """Whether an export to ONNX is recording, which has no operator for a recurrence and gets its steps."""
    return not torch.compiler.is_dynamo_compiling() and torch.onnx.is_in_onnx_export()


INSIDE = "run the recurrence inside `with sru_repro.ops.use('reference'):`"


def refuse_forward_mode() -> None:
    """Forward-mode derivatives would come out as zero, without a word.

    Raises:
        RuntimeError: they are being taken.
    """
    if torch.autograd.forward_ad._current_level >= 0:
        raise RuntimeError(f"forward-mode derivatives are not implemented by this back end: {INSIDE}")


def refuse_as_operator() -> None:
    """What looks on and cannot do with an operator alone, told before it fails in its own words.

    Raises:
        RuntimeError: it is forward mode or a derivative of torch.func.
    """
    refuse_forward_mode()
    if torch.compiler.is_dynamo_compiling():
        return
    if torch._C._are_functorch_transforms_active():
        levels = torch._C._functorch.get_interpreter_stack() or []
        if any(level.key() == torch._C._functorch.TransformType.Grad for level in levels):
            raise RuntimeError(
                f"derivatives by torch.func's functorch transforms are not implemented by this back end: {INSIDE}"
            )


def refuse_in_a_trace(length: int) -> None:
    """A trace of the loop would take every input for one of that length, without a word.

    Raises:
        RuntimeError: one is being recorded.
    """
    if torch.jit.is_tracing():
        raise RuntimeError(
            f"torch.jit.trace would record the reference's loop for {int(length)} steps alone: trace outside "
            "`sru_repro.ops.use('reference')`; for ONNX call torch.onnx.export(..., dynamo=True), whose graph refuses "
            "other lengths"
        )
