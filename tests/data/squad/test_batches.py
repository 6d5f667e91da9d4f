"""Batches: features by hand, padding, order by length, and the time one takes."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sru_repro.data.squad.batches import FEATURES, Examples, ReaderBatches, make_reader_batch
from sru_repro.data.squad.dataset import Example, Split, Squad, load_squad, single_example
from sru_repro.data.squad.tokens import Tokenizer
from sru_repro.data.squad.words import word_numbers

from ...pace import adding

WORDS = ("<pad>", "<unk>", "Red", "red", "wine", "meat", "?")


def example(passage: str, question: str) -> tuple[Example, np.ndarray]:
    found, forms = single_example(Tokenizer("none"), passage, question)
    return found, word_numbers(forms, WORDS)


def test_features_by_hand() -> None:
    found, number_of = example("Red wine and red meat", "What red Wine?")
    batch = make_reader_batch([found._replace(start=3, end=4)], number_of)
    exact, lower, lemma, frequency = batch.features_LBF[:, 0].T
    assert exact.tolist() == [0, 0, 0, 1, 0]
    assert lower.tolist() == [1, 1, 0, 1, 0]
    assert lemma.tolist() == [0] * 5
    torch.testing.assert_close(frequency, torch.tensor([2, 1, 1, 2, 1]) / 5)
    assert batch.passage_LB[:, 0].tolist() == [2, 4, 1, 3, 5]
    assert batch.question_QB[:, 0].tolist() == [1, 3, 4, 6]
    assert batch.padding_LB is batch.question_padding_QB is None
    assert (batch.start_B.tolist(), batch.end_B.tolist(), batch.tokens) == ([3], [4], 9)
    for name in ("passage_LB", "tags_LB", "entities_LB", "question_QB", "start_B", "end_B"):
        assert getattr(batch, name).dtype == torch.int64
    assert batch.features_LBF.dtype == torch.float32


def test_lemmas_tags_and_entities() -> None:
    found, number_of = example("Red wine and red meat", "What red Wine?")
    tagged = found._replace(
        lemma_passage=np.array([9, 8, 7, 9, 6], dtype=np.int32),
        lemma_question=np.array([5, 9, 6, 4], dtype=np.int32),
        tags=np.array([1, 2, 0, 1, 2], dtype=np.int32),
        entities=np.array([0, 0, 0, 0, 3], dtype=np.int32),
    )
    batch = make_reader_batch([tagged], number_of)
    assert batch.features_LBF[:, 0, 2].tolist() == [1, 0, 0, 1, 1]
    assert batch.tags_LB[:, 0].tolist() == [1, 2, 0, 1, 2] and batch.entities_LB[:, 0].tolist() == [
        0,
        0,
        0,
        0,
        3,
    ]


def test_padding() -> None:
    long, number_of = example("Red wine and red meat", "red?")
    short = long._replace(
        **{
            name: getattr(long, name)[:2]
            for name in ("passage", "lower_passage", "tags", "entities", "frequency", "spans")
        }
    )
    batch = make_reader_batch([long, short], number_of)
    assert batch.features_LBF.shape == (5, 2, FEATURES)
    assert batch.padding_LB is not None and batch.padding_LB.dtype == torch.bool
    assert batch.padding_LB.T.tolist() == [[False] * 5, [False, False, True, True, True]]
    assert batch.question_padding_QB is None  # both questions are as long
    assert not batch.passage_LB[2:, 1].any() and not batch.features_LBF[2:, 1].any()
    assert batch.tokens == 5 + 2 + 2 + 2
    alone = make_reader_batch([short], number_of)
    assert alone.features_LBF[:, 0].equal(batch.features_LBF[:2, 1])
    assert alone.passage_LB[:, 0].equal(batch.passage_LB[:2, 1])


@pytest.fixture
def squad(squad_dir: Callable[..., Path]) -> Squad:
    """12 training passages of 1 to 4 words and some of equal length; a dev question whose answer is none."""
    train = {f"{'word ' * (n % 4)}end{n}": [("What?", f"end{n}")] for n in range(12)}
    return load_squad(squad_dir(train, {"a lake": [("What?", "lake"), ("Who?", "lak")]}), tagger="none")


def ids(batches: ReaderBatches) -> list[list[str]]:
    return [[item.id for item in batches[i].examples.items] for i in range(len(batches))]


def numbers(squad: Squad) -> np.ndarray:
    return word_numbers(squad.forms, ("<pad>", "<unk>", "word"))


def test_cut_by_length(squad: Squad) -> None:
    batches = ReaderBatches(squad.train, numbers(squad), 5)
    assert len(batches) == 3
    assert [batch.passage_LB.shape for batch in map(batches.__getitem__, range(3))] == [
        (2, 5),
        (4, 5),
        (4, 2),
    ]
    in_order = [f"train-{n}" for length in range(4) for n in range(12) if n % 4 == length]
    assert [key for batch in ids(batches) for key in batch] == in_order
    assert ids(batches) == ids(ReaderBatches(squad.train, numbers(squad), 5))


def test_equal_lengths_are_shuffled_by_the_seed_alone(squad: Squad) -> None:
    torch.manual_seed(3)
    one = ids(ReaderBatches(squad.train, numbers(squad), 3, shuffle_seed=0))
    torch.manual_seed(4)
    assert one == ids(ReaderBatches(squad.train, numbers(squad), 3, shuffle_seed=0))
    others = [ids(ReaderBatches(squad.train, numbers(squad), 3, shuffle_seed=seed)) for seed in range(1, 5)]
    assert any(other != one for other in others)
    for order in (one, *others):
        assert [sorted(batch) for batch in order] == [
            sorted(f"train-{n}" for n in range(length, 12, 4)) for length in range(4)
        ]


def test_training_needs_a_place_for_the_answer(squad: Squad) -> None:
    dev = squad.dev
    assert ids(ReaderBatches(dev, numbers(squad), 4)) == [["dev-0", "dev-1"]]
    assert ids(ReaderBatches(dev, numbers(squad), 4, training=True)) == [["dev-0"]]
    assert ReaderBatches(dev, numbers(squad), 4)[0].start_B.tolist() == [1, -1]
    nothing = replace(dev, rows=dev.rows[:0])
    assert isinstance(nothing, Split) and len(ReaderBatches(nothing, numbers(squad), 4)) == 0


def test_a_trainer_that_moves_a_batch_leaves_the_examples_alone(squad: Squad) -> None:
    from lightning_utilities.core.apply_func import apply_to_collection
    from torch.utils.data import DataLoader

    (batch,) = DataLoader(ReaderBatches(squad.dev, numbers(squad), 4), batch_size=None)
    moved = apply_to_collection(batch, torch.Tensor, lambda tensor: tensor.to(torch.float64))
    assert type(moved) is type(batch) and moved.examples is batch.examples
    assert isinstance(batch.examples, Examples) and len(batch.examples) == 2
    assert batch.examples[1].id == "dev-1" and moved.features_LBF.dtype == torch.float64


def test_a_batch_takes_milliseconds(squad_dir: Callable[..., Path]) -> None:
    train = {
        f"{number} " + "the boat of Ghent passes " * 30: [("Which boat passes where?", "Ghent")]
        for number in range(64)
    }
    squad = load_squad(squad_dir(train), tagger="none")
    batches = ReaderBatches(squad.train, numbers(squad), 32)
    assert [batches[i].passage_LB.shape for i in range(2)] == [(151, 32)] * 2
    times = []
    for i in range(20):
        start = time.perf_counter()
        assert batches[i % 2].tokens == 32 * (151 + 5)
        times.append(time.perf_counter() - start)
    assert min(times) < 2.5 * adding()  # 1.1 times as much was measured
