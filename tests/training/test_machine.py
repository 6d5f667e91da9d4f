"""Memory given back to the system."""

import ctypes
import sys
from pathlib import Path

import pytest

from sru_repro.training import machine


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc"
)
def test_holes_are_given_back() -> None:
    """200 MB in pieces, of which every other one goes: holes between what stays, which glibc keeps for itself."""
    pieces = [bytearray(b"x") * 100_000 for _ in range(2000)]
    full = resident()
    kept = pieces[::2]
    del pieces
    machine.give_back_memory()
    assert full - resident() > 50_000_000
    assert len(kept) == 1000
