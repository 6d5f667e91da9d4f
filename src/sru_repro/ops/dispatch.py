"""Which back end runs a recurrence, and why.

`reference` is the plain loop that autograd differentiates (any number of times); `eager` is the loop with the
hand-derived backward. A fused back end registers itself here in the same way.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

BACKENDS: dict[str, str] = {
    "eager": "PyTorch loop over time with a hand-derived backward; any device, no compiler",
    "reference": "PyTorch loop over time under autograd; the slow truth, differentiable any number of times",
}
LOOPS = frozenset({"eager", "reference"})
"""Back ends whose speed says nothing about a fused kernel's."""

_forced: list[str] = []


@dataclass(frozen=True)
class Choice:
    """The back end of a call and the reason for it, in words for a person."""

    name: str
    why: str

    @property
    def label(self) -> str:
        """What a table calls it."""
        return "reference loop" if self.name in LOOPS else self.name


def choose() -> Choice:
    """The back end for the next call: what `use` asks for, SRU_REPRO_BACKEND, or the best available."""
    if _forced:
        return Choice(_forced[-1], "asked for by sru_repro.ops.use")
    wanted = os.environ.get("SRU_REPRO_BACKEND", "")
    if wanted:
        return Choice(_known(wanted), "asked for by SRU_REPRO_BACKEND")
    return Choice("eager", "no fused back end is built")


def _known(name: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f"unknown recurrence back end {name!r}: expected one of {', '.join(BACKENDS)}")
    return name


@contextmanager
def use(name: str) -> Iterator[None]:
    """Runs the recurrences inside the `with` block on the back end of that name."""
    _forced.append(_known(name))
    try:
        yield
    finally:
        _forced.pop()
