"""All that a training step changes, as tensors that can be kept, put back and compared, and trees of them held still.

A tree is a nest of tuples, lists and dictionaries; what is no tensor in it stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils import _pytree

from ..data.batches import Sizes
from .module import TaskModule

DIFFERENT = 1e-2
"""Of the change that a step makes: a repetition that differs by more is another step. Less is the order in which some
of PyTorch's kernels happen to add up."""


def shape_of(tree: Any) -> tuple[object, ...]:
    """What tells trees of one shape: structure, sizes, types and places of the tensors."""
    leaves, spec = _pytree.tree_flatten(tree)
    return spec, *map(_shape_of_leaf, leaves)


def _shape_of_leaf(x: object) -> object:
    if isinstance(x, Tensor):
        return x.shape, x.dtype, x.device
    return x if isinstance(x, Sizes) else type(x)


def held(tree: Any) -> Any:
    """The same with tensors of its own."""
    return _pytree.tree_map_only(Tensor, lambda x: x.detach().clone(), tree)


def refill(tree: Any, values: Any) -> None:
    """Copies the tensors of `values` into those of `tree`, which has the same shape."""
    if tree is values:
        return
    for into, value in zip(_pytree.tree_leaves(tree), _pytree.tree_leaves(values), strict=True):
        if isinstance(into, Tensor) and into is not value:
            into.copy_(value, non_blocking=True)


@dataclass(frozen=True)
class Snapshot:
    """The values of a `StepState` at one moment."""

    values: list[Tensor]
    random: list[Tensor]


class StepState:
    """Weights, buffers, gradients that accumulate, the optimiser's and the scaler's state, sums, random states."""

    def __init__(self, trainer: pl.Trainer, module: TaskModule) -> None:
        self.device = module.device
        optimizer = trainer.optimizers[0]
        # The buffers of the watch are among the module's.
        self.tensors: list[Tensor] = [*module.parameters(), *module.buffers()]
        for weight in optimizer.state.values():
            self.tensors += [value for value in weight.values() if isinstance(value, Tensor)]
        if trainer.accumulate_grad_batches > 1:
            self.tensors += [p.grad for p in module.parameters() if p.grad is not None]
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            self.tensors += [scaler._scale, scaler._growth_tracker]
        self.tensors += module.train_sums.tensors.values()

    @torch.no_grad()
    def snapshot(self) -> Snapshot:
        """The values as they are now."""
        on_cuda = self.device.type == "cuda"
        random = [torch.get_rng_state(), *([torch.cuda.get_rng_state(self.device)] if on_cuda else [])]
        return Snapshot([x.detach().clone() for x in self.tensors], random)

    @torch.no_grad()
    def put_back(self, then: Snapshot) -> None:
        """The values as they were then."""
        for tensor, value in zip(self.tensors, then.values, strict=True):
            tensor.copy_(value)
        torch.set_rng_state(then.random[0])
        for state in then.random[1:]:
            torch.cuda.set_rng_state(state, self.device)


def tensors_of(tree: Any) -> list[Tensor]:
    """The tensors of a tree, in order."""
    return [x for x in _pytree.tree_leaves(tree) if isinstance(x, Tensor)]


def difference(
    start: Snapshot,
    first: Snapshot,
    second: Snapshot,
    first_made: Sequence[Tensor] = (),
    second_made: Sequence[Tensor] = (),
) -> float:
    """How far two steps from the same start are apart, as a part of what the first one changed, of what they have made
    as a part of its size: the largest over all tensors. 0: bit for bit the same; infinite: they drew other random
    numbers, or one is not finite where the other is.
    """
    if not all(map(torch.equal, first.random, second.random)):
        return float("inf")
    worst, nothing = 0.0, [torch.zeros_like(x) for x in first_made]
    changes = zip(
        [*start.values, *nothing], [*first.values, *first_made], [*second.values, *second_made], strict=True
    )
    for before, one, other in changes:
        if torch.equal(one, other) or not one.numel():
            continue
        apart, moved = (_norm(a, b) for a, b in ((one, other), (one, before)))
        worst = max(worst, apart / moved if moved > 0 else float("inf"))
    return worst


def _norm(one: Tensor, other: Tensor) -> float:
    """Of the difference; values that are not finite in both alike do not count."""
    same = (one == other) | (one.isnan() & other.isnan())
    found = torch.where(same, 0.0, one.double() - other.double()).norm()
    return float(found) if torch.isfinite(found) else float("inf")
