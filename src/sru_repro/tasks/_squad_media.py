"""What the reader shows while it learns: its answers beside those that people gave."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..data.squad.batches import Examples, ReaderBatch
from ..data.squad.dataset import Example
from ._media import TableMedia
from ._span import em_f1

HEADS = ("passage", "question", "gold", "predicted", "em", "f1")


def first_examples(batch: ReaderBatch, count: int, device: torch.device) -> ReaderBatch:
    """The first examples of a batch, on the device."""
    items = batch.examples.items[:count]
    some: dict[str, Any] = {
        key: (x[..., : len(items), :] if key == "features_LBF" else x[..., : len(items)]).to(device)
        for key, x in batch._asdict().items()
        if isinstance(x, Tensor)
    }
    return batch._replace(**some, examples=Examples(items))


def answers_beside(items: Sequence[Example], texts: Sequence[str]) -> TableMedia:
    """Questions with the answers that people gave, and what the reader takes for them."""
    rows = []
    for example, text in zip(items, texts, strict=True):
        gold = " | ".join(dict.fromkeys(example.answers))
        rows.append((example.passage_text, example.question_text, gold, text, *em_f1(text, example.answers)))
    return TableMedia(HEADS, rows)
