"""The CPU back end: one cell over time in C++ (kernels/recurrence.cpp), compiled on first use."""

import ctypes
import functools
import math
import platform
import struct
import time
from pathlib import Path
from typing import Any

import torch

from . import fused
from .build import BuildError
from .compiler import shared_library
from .fused import NAMES, Arrays

CALL = struct.Struct("8qd")
"""The beginning of the kernel's struct Call: sizes and options, the scale. Behind it come pointers."""
POINTERS = {"forward": struct.Struct("10P"), "backward": struct.Struct("17P")}
"""As many of them as that kernel reads."""
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
    headers = ("step.h", f"cells/{cell}.h")
    return shared_library("recurrence.cpp", headers, defines, _flags())


@functools.cache
def available() -> tuple[bool, str]:
    """Whether this machine can build and run the kernels, and why (not)."""
    started = time.perf_counter()
    try:
        _library("sru", torch.float32, torch.float32)
    except BuildError as error:
        return False, str(error)
    return True, f"built or found in {time.perf_counter() - started:.1f} s"


@functools.lru_cache(maxsize=4096)
def _prepared(
    kernel: str,
    cell: str,
    shape: tuple[int, ...],
    u: torch.dtype,
    x: torch.dtype,
    tanh: bool,
    per_step: bool,
    skip_scale: float,
    bidirectional: bool,
    threads: int,
) -> tuple[Any, bytes]:
    """The kernel's function, and the part of its struct that does not depend on where the arrays lie."""
    threads = threads if math.prod(shape) > PARALLEL else 1
    call = CALL.pack(*shape, bidirectional, tanh, per_step, threads, skip_scale)
    return getattr(_library(cell, u, x), kernel), call


def _run(kernel: str, cell: str, arrays: Arrays, tanh: bool, skip_scale: float, bidirectional: bool) -> None:
    """One pass over all steps; see `fused.Run`."""
    u, x, v = arrays[:3]
    assert u is not None
    kinds, per_step = (u.dtype, u.dtype if x is None else x.dtype), v is not None and v.dim() == 4
    options = (tanh, per_step, skip_scale, bidirectional)
    function, call = _prepared(kernel, cell, u.shape, *kinds, *options, torch.get_num_threads())
    function(call + POINTERS[kernel].pack(*[0 if value is None else value.data_ptr() for value in arrays]))


forward = functools.partial(fused.forward, _run)
backward = functools.partial(fused.backward, _run)
