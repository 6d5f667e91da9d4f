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
from typing import NamedTuple

import torch
from torch import Tensor

from . import build, fused
from .cells import CELLS
from .cuda_driver import Variant, launch, load
from .fused import NAMES

WORK = {kind: torch.promote_types(kind, torch.float32) for kind in NAMES}
CALL = struct.Struct("4qd17P")
"""The kernel's struct Call: sizes, the scale, pointers."""
BYTES_AHEAD = 32 << 10
"""What a multiprocessor should have on its way from memory: its share of bandwidth times latency, rounded up."""
THREADS_AHEAD = 192
"""Threads that a multiprocessor should have before each of them takes more columns than one."""
RING = 192
"""Bytes that a thread may read ahead, so that its registers hold them."""


class Tiling(NamedTuple):
    """How the work is cut, which changes the speed and never the result: what a tuner may vary."""

    columns: int  # adjacent ones that a thread runs; each of its accesses to memory is that wide
    depth: int  # steps read ahead of their use
    threads: int  # of a block, at most 128


_chosen: dict[str, Tiling] = {}


@contextmanager
def tiled(**kernels: Tiling) -> Iterator[None]:
    """Cuts the work of `forward=` and `backward=` as told, wherever the widths of the call allow it."""
    before = dict(_chosen)
    _chosen.update(kernels)
    try:
        yield
    finally:
        _chosen.clear()
        _chosen.update(before)


@functools.lru_cache(maxsize=4096)
def tiling(columns: int, widest: int, step: int, length: int, multiprocessors: int) -> Tiling:
    """How to cut a call of that many columns (B * D) when a thread may take up to `widest` of them.

    `step` is the bytes that a step of one column reads.
    """
    together = 1
    while 2 * together <= widest and columns >= 2 * together * multiprocessors * THREADS_AHEAD:
        together *= 2
    depth = 8 if length > 1 else 1
    while depth > 2 and (
        together * step * depth > RING or columns * step * depth >= 2 * multiprocessors * BYTES_AHEAD
    ):
        depth //= 2
    # Few threads a block where there are few in all, so that every multiprocessor has a block.
    threads = columns // together // multiprocessors
    return Tiling(together, depth, 32 if threads < 128 else 64 if threads < 512 else 128)


@functools.cache
def _multiprocessors(index: int | None) -> int:
    return torch.cuda.get_device_properties(index).multi_processor_count


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


def _run(
    kernel: str,
    cell: str,
    arrays: tuple[Tensor | None, ...],
    tanh: bool,
    skip_scale: float,
    bidirectional: bool,
) -> None:
    """Cuts the work and launches it; `arrays` in the order of the kernel's struct Call."""
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
    # Threads run as many columns as divide the width and as lie at a multiple of 16 bytes, padding apart.
    address = functools.reduce(operator.or_, pointers[:6] + pointers[7:])
    widest = 1 if u.dtype == torch.float64 or address % 16 else min(4, side_by_side & -side_by_side)
    cut = _chosen.get(kernel)
    if cut is None:
        item, wide = u.element_size(), WORK[u.dtype].itemsize
        step = k * item + (x_type.itemsize if x is not None else 0) + (2 * wide if per_step else 0)
        step += item + wide if kernel == "backward" else 0
        cut = tiling(columns, widest, step, length, _multiprocessors(u.device.index))
    together = min(cut.columns, widest)
    variant = Variant(
        kernel, cell, u.dtype, x_type, skip, tanh, padding is not None, per_step, together, cut.depth
    )
    call = CALL.pack(length, batch, size, side_by_side, skip_scale, *pointers)
    launch(variant, -(-columns // (together * cut.threads)), cut.threads, call, u.device.index)


forward = functools.partial(fused.forward, _run)
backward = functools.partial(fused.backward, _run, True)
