"""A call as a CUDA graph, which takes away what it costs the host."""

import torch

from ..core.replay import Recorded
from .timing import Call


def graph(call: Call, first: int = 3) -> Call:
    """The same work as one graph, on the same memory at every replay, which returns what the call returned.

    Raises:
        RuntimeError: CUDA refuses to capture it, or an earlier capture of this process has failed.
    """
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # as capturing wants it: the first calls set up what may not be recorded
        for _ in range(first):
            call()
    torch.cuda.current_stream().wait_stream(aside)
    global _spoilt
    if _spoilt:
        raise RuntimeError("nothing is captured after a capture that failed in this process")
    try:
        return Recorded(call, torch.device("cuda")).replay
    except BaseException:
        _spoilt = True  # it is put right as far as it can be, but nothing more is measured on that
        raise


_spoilt = False


def spoilt() -> bool:
    """Whether a capture has failed: PyTorch goes on after it, but this process should measure nothing more on a GPU."""
    return _spoilt
