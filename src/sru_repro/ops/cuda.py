"""The CUDA back end: one cell over time (kernels/recurrence.cu), compiled by NVRTC on first use, one launch a pass.

Forward stores the states for backward, which computes the gates again; in inference nothing is stored. State, its
gradient and all sums are kept in float32 or wider; sums over the batch are reduced in a fixed order, without atomics.
Shapes: L time, B batch, k matrices, D columns.
"""

import functools
import operator
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from . import build
from .cells import CELLS
from .cuda_driver import NAMES, Variant, launch, load

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
    work = WORK[u.dtype]
    u, x, v, b, mask, padding = _readable(u, x, v, b, mask, padding, work)
    c0 = _cast(c0, work).contiguous()
    h, c_n = u.new_empty(length, batch, columns), torch.empty_like(c0)
    states = c0.new_empty(length + 1, batch, columns) if keep_states else None
    arrays = (u, x, v, b, c0, mask, padding, h, c_n, states, *[None] * 7)
    _run("forward", cell, arrays, tanh, skip_scale, bidirectional)
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
    kinds = [None if value is None else value.dtype for value in (x, v, b)]
    u, x, v, b, mask, padding = _readable(u, x, v, b, mask, padding, states.dtype)
    grad_h, grad_c_n = grad_h.contiguous(), grad_c_n.contiguous()
    grad_u, grad_c0 = torch.empty_like(u), torch.empty_like(grad_c_n)
    grad_x = None if x is None else torch.empty_like(x)
    per_step = v is not None and v.dim() == 4
    # Of weights that all steps share, each row of the batch gives a part of the sum.
    parts = (u.size(1), 2, u.size(3))
    grad_v = None if v is None else v.new_empty(v.shape if per_step else parts)
    grad_b = None if b is None else b.new_empty(parts)
    results = (grad_h, grad_c_n, grad_u, grad_x, grad_v, grad_b, grad_c0)
    arrays = (u, x, v, b, None, mask, padding, None, None, states, *results)
    _run("backward", cell, arrays, tanh, skip_scale, bidirectional)
    given = (grad_x, grad_v if per_step else _add_up(grad_v), _add_up(grad_b))
    grads = [
        states.new_empty(0) if value is None or kind is None else _cast(value, kind)
        for value, kind in zip(given, kinds, strict=True)
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
) -> tuple[Any, ...]:
    """The arguments as the kernel reads them: contiguous; v, b and mask in the type of the work.

    x keeps the type of U, or has the type of the work.
    """
    if x is not None:
        x = (x if x.dtype == u.dtype else _cast(x, work)).contiguous()
    small = [None if value is None else _cast(value, work).contiguous() for value in (v, b, mask)]
    return u.contiguous(), x, *small, None if padding is None else padding.contiguous()


def _cast(value: Tensor, kind: torch.dtype) -> Tensor:
    """`value.to(kind)`, which takes a microsecond even where there is nothing to do."""
    return value if value.dtype == kind else value.to(kind)


def _add_up(parts: Tensor | None) -> Tensor | None:
    """(B, 2, D) to (2, D), in a fixed order."""
    if parts is None or len(parts) == 1:
        return None if parts is None else parts[0]
    return parts.sum(0)


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
