"""What a rank reads of the batches of all: in training its columns of each, so that a step sees what one process would
see; in evaluation whole batches in turn, or its streams where a state is carried. Nothing is read twice.
"""

from typing import Any, NamedTuple

from ...tasks import Batches, Task
from .world import Ranks


class Shard(NamedTuple):
    """What one rank reads.

    weight  by what its loss is multiplied to make the losses of all ranks add up to that of the whole batch; 0: nothing
            in it counts
    tokens  words or symbols of the whole batch
    """

    batch: Any
    weight: float
    tokens: int


def parted(batch: Any) -> tuple[Any, float | None]:
    """The batch and its weight; None where the batch is whole."""
    return (batch.batch, batch.weight) if isinstance(batch, Shard) else (batch, None)


class Columns:
    """Of every batch some columns. `whole` are the batches of all."""

    def __init__(self, whole: Batches, task: Task, ranks: Ranks) -> None:
        self.whole, self._task, self._ranks = whole, task, ranks

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, index: int) -> Shard:
        batch = self.whole[index]
        part, weight = self._task.shard(batch, self._ranks.rank, self._ranks.world)
        return Shard(part, weight, self._task.tokens(batch))


class InTurn:
    """Every n-th batch of the first `most`, of all where that is 0; all ranks have as many, the last ones perhaps one
    that does not count."""

    def __init__(self, whole: Batches, task: Task, ranks: Ranks, most: int = 0) -> None:
        self.whole, self._task, self._ranks = whole, task, ranks
        self._count = min(len(whole), most or len(whole))

    def __len__(self) -> int:
        return -(-self._count // self._ranks.world)

    def __getitem__(self, index: int) -> Shard:
        place = index * self._ranks.world + self._ranks.rank
        counts = place < self._count
        batch = self.whole[place if counts else 0]
        return Shard(batch, float(counts), self._task.tokens(batch))


def for_training(batches: Batches, task: Task, ranks: Ranks) -> Batches:
    """What this rank trains on."""
    return Columns(batches, task, ranks) if ranks.several else batches


def for_evaluation(batches: Batches, task: Task, ranks: Ranks, most: int = 0) -> Batches:
    """What this rank evaluates; of the first `most` batches, where that is not 0."""
    if not ranks.several:
        return batches
    return Columns(batches, task, ranks) if task.needs_stream else InTurn(batches, task, ranks, most)
