"""Batches: padding on either side, built once, and an order that a resumed run repeats."""

import random

import torch
from torch.utils.data import DataLoader

from sru_repro.data.batches import BatchOrder, ClassificationBatches, make_batch
from sru_repro.data.examples import Example
from sru_repro.data.vocabulary import build_vocabulary

EXAMPLES = [Example(tuple("abcdefgh"[: 1 + i % 8]), i % 3) for i in range(70)]
VOCABULARY = build_vocabulary(example.tokens for example in EXAMPLES)


def test_left_padding_ends_on_the_last_word() -> None:
    batch = make_batch([Example(("a", "b"), 1), Example(tuple("abcdef"), 0)], VOCABULARY)
    a, b = VOCABULARY.ids(["a", "b"])
    assert batch.ids_LB[:, 0].tolist() == [0, 0, 0, 0, a, b]
    assert batch.padding_LB[:, 0].tolist() == [True] * 4 + [False] * 2
    assert not batch.padding_LB[:, 1].any()
    assert batch.labels_B.tolist() == [1, 0]
    assert batch.ids_LB.dtype == batch.labels_B.dtype == torch.int64


def test_right_padding_and_least_length() -> None:
    batch = make_batch([Example(("a", "b"), 1), Example((), 0)], VOCABULARY, "right")
    a, b = VOCABULARY.ids(["a", "b"])
    assert batch.ids_LB[:, 0].tolist() == [a, b, 0, 0, 0]
    assert batch.padding_LB.tolist() == [[False, True]] * 2 + [[True, True]] * 3
    assert make_batch([Example(("a",), 0)], VOCABULARY, min_length=1).ids_LB.shape == (1, 1)


def test_unknown_words() -> None:
    assert make_batch([Example(("new",), 0)], VOCABULARY).ids_LB[-1, 0] == 1


def test_batches_cover_every_example_once() -> None:
    batches = ClassificationBatches(EXAMPLES, VOCABULARY, 32)
    assert [batch.ids_LB.shape[1] for batch in map(batches.__getitem__, range(3))] == [32, 32, 6]
    labels = torch.cat([batches[i].labels_B for i in range(len(batches))]).tolist()
    assert labels == [example.label for example in EXAMPLES]
    assert batches[1] is batches[1]


def test_shuffled_once_as_the_authors_do() -> None:
    shuffled = list(EXAMPLES)
    random.seed(1234)
    random.shuffle(shuffled)
    state = random.getstate()
    batches = ClassificationBatches(EXAMPLES, VOCABULARY, 32, shuffle_seed=1234)
    assert random.getstate() == state
    expected = make_batch(shuffled[:32], VOCABULARY)
    assert all(torch.equal(*pair) for pair in zip(batches[0][:3], expected[:3], strict=True))
    assert batches[0].tokens == expected.tokens == sum(len(example.tokens) for example in shuffled[:32])


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
    batches = ClassificationBatches(EXAMPLES, VOCABULARY, 32)
    order = BatchOrder(len(batches), seed=0, reshuffle=True)
    loader = DataLoader(batches, batch_size=None, sampler=order)
    assert len(loader) == 3
    seen = list(loader)
    assert [batch.padding_LB.shape for batch in seen] == [batches[i].padding_LB.shape for i in order]
