"""Batches of sentences: padding on either side, built once."""

import random

import torch

from sru_repro.data.sentences.batches import ClassificationBatches, make_batch
from sru_repro.data.sentences.examples import Example
from sru_repro.data.store.vocabulary import build_vocabulary

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
