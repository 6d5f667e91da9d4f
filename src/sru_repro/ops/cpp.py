"""The CPU back end: one cell over time in C++ (kernels/recurrence.cpp), compiled on first use."""

import ctypes
import functools
import platform
import struct
import time
from pathlib import Path

import torch

from . import build, fused
from .fused import NAMES, Arrays

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
        "-ffp-contract=fast",
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


def _run(kernel: str, cell: str, arrays: Arrays, tanh: bool, skip_scale: float, bidirectional: bool) -> None:
    """One pass over all steps; see `fused.Run`."""
    u, x, v, *_ = arrays
    assert u is not None
    library = _library(cell, u.dtype, u.dtype if x is None else x.dtype)
    per_step = v is not None and v.dim() == 4
    threads = torch.get_num_threads() if u.numel() > PARALLEL else 1
    pointers = [0 if value is None else value.data_ptr() for value in arrays]
    call = CALL.pack(*u.shape, bidirectional, tanh, per_step, threads, skip_scale, *pointers)
    (library.forward if kernel == "forward" else library.backward)(call)


forward = functools.partial(fused.forward, _run)
backward = functools.partial(fused.backward, _run, False)
