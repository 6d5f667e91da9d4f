"""Which cases are tried: a few sizes with options in turn, every combination of options, and products."""

import itertools
from collections.abc import Iterator
from typing import Any

import torch

from .. import ops
from .call import Call, Product
from .draw import CPU, draw, draw_product

COMPACT: tuple[dict[str, Any], ...] = (
    {"length": 1, "batch": 1, "size": 8},
    {"length": 7, "batch": 3, "size": 37, "bidirectional": True},
    {"length": 5, "batch": 2, "size": 131, "padding": True, "activation": "tanh"},
    {"length": 9, "batch": 4, "size": 16, "padding": True, "bidirectional": True, "mask": True, "scale": 4.0},
    {"length": 33, "batch": 2, "size": 64, "skip": "matrix"},
    {"length": 6, "batch": 5, "size": 24, "skip": "none", "per_step": True},
    # Large enough for several threads, rows and features divided among them.
    {"length": 20, "batch": 3, "size": 256, "padding": True, "bidirectional": True},
)
"""Sizes with the options that each is tried with."""
PRODUCTS = ((1, 8, 24), (37, 131, 96), (256, 64, 192))
"""Rows, features in, features out."""


def compact(cell: str, device: torch.device = CPU) -> Iterator[Call]:
    """A cell at a few sizes, each with other options."""
    for options in COMPACT:
        yield draw(cell, device=device, **options)


def products(device: torch.device = CPU) -> Iterator[Product]:
    """The product of a layer at three sizes."""
    for sizes in PRODUCTS:
        yield draw_product(*sizes, device)


def choices(cell: str) -> dict[str, tuple[Any, ...]]:
    """The values of every option that the cell has, as `draw` takes them."""
    spec = ops.CELLS[cell]
    both, highway = (False, True), spec.output == "highway"
    found: dict[str, tuple[Any, ...]] = {
        "bidirectional": both,
        "padding": both,
        "activation": ("identity", "tanh"),
    }
    if spec.peephole:
        found["per_step"] = both
    if highway:
        found |= {"mask": both, "skip": ("input", "matrix", "none")}
    return found


def combinations(cell: str) -> Iterator[dict[str, Any]]:
    """Every combination of the options that the cell has."""
    values = choices(cell)
    for combination in itertools.product(*values.values()):
        yield dict(zip(values, combination, strict=True))


def every_combination(cell: str, device: torch.device = CPU) -> Iterator[Call]:
    """A cell with every combination of its options, at one small size."""
    for options in combinations(cell):
        yield draw(cell, length=6, batch=3, size=12, device=device, **options)
