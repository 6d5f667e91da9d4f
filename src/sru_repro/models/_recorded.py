"""Generation with one recorded step: symbols in, result out, the state carried on in tensors that stay where they are.

Shapes: B batch.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree

from ..core.replay import Recorded, waits
from ._base import State

R = TypeVar("R")
FIRST = 3
"""Steps before the one that is captured: kernels are compiled and workspaces allocated by then."""


class RecordedSteps(Generic[R]):
    """One step of a model after the other. On CUDA the step is a graph, one launch; elsewhere it is called.

    A state that does not keep its shapes, or a capture that CUDA refuses, leaves plain steps: the same numbers, and
    `why_not` says why.

    Args:
        step: symbols and the state before them to a result (a tree of tensors) and the next state. It may write into
            the symbols, for the step to come.
        ids_1B: symbols of the right shape; copied.
        state: what `Encoder.fixed_state` gave. It is taken over: every step writes its next state into it.
    """

    def __init__(
        self, step: Callable[[Tensor, State], tuple[R, State]], ids_1B: Tensor, state: State
    ) -> None:
        self._step, self._ids_1B, self._state = step, ids_1B.clone(), state
        self._recorded: Recorded[R] | None = None
        self.why_not = ""
        device = ids_1B.device
        if not _captures(device):
            self._recorded = Recorded(self._once, device)
            return
        self._warm_up(ids_1B)
        if self.why_not:
            return
        try:
            with torch.no_grad():
                self._recorded = Recorded(self._once, device)
        except RuntimeError as error:
            self.why_not = f"CUDA refused to capture it: {next(iter(str(error).splitlines()), '')}"

    @property
    def recorded(self) -> bool:
        """Whether a step is one launch of a graph."""
        return self._recorded is not None and self._recorded.pool is not None

    @torch.no_grad()
    def __call__(self, ids_1B: Tensor | None = None) -> R:
        """The result for these symbols; for those that the last step has written, where none are given.

        What is returned may be overwritten by the next step.
        """
        if ids_1B is not None:
            self._ids_1B.copy_(ids_1B)
        return self._once() if self._recorded is None else self._recorded.replay()

    @torch.no_grad()
    def _warm_up(self, ids_1B: Tensor) -> None:
        """Steps whose state is thrown away: from the same state, each writes what the first real one will write."""
        aside = torch.cuda.Stream(ids_1B.device)
        aside.wait_stream(torch.cuda.current_stream(ids_1B.device))
        with torch.cuda.stream(aside):
            for _ in range(FIRST):
                with waits(ids_1B.device) as waiting:
                    _, after = self._step(self._ids_1B, self._state)
                self._ids_1B.copy_(ids_1B)
        torch.cuda.current_stream(ids_1B.device).wait_stream(aside)
        if waiting:
            self.why_not = f"a step waits for the GPU, at {waiting[0]}"
        elif not _fits(self._state, after):
            self.why_not = "the state of this model changes its shapes from step to step"

    def _once(self) -> R:
        result, after = self._step(self._ids_1B, self._state)
        if self.why_not or not _fits(self._state, after):
            self._state = after
        else:
            _carry(self._state, after)
        return result


def _captures(device: torch.device) -> bool:
    return device.type == "cuda"


def _fits(state: State, after: State) -> bool:
    """Whether one can be written into the other."""
    (leaves, tree), (others, other_tree) = _pytree.tree_flatten(state), _pytree.tree_flatten(after)
    return tree == other_tree and all(_alike(*pair) for pair in zip(leaves, others, strict=True))


def _alike(leaf: Any, other: Any) -> bool:
    if not (isinstance(leaf, Tensor) and isinstance(other, Tensor)):
        return False
    return (leaf.shape, leaf.dtype, leaf.device) == (other.shape, other.dtype, other.device)


def _carry(state: State, after: State) -> None:
    """Writes the next state over the last one; what a step has written in place is there already."""
    pairs = zip(_pytree.tree_leaves(state), _pytree.tree_leaves(after), strict=True)
    changed = [(leaf, other) for leaf, other in pairs if other is not leaf]
    if changed:
        places = {leaf.untyped_storage().data_ptr() for leaf, _ in changed}
        # What lies in a tensor that is about to be written is taken out of its way.
        others = [
            other.clone() if other.untyped_storage().data_ptr() in places else other for _, other in changed
        ]
        torch._foreach_copy_([leaf for leaf, _ in changed], others)
