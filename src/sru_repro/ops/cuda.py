"""The CUDA back end: one cell over time (kernels/recurrence.cu), compiled by NVRTC on first use, one launch a pass.

Gradients of weights that all steps share come as one sum for each row of the batch and are added up in a fixed order,
without atomics. Shapes: L time, B batch, k matrices, D columns.
"""

import functools
import operator
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from . import build, fused
from .cells import CELLS
from .cuda_driver import Variant, launch, load
from .fused import NAMES, Arrays
from .launch_config import asked_for, measured, rule, widest

WORK = {kind: torch.promote_types(kind, torch.float32) for kind in NAMES}
CALL = struct.Struct("4qd17P")
"""The kernel's struct Call: sizes, the scale, pointers."""


@functools.cache
def _multiprocessors(index: int | None) -> int:
    return torch.cuda.get_device_properties(index).multi_processor_count


@functools.cache
def _gpu(index: int | None) -> str:
    return torch.cuda.get_device_properties(index).name


_named: set[Variant] | None = None


@contextmanager
def only_named() -> Iterator[set[Variant]]:
    """Kernels are named, not launched, inside: the variants that some calls need, so that they can be built side by
    side beforehand. Results of the calls hold whatever their memory held before."""
    global _named
    before, _named = _named, set()
    try:
        yield _named
    finally:
        _named = before


@functools.cache
def available() -> tuple[bool, str]:
    """Whether kernels can be built and loaded on the current device, and why (not)."""
    if torch.version.cuda is None:
        return False, "this PyTorch is built without CUDA"
    if not torch.cuda.is_available():
        return False, "PyTorch finds no CUDA device"
    started, index = time.perf_counter(), torch.cuda.current_device()
    for kernel in ("forward", "backward"):
        kind = torch.float32
        try:
            load(Variant(kernel, "sru", kind, kind, "INPUT", False, False, False, 1, 8), index)
        except (build.BuildError, ImportError, RuntimeError) as error:
            return False, str(error).splitlines()[0]
    return True, f"built or found in {time.perf_counter() - started:.1f} s"


def step_bytes(kernel: str, u: torch.dtype, k: int, x: torch.dtype | None, per_step: bool = False) -> int:
    """What a step of one column reads; `x` is the type of the skip input, where there is one."""
    wide = WORK[u].itemsize
    read = k * u.itemsize + (0 if x is None else x.itemsize) + (2 * wide if per_step else 0)
    return read + (u.itemsize + wide if kernel == "backward" else 0)


def _run(kernel: str, cell: str, arrays: Arrays, tanh: bool, skip_scale: float, bidirectional: bool) -> None:
    """Chooses a launch configuration and launches; `arrays` in the order of the kernel's struct Call."""
    u, x, v, _, _, _, padding, *_ = arrays
    assert u is not None
    length, batch, k, size = u.shape
    columns, side_by_side = batch * size, size // 2 if bidirectional else size
    if max(columns, length) >= 1 << 31:
        raise ValueError(
            f"U: expected fewer than 2^31 steps and columns (batch * size) on CUDA, found {length} and {columns}"
        )
    if not columns:
        return
    pointers = [0 if value is None else value.data_ptr() for value in arrays]
    skip = "INPUT" if x is not None else "MATRIX" if k > len(CELLS[cell].gates) else "NONE"
    x_type = u.dtype if x is None else x.dtype
    per_step = v is not None and v.dim() == 4
    most = widest(u.dtype, side_by_side, functools.reduce(operator.or_, pointers[:6] + pointers[7:]))
    config = asked_for(kernel)
    if config is None:
        index = u.device.index
        step = step_bytes(kernel, u.dtype, k, None if x is None else x_type, per_step)
        config = measured(_gpu(index), kernel, u.dtype, columns, most, step, length)
        config = config or rule(columns, most, step, length, _multiprocessors(index))
    together = min(config.columns, most)
    variant = Variant(
        kernel, cell, u.dtype, x_type, skip, tanh, padding is not None, per_step, together, config.depth
    )
    if _named is not None:
        _named.add(variant)
        return
    call = CALL.pack(length, batch, size, side_by_side, skip_scale, *pointers)
    launch(variant, -(-columns // (together * config.threads)), config.threads, call, u.device.index)


forward = functools.partial(fused.forward, _run)
backward = functools.partial(fused.backward, _run, True)
