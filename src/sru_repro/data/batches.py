"""The order in which a trainer visits the batches of any data set."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from .store.seeds import generator


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
