"""The order in which a trainer visits the batches of any data set, and the few shapes that batches are padded to."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from .store.seeds import generator


def rounded_up(length: int, grain: int) -> int:
    """The next of few lengths: multiples of `grain` up to 8 of them, of twice as much up to 16, and so on."""
    while length > 8 * grain:
        grain *= 2
    return -(-length // grain) * grain


def shard_of(count: int, rank: int, world: int) -> tuple[slice, int]:
    """Which of `count` columns one of `world` processes reads, and how many of these count.

    Neighbours, as many as the others read or one less, each column once. Where there are fewer columns than processes
    the last ones read the first column, which does not count.
    """
    start, stop = -(-count * rank // world), -(-count * (rank + 1) // world)
    return (slice(start, stop), stop - start) if stop > start else (slice(0, 1), 0)


class Sizes:
    """Numbers that a step is made for, as the shapes of its tensors are.

    A plain class: a trainer that moves batches looks into tuples and dataclasses.
    """

    def __init__(self, *values: int) -> None:
        self.values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sizes) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)


class BatchOrder(Sampler[int]):
    """The order in which batches are visited, a pure function of seed and epoch: a resumed run repeats it.

    `reshuffle=False` visits them as they lie, in every epoch, as the authors do. `skip` leaves out that many
    batches at the start of the next iteration only, which is how a run goes on in the middle of an epoch; the
    length stays that of a whole epoch, because the trainer counts with it.
    """

    def __init__(self, n_batches: int, seed: int, *, reshuffle: bool = False) -> None:
        self.n_batches, self.seed, self.reshuffle = n_batches, seed, reshuffle
        self.epoch = 0
        self.skip = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration follows."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[int]:
        order = list(range(self.n_batches))
        if self.reshuffle:
            epoch_generator = generator(self.seed, "order", self.epoch)
            order = torch.randperm(self.n_batches, generator=epoch_generator).tolist()
        skip, self.skip = self.skip, 0
        return iter(order[skip:])
