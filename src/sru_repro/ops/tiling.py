"""How the CUDA kernels' work is cut, which changes their speed and never their result: what was measured on the card at
hand (`tilings.json`), else a rule.

`make gpu-check SECTIONS=tune` measures, `make report` writes the table from the evidence in results/cuda.
"""

import functools
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

TABLE = Path(__file__).with_name("tilings.json")
VARIABLE = "SRU_REPRO_TILINGS"
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


class Tiling(NamedTuple):
    """What a tuner may vary."""

    columns: int  # adjacent ones that a thread runs; each of its accesses to memory is that wide
    depth: int  # steps read ahead of their use
    threads: int  # of a block, at most `MOST_THREADS`


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


def asked_for(kernel: str) -> Tiling | None:
    """What `tiled` asks of a kernel."""
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
def tiling(columns: int, most: int, step: int, length: int, multiprocessors: int) -> Tiling:
    """The rule: how to cut a call of that many columns (B * D) when a thread may take up to `most` of them.

    `step` is the bytes that a step of one column reads.
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
    return Tiling(together, depth, 32 if threads < 128 else 64 if threads < 512 else MOST_THREADS)


@functools.lru_cache(maxsize=4096)
def measured(
    card: str, kernel: str, kind: torch.dtype, columns: int, most: int, step: int, length: int
) -> Tiling | None:
    """What was fastest on cards of that name at the nearest size that was tried; None where none was near.

    Near: the columns within half a doubling, the bytes of a step within a half more or less.
    """
    best, nearest = None, 0.5
    for row in _table().get(card, ()):
        if (row["kernel"], row["dtype"]) != (kernel, str(kind).removeprefix("torch.")) or length < SHORT:
            continue
        away = abs(math.log2(columns / row["columns"]))
        cut = Tiling(*row["tiling"])
        if away <= nearest and 2 / 3 <= step / row["step"] <= 1.5 and cut.columns <= most:
            best, nearest = cut, away
    return best


@functools.cache
def _table() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    path = Path(os.environ.get(VARIABLE) or TABLE)
    try:
        found = read(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RuntimeError(
            f"{path}: expected a table of tilings, found {type(error).__name__}: {error}; "
            f"write it again by `sru-repro report`, or name another one by {VARIABLE}"
        ) from None
    return found


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """A table: by name of the card, rows of kernel, dtype, columns, step (bytes) and tiling. ValueError, KeyError or
    TypeError when it is none."""
    return sound(json.loads(path.read_text(encoding="utf-8")))


def sound(table: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The table, once every row of it has been looked at; errors are those of `read`."""
    for rows in table.values():
        for row in rows:
            cut = Tiling(*row["tiling"])
            if cut.columns not in (1, 2, 4, 8) or cut.depth < 1 or not 0 < cut.threads <= MOST_THREADS:
                raise ValueError(f"no kernel is cut like {cut}")
            if row["columns"] < 1 or row["step"] < 1 or not row["kernel"] or not row["dtype"]:
                raise ValueError(f"a row without its size: {row}")
    return table


def dump(table: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """A table as text, a line a row."""
    cards = []
    for card in sorted(table):
        rows = ",\n".join(f"  {json.dumps(row)}" for row in table[card])
        cards.append(f" {json.dumps(card)}: [\n{rows}\n ]" if rows else f" {json.dumps(card)}: []")
    return "{\n" + ",\n".join(cards) + "\n}\n" if cards else "{}\n"
