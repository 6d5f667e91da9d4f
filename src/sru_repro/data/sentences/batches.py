"""Batches of sentences as the SRU authors make them: cut once, padded on the left, the same in every epoch.

Axes: L time, B batch.
"""

import random
from collections.abc import Sequence
from copy import copy
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from ..batches import rounded_up
from ..store.vocabulary import PAD_ID, Vocabulary
from .examples import Example

Padding = Literal["left", "right"]
GRAIN = 8
"""Of the lengths that batches are fitted to."""
TOGETHER = 2048
"""Sentences at once where many batches are read as one."""


class TextBatch(NamedTuple):
    """Word numbers (int64), True where they are padding, one label per sentence (int64), words without padding.

    `added_LB` is True at steps in front that were added to make up a length (`fitted`); no encoder is to read them.
    """

    ids_LB: Tensor
    padding_LB: Tensor
    labels_B: Tensor
    tokens: int
    added_LB: Tensor | None = None


def make_batch(
    examples: Sequence[Example], vocabulary: Vocabulary, padding: Padding = "left", min_length: int = 5
) -> TextBatch:
    """One batch, as long as its longest sentence and at least `min_length` (the widest filter of Kim's CNN).

    Padding on the left puts every sentence's last word on the last time step, which the classifier reads. The
    authors give the encoder no mask, so there it runs over the padding, a fixed random vector, first: with
    their protocol the output for a sentence depends a little on the longest sentence of its batch.
    """
    lengths_B = np.array([len(example.tokens) for example in examples])
    length = max(min_length, int(lengths_B.max()))
    ids_LB = np.full((length, len(examples)), PAD_ID, dtype=np.int64)
    for column, example in enumerate(examples):
        start = length - len(example.tokens) if padding == "left" else 0
        ids_LB[start : start + len(example.tokens), column] = vocabulary.ids(example.tokens)
    step_L1 = np.arange(length)[:, None]
    padding_LB = step_L1 < length - lengths_B if padding == "left" else step_L1 >= lengths_B
    labels_B = torch.tensor([example.label for example in examples])
    return TextBatch(torch.from_numpy(ids_LB), torch.from_numpy(padding_LB), labels_B, int(lengths_B.sum()))


def fitted(batch: TextBatch, padding: Padding) -> TextBatch:
    """The batch at the next of few lengths, filled up where its padding is."""
    return longer(batch, rounded_up(len(batch.ids_LB), GRAIN), padding)


def together(batches: Sequence[TextBatch], padding: Padding) -> TextBatch:
    """Batches as one, of the longest one's length.

    Every sentence is padded as far as in its own batch, and what is added on top no encoder reads.
    """
    length = max(len(batch.ids_LB) for batch in batches)
    same = [longer(batch, length, padding) for batch in batches]
    ids_LB, padding_LB = (torch.cat(parts, 1) for parts in zip(*(batch[:2] for batch in same), strict=True))
    added = [batch.added_LB for batch in same if batch.added_LB is not None]
    return TextBatch(
        ids_LB,
        padding_LB,
        torch.cat([batch.labels_B for batch in same]),
        sum(batch.tokens for batch in same),
        torch.cat(added, 1) if added else None,
    )


def longer(batch: TextBatch, length: int, padding: Padding) -> TextBatch:
    """The batch at another length, filled up where its padding is."""
    steps, size = batch.ids_LB.shape
    more = length - steps
    around = (0, 0, more, 0) if padding == "left" else (0, 0, 0, more)
    added_LB = None
    if padding == "left":
        added_LB = (torch.arange(length) < more).unsqueeze(1).expand(-1, size).contiguous()
    return batch._replace(
        ids_LB=F.pad(batch.ids_LB, around, value=PAD_ID),
        padding_LB=F.pad(batch.padding_LB, around, value=True),
        added_LB=added_LB,
    )


def columns(batch: TextBatch, own: slice) -> TextBatch:
    """Some sentences of a batch, as they stand in it."""
    padding_LB = batch.padding_LB[:, own].contiguous()
    return TextBatch(
        batch.ids_LB[:, own].contiguous(),
        padding_LB,
        batch.labels_B[own],
        int((~padding_LB).sum()),
        None if batch.added_LB is None else batch.added_LB[:, own].contiguous(),
    )


class ClassificationBatches(Dataset[TextBatch]):
    """All batches of a split, made when the object is made and never again.

    `shuffle_seed` shuffles the examples once before they are cut into batches, with Python's `random` like
    the authors, who seed it with 1234; None keeps the given order (evaluation, and sets that come shuffled).
    Sentences are not sorted by length. The last batch may be smaller.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        vocabulary: Vocabulary,
        batch_size: int = 32,
        *,
        shuffle_seed: int | None = None,
        padding: Padding = "left",
        min_length: int = 5,
    ) -> None:
        self._padding = padding
        ordered = list(examples)
        if shuffle_seed is not None:
            random.Random(shuffle_seed).shuffle(ordered)
        self._batches = [
            make_batch(ordered[start : start + batch_size], vocabulary, padding, min_length)
            for start in range(0, len(ordered), batch_size)
        ]

    def fitted(self) -> "ClassificationBatches":
        """The same batches at a few lengths."""
        found = copy(self)
        found._batches = [fitted(batch, self._padding) for batch in self._batches]
        return found

    def together(self) -> "ClassificationBatches":
        """The same sentences, padded as in their own batches, in as few batches as memory takes."""
        found, many = copy(self), max(1, TOGETHER // max(1, len(self._batches[0].labels_B)))
        starts = range(0, len(self._batches), many)
        found._batches = [together(self._batches[start : start + many], self._padding) for start in starts]
        return found

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> TextBatch:
        return self._batches[index]
