"""Weights in the type of autocast, cast once for each change of the weights inside `keep_casts`, else at every call.

A change is known by the tensor's version, which `load_state_dict` and every operation in place move. A fused optimiser
moves none, so that steps of optimisers are counted. Who replays a CUDA graph that writes weights has to move their
versions (`training/graph.py` does). Of edits through `.data` nobody can know: nothing is kept unless the owner of the
weights asks for it.
"""

import itertools
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook


class _Kept(NamedTuple):
    """Casts, and what they were made from."""

    weights: "list[weakref.ref[Tensor]]"
    memory: list[Tensor]  # kept from being given to others, so that an address stays that of its weight
    versions: list[int]
    steps: int  # of optimisers
    casts: list[Tensor]

    def holds(self, weights: Sequence[Tensor]) -> bool:
        """Whether nothing has changed since."""
        return self.steps == _steps and all(
            ref() is weight and weight._version == version and memory.data_ptr() == weight.data_ptr()
            for weight, ref, version, memory in zip(
                weights, self.weights, self.versions, self.memory, strict=True
            )
        )


class _Scope(threading.local):
    """Casts by their type, the stream that made them, and the identities of the weights; None outside `keep_casts`."""

    kept: dict[tuple[torch.dtype, int, tuple[int, ...]], _Kept] | None = None


_scope = _Scope()
_steps = 0


def _count(*_: Any) -> None:
    global _steps
    _steps += 1


@contextmanager
def keep_casts(keep: bool = True) -> Iterator[None]:
    """Inside, a weight is cast once and again when it has changed.

    That is: over the calls of a step, its accumulated batches, a whole validation. For those who own the weights and
    edit none through `.data`.

    Args:
        keep: False: casts at every call, as outside.
    """
    before, counting = _scope.kept, register_optimizer_step_post_hook(_count)
    _scope.kept = ({} if before is None else before) if keep else None
    try:
        yield
    finally:
        _scope.kept = before
        counting.remove()


def kept() -> bool:
    """Whether casts are kept."""
    return _scope.kept is not None


def cast(weight: Tensor, kind: torch.dtype) -> Tensor:
    """The weight, of any shape, in that type, no part of autograd; not to be changed."""
    return weight if weight.dtype == kind else together([weight], kind)[0]


def together(weights: Sequence[Tensor], kind: torch.dtype) -> list[Tensor]:
    """The weights, of any shapes, in that type and one piece of memory (`one_piece`).

    They are no part of autograd, and not to be changed.
    While a CUDA graph is captured they are always cast: that has to be a part of the graph, whose memory is its own.
    """
    entries = _scope.kept
    if entries is None or any(weight.is_inference() for weight in weights) or capturing(weights[0]):
        return one_piece(weights, kind)
    first = weights[0]  # another stream would not wait for the cast to be made
    stream = torch._C._cuda_getCurrentRawStream(first.device.index) if first.is_cuda else 0
    key = (kind, stream, tuple(id(weight) for weight in weights))
    found = entries.get(key)
    if found is None or not found.holds(weights):
        entries.pop(key, None)  # its memory may serve the new one
        found = entries[key] = _Kept(
            [weakref.ref(weight) for weight in weights],
            [weight.detach() for weight in weights],
            [weight._version for weight in weights],
            _steps,
            one_piece(weights, kind),
        )
    return found.casts


def capturing(value: Tensor) -> bool:
    """Whether a CUDA graph is being captured that work on `value`, of any shape, would enter."""
    return value.is_cuda and torch.cuda.is_current_stream_capturing()


def one_piece(values: Sequence[Tensor], kind: torch.dtype) -> list[Tensor]:
    """Copies of the values, in their shapes and that type, next to each other in memory.

    Where the values lie in one piece themselves they keep its layout and are cast in one go; else matrices come first
    and vectors behind them, as cuDNN lays out the weights of a recurrent network.
    """
    # A tensor of inference mode, in which validation may run, could not be kept for backward later on.
    with torch.inference_mode(False), torch.no_grad():
        if len(values) == 1:
            return [values[0].to(kind)]
        places, whole = [value.storage_offset() for value in values], _whole(values)
        if whole is not None:
            start, piece = min(places), whole.to(kind)
            places = [place - start for place in places]
        else:
            piece, end = values[0].new_empty(sum(value.numel() for value in values), dtype=kind), 0
            for i in sorted(range(len(values)), key=lambda i: values[i].dim() < 2):
                places[i], end = end, end + values[i].numel()
        found = [piece[at : at + i.numel()].view(i.shape) for at, i in zip(places, values, strict=True)]
        if whole is None:
            torch._foreach_copy_(found, [*values])
        return found


def _whole(values: Sequence[Tensor]) -> Tensor | None:
    """The piece of memory that the values fill without gaps, flat; None where they do not."""
    first, kinds = values[0], {(value.untyped_storage().data_ptr(), value.dtype) for value in values}
    places = sorted((value.storage_offset(), value.numel()) for value in values)
    joined = all(at + size == after for (at, size), (after, _) in itertools.pairwise(places))
    if len(kinds) > 1 or not joined or not all(value.is_contiguous() for value in values):
        return None
    return first.as_strided((sum(size for _, size in places),), (1,), places[0][0])
