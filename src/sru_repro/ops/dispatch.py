"""Which back end runs a recurrence, and why.

`cpp` and `cuda` are the fused kernels, compiled on first use; `eager` is the loop in PyTorch with the hand-derived
backward; `reference` is the plain loop that autograd differentiates (any number of times). Nothing is compiled or
looked for before the first call.
"""

import functools
import importlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..core.notice import warn

BACKENDS: dict[str, str] = {
    "cpp": "fused C++ on the CPU, built by g++ on first use",
    "cuda": "fused CUDA, built by NVRTC on first use",
    "eager": "PyTorch loop over time with a hand-derived backward; any device, no compiler",
    "reference": "PyTorch loop over time under autograd; the slow truth, differentiable any number of times",
}
"""What runs a recurrence, by name."""
FUSED = {"cpp": "cpu", "cuda": "cuda"}
"""The fused back ends, and the type of device of each."""
VARIABLE = "SRU_REPRO_BACKEND"


class _Forced(threading.local):
    """What `use` asks for: each thread has its own."""

    name: str | None = None


_forced = _Forced()

_fallen: "dict[str, Choice]" = {}


@dataclass(frozen=True)
class Choice:
    """The back end of a call and the reason for it, in words for a person."""

    name: str
    why: str

    @property
    def label(self) -> str:
        """What a table calls it."""
        return f"fused {self.name}" if self.name in FUSED else "reference loop"


def choose(device: str = "cpu") -> Choice:
    """The back end for the next call on that type of device.

    It is what `use` asks for, else what SRU_REPRO_BACKEND asks for, else the best available.

    Raises:
        ValueError: one that does not exist, or not on that device, or cannot be built, was asked for.
    """
    wanted = asked_for()
    if wanted is None:
        return _fallen.get(device) or _best(device)
    return Choice(
        _fitting(wanted, device), f"asked for by {'sru_repro.ops.use' if _forced.name else VARIABLE}"
    )


def name_for(device: str) -> str:
    """The name of what `choose` chooses, in less time."""
    if asked_for() is None and device not in _fallen:
        return _best(device).name
    return choose(device).name


def asked_for() -> str | None:
    """The back end that `use` or the environment wants, whatever the device."""
    return _forced.name or os.environ.get(VARIABLE) or None


def on(device: str) -> list[str]:
    """The back ends for that type of device, whether or not they can be built."""
    return [name for name in BACKENDS if FUSED.get(name, device) == device]


def available(name: str) -> tuple[bool, str]:
    """Whether that back end can run on this machine (it is built if need be), and why.

    Raises:
        ValueError: there is none of that name.
    """
    return module(name).available() if _known(name) in FUSED else (True, "needs nothing but PyTorch")


@functools.cache
def module(name: str) -> Any:
    """The module of a back end, with its `forward` and `backward`."""
    return importlib.import_module(f".{name}", __package__)


@functools.cache
def _best(device: str) -> Choice:
    for name, its_device in FUSED.items():
        if its_device == device:
            usable, why = available(name)
            if usable:
                return Choice(name, why)
            return _loop(device, why)
    return Choice("eager", f"there is no fused back end for {device}")


def _loop(device: str, why: str) -> Choice:
    # Once, as the choice is kept: from here on the slow loop runs, and somebody should know.
    warn(f"recurrences on {device} fall back to the slow loop in PyTorch: {why}")
    return Choice("eager", why)


def fall_back(device: str, why: str) -> None:
    """From now on the loop in PyTorch runs on that device: a kernel could not be built after all.

    Raises:
        ValueError: a fused back end was asked for by name.
    """
    wanted = asked_for()
    if wanted in FUSED:
        raise ValueError(f"back end {wanted} was asked for and cannot run here: {why}")
    if device not in _fallen:
        _fallen[device] = _loop(device, why)


def fallen(device: str) -> str | None:
    """Why the loop in PyTorch has taken the place of the kernels on that device; None where it has not."""
    choice = _fallen.get(device)
    return None if choice is None else choice.why


@functools.cache
def _fitting(name: str, device: str) -> str:
    _known(name)
    if name in FUSED:
        if FUSED[name] != device:
            raise ValueError(
                f"back end {name} was asked for: expected tensors on {FUSED[name]}, found {device}"
            )
        usable, why = available(name)
        if not usable:
            raise ValueError(f"back end {name} was asked for and cannot run here: {why}")
    return name


def _known(name: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f"unknown recurrence back end {name!r}: expected one of {', '.join(BACKENDS)}")
    return name


@contextmanager
def use(name: str) -> Iterator[None]:
    """Runs the recurrences inside the `with` block on the back end of that name; in this thread alone.

    Args:
        name: one of `BACKENDS`: "cpp", "cuda", "eager" or "reference".

    Raises:
        ValueError: there is none of that name. One that cannot run is refused by the first call inside.
    """
    before, _forced.name = _forced.name, _known(name)
    try:
        yield
    finally:
        _forced.name = before
