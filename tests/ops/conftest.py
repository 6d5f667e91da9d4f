"""The drawing of calls, and what the reference gives for them, once for all tests."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor

from sru_repro.verify.call import Call
from sru_repro.verify.draw import draw

Known = tuple[Call, dict[str, Tensor]]


@functools.cache
def known(cell: str, sizes: tuple[int, ...], options: tuple[tuple[str, Any], ...]) -> Known:
    """A call in float64, and the results of the reference."""
    call = draw(cell, *sizes, **dict(options))
    return call, call.results("reference")


@pytest.fixture
def make_call() -> Callable[..., Call]:
    """`verify.draw.draw`."""
    return draw


@pytest.fixture
def known_call() -> Callable[..., Known]:
    """`known_call(cell, length, batch, size, **options)`: a call and the reference's results, not to be changed."""
    return lambda cell, *sizes, **options: known(cell, sizes, tuple(sorted(options.items())))
