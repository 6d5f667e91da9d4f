"""Batches of questions with their passages, cut by length of passage, and the reader's features.

Where there are enough passages of one length a batch holds these alone: nothing is padded then, and torch's LSTM takes
its dense path, at least twice as fast as the packed one.

Axes: L passage, Q question, B batch, F features.
"""

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..batches import rounded_up
from ..store.seeds import generator
from .split import Example, Split

GRAINS = 32, 16
"""Of the lengths that passages and questions are fitted to."""
FEATURES = 4
"""Exact match, match in lower case, match of lemmas (0 or 1 each), normalised term frequency."""


class Examples:
    """The questions of a batch. A plain class: a trainer that moves batches looks into tuples and dataclasses."""

    def __init__(self, items: tuple[Example, ...]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Example:
        return self.items[index]


class ReaderBatch(NamedTuple):
    """Numbers of words (int64, 0 is padding), features (float32), tags, entities; answers' tokens, -1 where none.

    A padding mask is True at padding, and None when nothing is padded. `tokens` counts words of passages and
    questions without padding.
    """

    passage_LB: Tensor
    features_LBF: Tensor
    tags_LB: Tensor
    entities_LB: Tensor
    padding_LB: Tensor | None
    question_QB: Tensor
    question_padding_QB: Tensor | None
    start_B: Tensor
    end_B: Tensor
    examples: Examples
    tokens: int


def make_reader_batch(
    examples: Sequence[Example], number_of: npt.NDArray[np.int64], *, fitted: bool = False
) -> ReaderBatch:
    """One batch, padded at the end to its longest passage and question.

    Args:
        examples: its questions.
        number_of: of every form the number of its word, (V,) for V forms.
        fitted: pads to the next of few lengths, with masks in any case.
    """
    lengths_B = np.array([len(example.passage) for example in examples])
    widths_B = np.array([len(example.question) for example in examples])
    L, Q, B = int(lengths_B.max()), int(widths_B.max()), len(examples)
    if fitted:
        L, Q = (rounded_up(length, grain) for length, grain in zip((L, Q), GRAINS, strict=True))
    passage_LB, tags_LB, entities_LB = np.zeros((3, L, B), dtype=np.int64)
    question_QB = np.zeros((Q, B), dtype=np.int64)
    features_LBF = np.zeros((L, B, FEATURES), dtype=np.float32)
    for b, example in enumerate(examples):
        own = slice(0, len(example.passage))
        passage_LB[own, b] = number_of[example.passage]
        question_QB[: len(example.question), b] = number_of[example.question]
        tags_LB[own, b], entities_LB[own, b] = example.tags, example.entities
        features_LBF[own, b, 0] = _occurs(example.passage, example.question)
        features_LBF[own, b, 1] = _occurs(example.lower_passage, example.lower_question)
        if example.lemma_passage is not None and example.lemma_question is not None:
            features_LBF[own, b, 2] = _occurs(example.lemma_passage, example.lemma_question)
        features_LBF[own, b, 3] = example.frequency
    return ReaderBatch(
        torch.from_numpy(passage_LB),
        torch.from_numpy(features_LBF),
        torch.from_numpy(tags_LB),
        torch.from_numpy(entities_LB),
        _padding(lengths_B, L, fitted),
        torch.from_numpy(question_QB),
        _padding(widths_B, Q, fitted),
        torch.tensor([example.start for example in examples]),
        torch.tensor([example.end for example in examples]),
        Examples(tuple(examples)),
        int(lengths_B.sum() + widths_B.sum()),
    )


def columns(batch: ReaderBatch, own: slice) -> ReaderBatch:
    """Some questions of a batch with their passages, padded as they are in it."""
    cut = {
        name: value[own].contiguous() if name in ("start_B", "end_B") else value[:, own].contiguous()
        for name, value in batch._asdict().items()
        if isinstance(value, Tensor)
    }
    examples = batch.examples.items[own]
    tokens = sum(len(example.passage) + len(example.question) for example in examples)
    return batch._replace(**cut, examples=Examples(examples), tokens=tokens)


class ReaderBatches(Dataset[ReaderBatch]):
    """Batches of a split; which questions share one is settled here, what is in it is read when it is asked for.

    Questions are sorted by the length of their passage, so that little is padded, and equals by a draw from
    `shuffle_seed`; None keeps them in the order of the file. `training` leaves out questions whose answer does not
    fall on token borders: there is nothing to learn from them. The last batch, of the longest passages, may be smaller.

    Args:
        split: the questions.
        number_of: of every form the number of its word, (V,) for V forms.
        batch_size: questions of a batch.
        shuffle_seed: of the draw between equals.
        training: whether questions without an answer on token borders are left out.
    """

    def __init__(
        self,
        split: Split,
        number_of: npt.NDArray[np.int64],
        batch_size: int = 32,
        *,
        shuffle_seed: int | None = None,
        training: bool = False,
    ) -> None:
        self._split, self._number_of, self._fitted = split, number_of, False
        lengths = split.passage_lengths()
        ties = np.arange(len(split))
        if shuffle_seed is not None:
            ties = torch.randperm(len(split), generator=generator(shuffle_seed, "lengths")).numpy()
        order = np.lexsort((ties, lengths))
        if training:
            order = order[split.aligned()[order]]
        self._batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]

    def fitted(self) -> "ReaderBatches":
        """The same batches at a few lengths."""
        found = copy(self)
        found._fitted = True
        return found

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> ReaderBatch:
        examples = [self._split.question(i) for i in self._batches[index]]
        return make_reader_batch(examples, self._number_of, fitted=self._fitted)


def _occurs(passage: npt.NDArray[np.int32], question: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Which words of a passage occur in its question."""
    return (passage[:, None] == question).any(axis=1)


def _padding(lengths_B: npt.NDArray[np.int64], length: int, always: bool) -> Tensor | None:
    """True at padding, (length, B); None when all are of that length, where it is not wanted always."""
    if lengths_B.min() == length and not always:
        return None
    return torch.from_numpy(np.arange(length)[:, None] >= lengths_B)
