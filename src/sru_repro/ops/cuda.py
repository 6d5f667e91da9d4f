"""The CUDA back end: one cell over time (kernels/recurrence.cu), compiled by NVRTC on first use, one launch a pass.

Gradients of weights that all steps share come as one sum for each row of the batch; a second launch adds them up
(kernels/sums.cu), both in a fixed order, without atomics. Shapes: L time, B batch, k matrices, D columns.
"""

import functools
import operator
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from . import build, fused
from .cells import CELLS
from .cuda_driver import Sums, Variant, launch, load
from .fused import NAMES, Arrays
from .launch_config import LaunchConfig, asked_for, measured, rule, widest

WORK = {kind: torch.promote_types(kind, torch.float32) for kind in NAMES}
CALL, POINTERS = struct.Struct("4qd"), struct.Struct("17P")
"""The kernel's struct Call: sizes, the scale; then pointers."""
GRAD_V, GRAD_B = 14, 15
"""Places of the gradients of v and b among the arrays."""
SUMS, WIDE, THREADS = struct.Struct("2q4P"), 32, 256
"""Of kernels/sums.cu: its struct Call, and the columns and threads of a block."""


@functools.cache
def _multiprocessors(index: int | None) -> int:
    return torch.cuda.get_device_properties(index).multi_processor_count


@functools.cache
def _gpu(index: int | None) -> str:
    return torch.cuda.get_device_properties(index).name


_named: set[Variant] | None = None


@contextmanager
def only_named() -> Iterator[set[Variant]]:
    """Kernels are named, not launched, inside; for building the variants of some calls side by side beforehand.

    Results of the calls hold whatever their memory held before.
    """
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
    """Bytes that a step of one column reads.

    Args:
        kernel: "forward" or "backward".
        u: the type of U.
        k: matrices of U.
        x: the type of the skip input, where there is one.
        per_step: whether peephole weights are (L, B, 2, D).
    """
    wide = WORK[u].itemsize
    read = k * u.itemsize + (0 if x is None else x.itemsize) + (2 * wide if per_step else 0)
    return read + (u.itemsize + wide if kernel == "backward" else 0)


@functools.lru_cache(maxsize=4096)
def _planned(
    kernel: str,
    cell: str,
    shape: tuple[int, int, int, int],
    u: torch.dtype,
    x: torch.dtype | None,
    tanh: bool,
    padded: bool,
    per_step: bool,
    skip_scale: float,
    bidirectional: bool,
    address: int,
    asked: LaunchConfig | None,
    gpu: str,
    multiprocessors: int,
) -> tuple[Variant, int, int, bytes]:
    """How a call is launched: variant, blocks, threads, and its struct but for the pointers."""
    length, batch, k, size = shape
    columns, side_by_side = batch * size, size // 2 if bidirectional else size
    skip = "INPUT" if x is not None else "MATRIX" if k > len(CELLS[cell].gates) else "NONE"
    most, config = widest(u, side_by_side, address), asked
    if config is None:
        step = step_bytes(kernel, u, k, x, per_step)
        config = measured(gpu, kernel, u, columns, most, step, length)
        config = config or rule(columns, most, step, length, multiprocessors)
    together = min(config.columns, most)
    variant = Variant(kernel, cell, u, x or u, skip, tanh, padded, per_step, together, config.depth)
    blocks = -(-columns // (together * config.threads))
    return variant, blocks, config.threads, CALL.pack(length, batch, size, side_by_side, skip_scale)


def _pass(kernel: str, cell: str, arrays: Arrays, tanh: bool, skip_scale: float, bidirectional: bool) -> None:
    """Launches the kernel of a pass, as `fused.Run`; gradients of v and b that all steps share come as partial sums.

    Raises:
        ValueError: more steps or columns than the kernel's numbers hold.
    """
    u, x, v, _, _, _, padding, *_ = arrays
    assert u is not None
    length, columns = u.size(0), u.size(1) * u.size(3)
    if max(columns, length) >= 1 << 31:
        raise ValueError(
            f"U: expected fewer than 2^31 steps and columns (batch * size) on CUDA, found {length} and {columns}"
        )
    if not columns:
        return
    pointers = [0 if value is None else value.data_ptr() for value in arrays]
    address = functools.reduce(operator.or_, pointers[:6] + pointers[7:]) % 16
    options = (tanh, padding is not None, v is not None and v.dim() == 4, skip_scale, bidirectional)
    index, types = u.device.index, (u.dtype, None if x is None else x.dtype)
    hardware = address, asked_for(kernel), _gpu(index), _multiprocessors(index)
    variant, blocks, threads, call = _planned(kernel, cell, u.shape, *types, *options, *hardware)
    if _named is not None:
        _named.add(variant)
        return
    launch(variant, blocks, threads, call + POINTERS.pack(*pointers, *[0] * (17 - len(pointers))), index)


def _run(kernel: str, cell: str, arrays: Arrays, *options: Any) -> None:
    """One pass over all steps; see `fused.Run`."""
    if kernel == "forward":
        return _pass(kernel, cell, arrays, *options)
    u, v = arrays[0], arrays[2]
    assert u is not None
    _, batch, _, size = u.shape
    found, sums, parts = [*arrays], list[Tensor](), list[Tensor]()
    for i in (GRAD_V, GRAD_B):
        value = arrays[i]
        if value is not None and not (i == GRAD_V and v is not None and v.dim() == 4):
            found[i] = part = value.new_empty((batch, 2, size))
            sums.append(value)
            parts.append(part)
    _pass(kernel, cell, tuple(found), *options)
    if sums and _named is None:
        _add_up(parts, sums)
    return None


def _add_up(parts: list[Tensor], sums: list[Tensor]) -> None:
    """Sums over the rows of one or two arrays of one size and type, in one launch and a fixed order."""
    first, second = parts[0], parts[1] if len(parts) > 1 else None
    width = sums[0].numel()
    if not first.numel():
        for value in sums:
            value.zero_()
        return
    ends = (first, second, sums[0], None if second is None else sums[1])
    call = SUMS.pack(len(first), width, *[0 if value is None else value.data_ptr() for value in ends])
    launch(Sums(first.dtype), -(-len(parts) * width // WIDE), THREADS, call, first.device.index)


forward = functools.partial(fused.forward, _run)
backward = functools.partial(fused.backward, _run)
