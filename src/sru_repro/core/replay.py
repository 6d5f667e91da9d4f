"""A call that is recorded once and repeated on the same tensors: on CUDA a graph, one launch instead of hundreds."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

import torch

T = TypeVar("T")


class Recorded(Generic[T]):
    """A call without arguments, which reads tensors that its owner refills and writes others that its owner reads.

    On CUDA it is captured as a graph: the call itself runs no kernel, every `replay` runs them all. It must have run
    before, so that kernels are compiled and workspaces are there, and must not ask the device for a value. Elsewhere
    every replay is the call again, so that all around it can be tried without a GPU.

    Args:
        call: what is recorded.
        device: where it runs.
        pool: the memory pool of another recording whose results nobody needs while this one runs.

    Raises:
        RuntimeError: CUDA refused to capture; no kernel has run.
    """

    result: T
    """What the call returned; on CUDA the same tensors after every replay, with new values."""

    def __init__(self, call: Callable[[], T], device: torch.device, pool: Any = None) -> None:
        self._call, self._graph = call, None
        if device.type == "cuda":
            self._graph = torch.cuda.CUDAGraph()
            pool, before = pool or torch.cuda.graph_pool_handle(), torch.cuda.current_stream()
            try:
                with torch.cuda.graph(self._graph, pool=pool):
                    self.result = call()
            except BaseException:
                _go_on(before, pool)
                raise
        self.pool = pool

    def replay(self) -> T:
        """Runs the call once more."""
        if self._graph is None:
            self.result = self._call()
        else:
            self._graph.replay()
        return self.result


def _go_on(stream: Any, pool: Any) -> None:
    """After a capture that failed PyTorch's stream, random numbers and allocator are as if it still went on.

    Random numbers go on in a state of their own: a graph recorded before would go on in the old one, and repeat them.
    """
    torch.cuda.set_stream(stream)
    for generator in torch.cuda.default_generators:
        generator.graphsafe_set_state(generator.clone_state())
    # PyTorch before 2.8 has it under another name.
    names = ("_cuda_endAllocateToPool", "_cuda_endAllocateCurrentStreamToPool")
    end: Any = next(getattr(torch._C, name) for name in names if hasattr(torch._C, name))
    with suppress(RuntimeError):  # where the capture has come to its end
        end(stream.device.index, pool)


@contextmanager
def waits(device: torch.device) -> Iterator[list[str]]:
    """What inside the block waits for the device, which no capture survives; on CUDA alone, a line each."""
    found: list[str] = []
    if device.type != "cuda":
        yield found
        return
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode(before)
    for warning in caught:
        told = str(warning.message)
        if "called a synchronizing CUDA operation" in told:
            found.append(f"{warning.filename}:{warning.lineno}")
        elif not told.startswith("Synchronization debug mode"):  # PyTorch's notice that there is such a thing
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
