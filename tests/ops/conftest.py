"""The drawing of calls, as a fixture."""

from collections.abc import Callable

import pytest

from sru_repro.verify.call import Call
from sru_repro.verify.draw import draw


@pytest.fixture
def make_call() -> Callable[..., Call]:
    """`verify.draw.draw`."""
    return draw
