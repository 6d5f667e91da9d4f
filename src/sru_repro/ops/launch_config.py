"""Launch configurations of the CUDA kernels, which change their speed and never their result: what was measured on the
GPU at hand (`launch_configs.json`), else a rule.

`sru-repro gpu-check sections=tune` measures, `sru-repro gpu-check adopt=FOLDER` puts what it found into the table.
"""

import functools
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

TABLE = Path(__file__).with_name("launch_configs.json")
VARIABLE = "SRU_REPRO_LAUNCH_CONFIGS"
"""Names another table."""
BYTES_AHEAD = 32 << 10
"""What a multiprocessor should have on its way from memory: its share of bandwidth times latency, rounded up."""
THREADS_AHEAD = 192
"""Threads that a multiprocessor should have before each of them takes more columns than one."""
RING = 192
"""Bytes that a thread may read ahead, so that its registers hold them."""
MOST_THREADS = 128
"""Of a block, as the kernels are compiled for."""
SHORT = 16
"""Fewer steps than these are not what was measured."""


class LaunchConfig(NamedTuple):
    """What a tuner may vary."""

    columns: int  # adjacent ones that a thread runs; each of its accesses to memory is that wide
    depth: int  # steps read ahead of their use
    threads: int  # of a block, at most `MOST_THREADS`


class Measurement(NamedTuple):
    """What was fastest at a size: `step` is the bytes that a step of one column reads."""

    kernel: str
    dtype: str
    columns: int
    step: int
    config: LaunchConfig


Table = Mapping[str, Sequence[Measurement]]
"""By name of the GPU."""

_chosen: dict[str, LaunchConfig] = {}


@contextmanager
def launched(**kernels: LaunchConfig) -> Iterator[None]:
    """Launches `forward=` and `backward=` as told, wherever the widths of the call allow it."""
    before = dict(_chosen)
    _chosen.update(kernels)
    try:
        yield
    finally:
        _chosen.clear()
        _chosen.update(before)


def asked_for(kernel: str) -> LaunchConfig | None:
    """What `launched` asks of a kernel."""
    return _chosen.get(kernel)


def widest(kind: torch.dtype, side_by_side: int, address: int) -> int:
    """Columns that a thread can take at most: they divide the width, and lie at a multiple of 16 bytes.

    Args:
        kind: of U.
        side_by_side: columns that run in one direction.
        address: all addresses of the call, padding apart, or-ed.
    """
    if kind == torch.float64 or address % 16:
        return 1
    return min(16 // kind.itemsize, side_by_side & -side_by_side)


@functools.lru_cache(maxsize=4096)
def rule(columns: int, most: int, step: int, length: int, multiprocessors: int) -> LaunchConfig:
    """How to launch a call where nothing was measured.

    Args:
        columns: B * D.
        most: columns that a thread may take.
        step: bytes that a step of one column reads.
        length: L, time steps.
        multiprocessors: of the GPU.
    """
    together = 1
    while 2 * together <= min(most, 4) and columns >= 2 * together * multiprocessors * THREADS_AHEAD:
        together *= 2
    depth = 8 if length > 1 else 1
    while depth > 2 and (
        together * step * depth > RING or columns * step * depth >= 2 * multiprocessors * BYTES_AHEAD
    ):
        depth //= 2
    # Few threads a block where there are few in all, so that every multiprocessor has a block.
    threads = columns // together // multiprocessors
    return LaunchConfig(together, depth, 32 if threads < 128 else 64 if threads < 512 else MOST_THREADS)


@functools.lru_cache(maxsize=4096)
def measured(
    gpu: str, kernel: str, kind: torch.dtype, columns: int, most: int, step: int, length: int
) -> LaunchConfig | None:
    """What was fastest on GPUs of that name at the nearest size that was tried; None where none was near.

    Near: the columns within half a doubling, the bytes of a step within a half more or less.

    Args:
        gpu: its name.
        kernel: "forward" or "backward".
        kind: of U.
        columns: B * D.
        most: columns that a thread may take.
        step: bytes that a step of one column reads.
        length: L, time steps.

    Raises:
        RuntimeError: the table cannot be read; the line says which, and what to do.
    """
    best, nearest = None, 0.5
    for row in _table().get(gpu, ()):
        if (row.kernel, row.dtype) != (kernel, str(kind).removeprefix("torch.")) or length < SHORT:
            continue
        away = abs(math.log2(columns / row.columns))
        if away <= nearest and 2 / 3 <= step / row.step <= 1.5 and row.config.columns <= most:
            best, nearest = row.config, away
    return best


@functools.cache
def _table() -> Table:
    path = Path(os.environ.get(VARIABLE) or TABLE)
    try:
        return read(path)
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"{path}: expected a table of launch configurations, found {type(error).__name__}: {error}; "
            f"write it again by `sru-repro gpu-check adopt=FOLDER`, or name another one by {VARIABLE}"
        ) from None


def read(path: Path) -> dict[str, list[Measurement]]:
    """A table, by name of the GPU.

    Raises:
        OSError: there is no file that can be read.
        ValueError: it holds no table, or a row that no kernel is launched by.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {gpu: [_measurement(**row) for row in rows] for gpu, rows in found.items()}
    except (TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


def _measurement(kernel: str, dtype: str, columns: int, step: int, config: Sequence[int]) -> Measurement:
    found = LaunchConfig(*config)
    if found.columns not in (1, 2, 4, 8) or found.depth < 1 or not 0 < found.threads <= MOST_THREADS:
        raise ValueError(f"no kernel is launched like {found}")
    if columns < 1 or step < 1 or not kernel or not dtype:
        raise ValueError(f"a row without its size: {kernel} {dtype} {columns} {step}")
    return Measurement(kernel, dtype, columns, step, found)


def dump(table: Table) -> str:
    """A table as text, a line a row."""
    gpus = []
    for gpu in sorted(table):
        rows = ",\n".join(f"  {json.dumps(row._asdict())}" for row in table[gpu])
        gpus.append(f" {json.dumps(gpu)}: [\n{rows}\n ]" if rows else f" {json.dumps(gpu)}: []")
    return "{\n" + ",\n".join(gpus) + "\n}\n" if gpus else "{}\n"
