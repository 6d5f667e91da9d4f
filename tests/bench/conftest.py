"""Shapes so small that a measurement takes a second, and a world without the authors' package."""

import pytest

from sru_repro.bench import authors, contenders, run
from sru_repro.bench.shapes import Shape
from sru_repro.verify import grid

TINY = {
    "small": Shape("small", "small, L6 B3 5→4 ×2", 6, 3, 5, 4, 2, ragged=True),
    "steps": Shape("steps", "step by step", 4, 1, 4, 4, 2, stepwise=True),
}


@pytest.fixture
def tiny() -> dict[str, Shape]:
    """Two shapes: one whole and ragged, one stepwise."""
    return TINY


@pytest.fixture
def no_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the authors' package fails, as it does where it does not compile."""

    def fail(device_type: str) -> None:
        raise RuntimeError("error: nothing compiles here\nand more lines")

    for module in (authors, contenders, run):
        monkeypatch.setattr(module, "authors_package", fail)


@pytest.fixture
def one_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of one cell before anything is timed."""
    monkeypatch.setattr(grid, "COMPACT", grid.COMPACT[:1])
