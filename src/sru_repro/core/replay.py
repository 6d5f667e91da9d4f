"""A call that is recorded once and repeated on the same tensors: on CUDA a graph, one launch instead of hundreds."""

from collections.abc import Callable
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
        RuntimeError: CUDA refused to capture; nothing has been changed.
    """

    result: T
    """What the call returned; on CUDA the same tensors after every replay, with new values."""

    def __init__(self, call: Callable[[], T], device: torch.device, pool: Any = None) -> None:
        self._call, self._graph = call, None
        if device.type == "cuda":
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, pool=pool):
                self.result = call()

    @property
    def pool(self) -> Any:
        """The memory pool of the graph; None where there is none."""
        return None if self._graph is None else self._graph.pool()

    def replay(self) -> T:
        """Runs the call once more."""
        if self._graph is None:
            self.result = self._call()
        else:
            self._graph.replay()
        return self.result
