"""The CPU back end: one cell over time in C++ (kernels/recurrence.cpp), compiled on first use.

Forward stores the states for backward, which computes the gates again; in inference nothing is stored. The state, its
gradient and all sums are kept in float32 or wider. Shapes: L time, B batch, k matrices, D columns.
"""

import ctypes
import functools
import platform
import struct
import time
from pathlib import Path

import torch
from torch import Tensor

from . import build

NAMES = {torch.float32: "f32", torch.float64: "f64", torch.bfloat16: "bf16", torch.float16: "f16"}
CALL = struct.Struct("8qd17P")
"""The kernel's struct Call: sizes and options, the scale, pointers."""
PARALLEL = 1 << 14
"""Elements below which a second thread costs more than it saves."""


@functools.cache
def _flags() -> list[str]:
    """Vector code for this very processor, in the arithmetic of IEEE 754: infinities and NaN stay what they are."""
    flags = [
        "-std=c++17",
        "-O3",
        "-march=native",
        "-fPIC",
        "-shared",
        "-fno-math-errno",
        "-fno-trapping-math",
    ]
    if platform.machine() in ("x86_64", "AMD64"):
        flags.append("-mprefer-vector-width=512")
    # The threads must be PyTorch's own: a second OpenMP library would bring a second pool that fights for the cores.
    bundled = sorted(Path(torch.__file__).parent.glob("lib/libgomp*"))
    return [*flags, "-Wl,--as-needed", *map(str, bundled[:1]), "-fopenmp"]


@functools.cache
def _library(cell: str, u: torch.dtype, x: torch.dtype) -> ctypes.CDLL:
    defines = {"CELL": cell, "U_TYPE": NAMES[u], "X_TYPE": NAMES[x]}
    return ctypes.CDLL(str(build.shared_library("recurrence.cpp", (f"cells/{cell}.h",), defines, _flags())))


@functools.cache
def available() -> tuple[bool, str]:
    """Whether this machine can build and run the kernels, and why (not)."""
    started = time.perf_counter()
    try:
        _library("sru", torch.float32, torch.float32)
    except (build.BuildError, OSError) as error:
        return False, str(error)
    return True, f"built or found in {time.perf_counter() - started:.1f} s"


def forward(
    cell: str,
    u: Tensor,
    x: Tensor | None,
    v: Tensor | None,
    b: Tensor | None,
    c0: Tensor,
    mask: Tensor | None,
    padding: Tensor | None,
    tanh: bool,
    skip_scale: float,
    bidirectional: bool,
    keep_states: bool,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """h (L, B, D), c_n (B, D), and the states (L + 1, B, D) in scan order, first c0, if they are to be kept."""
    length, batch, _, columns = u.shape
    u, x, v, b, mask, padding = _readable(u, x, v, b, mask, padding, c0.dtype)
    c0, h = c0.contiguous(), u.new_empty(length, batch, columns)
    c_n = torch.empty_like(c0)
    states = c0.new_empty(length + 1, batch, columns) if keep_states else None
    library = _library(cell, u.dtype, u.dtype if x is None else x.dtype)
    library.forward(
        _call(u, v, tanh, skip_scale, bidirectional, x, v, b, c0, mask, padding, h, c_n, states, *[None] * 7)
    )
    return h, c_n, states


def backward(
    grad_h: Tensor,
    grad_c_n: Tensor,
    cell: str,
    u: Tensor,
    x: Tensor | None,
    v: Tensor | None,
    b: Tensor | None,
    mask: Tensor | None,
    padding: Tensor | None,
    states: Tensor,
    tanh: bool,
    skip_scale: float,
    bidirectional: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of U, x, v, b and c0; empty where the argument was not given."""
    types = [None if value is None else value.dtype for value in (x, v, b)]
    u, x, v, b, mask, padding = _readable(u, x, v, b, mask, padding, states.dtype)
    grad_h, grad_c_n = grad_h.contiguous(), grad_c_n.contiguous()
    grad_u, grad_c0 = torch.empty_like(u), torch.empty_like(grad_c_n)
    given = [None if value is None else torch.empty_like(value) for value in (x, v, b)]
    library = _library(cell, u.dtype, u.dtype if x is None else x.dtype)
    results = (grad_h, grad_c_n, grad_u, *given, grad_c0)
    library.backward(
        _call(
            u, v, tanh, skip_scale, bidirectional, x, v, b, None, mask, padding, None, None, states, *results
        )
    )
    grads = [
        states.new_empty(0) if value is None else value.to(kind)
        for value, kind in zip(given, types, strict=True)
    ]
    return (grad_u, *grads, grad_c0)  # type: ignore[return-value]


def _readable(
    u: Tensor,
    x: Tensor | None,
    v: Tensor | None,
    b: Tensor | None,
    mask: Tensor | None,
    padding: Tensor | None,
    work: torch.dtype,
) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
    """The arguments as the kernel reads them: contiguous; v, b and mask, which are small, in the type of the work.

    x keeps the type of U, or has the type of the work.
    """
    if x is not None:
        x = (x if x.dtype == u.dtype else x.to(work)).contiguous()
    v, b, mask = (None if value is None else value.to(work).contiguous() for value in (v, b, mask))
    return u.contiguous(), x, v, b, mask, None if padding is None else padding.contiguous()


def _call(
    u: Tensor,
    v: Tensor | None,
    tanh: bool,
    skip_scale: float,
    bidirectional: bool,
    *rest: Tensor | None,
) -> bytes:
    per_step = v is not None and v.dim() == 4
    threads = torch.get_num_threads() if u.numel() > PARALLEL else 1
    pointers = [0 if value is None else value.data_ptr() for value in (u, *rest)]
    return CALL.pack(*u.shape, bidirectional, tanh, per_step, threads, skip_scale, *pointers)
