"""The order of batches: a function of seed and epoch, which a resumed run repeats."""

import torch
from torch.utils.data import DataLoader

from sru_repro.data.batches import BatchOrder


def test_order_is_a_function_of_seed_and_epoch() -> None:
    order = BatchOrder(50, seed=3, reshuffle=True)
    state = torch.get_rng_state()
    first = list(order)
    order.set_epoch(1)
    second = list(order)
    assert torch.equal(torch.get_rng_state(), state)
    assert sorted(first) == sorted(second) == list(range(50)) and first != second
    again = BatchOrder(50, seed=3, reshuffle=True)
    again.set_epoch(1)
    assert list(again) == second
    assert list(BatchOrder(50, seed=4, reshuffle=True)) != first


def test_skip_leaves_out_the_start_of_one_iteration() -> None:
    order = BatchOrder(50, seed=3, reshuffle=True)
    whole = list(order)
    order.skip = 12
    assert len(order) == 50
    assert list(order) == whole[12:]
    assert list(order) == whole


def test_authors_order_is_the_same_in_every_epoch() -> None:
    order = BatchOrder(4, seed=3)
    order.set_epoch(2)
    assert list(order) == [0, 1, 2, 3]


def test_through_a_data_loader() -> None:
    batches = [torch.full((1 + i,), i) for i in range(3)]
    order = BatchOrder(len(batches), seed=0, reshuffle=True)
    loader: DataLoader[torch.Tensor] = DataLoader(batches, batch_size=None, sampler=order)  # type: ignore[arg-type]
    assert len(loader) == 3
    assert [len(batch) for batch in loader] == [1 + i for i in order]
