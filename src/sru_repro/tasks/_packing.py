"""A trained classifier in few bytes: its weights in half precision, its words and their vectors as far as they fit.

Shapes: L time, B batch, V vocabulary, D word vector.
"""

import json
import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

import torch
from torch import Tensor

from ..core.errors import ConfigError
from ..data.store.vocabulary import PAD_ID, UNKNOWN_ID
from ._axes import on_axes
from ._base import Batches, Saved, TaskData
from ._classification import Classification

Vectors = Literal["axes", "rows"]
"""Ways to make vectors fit, see `pack`."""
TABLE = "embedding.weight"
SEEN = 200
"""Batches of the training set whose gradients tell which directions of the vectors matter."""
RESERVED = 16_000
"""Bytes for record and card."""
ALWAYS = UNKNOWN_ID + 1
"""Rows that are no words: padding and the unknown word."""
A_WORD = 4
"""Bytes of a word in JSON beside its letters."""


@dataclass(frozen=True)
class Packed:
    """A classifier as it is written: `tensors` by name, a table of vectors along axes as three of them; `extra` is the
    state beside them. `axes` is 0 where vectors stand as they are; `known` is the share of the test set's words."""

    tensors: dict[str, Tensor]
    extra: Saved
    axes: int
    words: int
    of_words: int
    known: float

    @property
    def whole(self) -> bool:
        """Whether all vectors stand as they are."""
        return self.axes == 0 and self.words == self.of_words


def pack(task: Classification, data: TaskData, most: int, dtype: torch.dtype, vectors: Vectors) -> Packed:
    """The classifier in at most `most` bytes, `RESERVED` of them for what is written beside it.

    Vectors that all fit stand as they are. Otherwise `rows` keeps those of the most frequent words of the training set,
    `axes` keeps all words, each with as few numbers as it takes (see `on_axes`).

    Raises:
        ConfigError: even so it does not fit.
    """
    weights: dict[str, Any] = task.state_dict()
    extra: Saved = weights.pop("_extra_state")
    weight_VD: Tensor = weights.pop(TABLE)
    tensors = {
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in weights.items()
    }
    words = extra["words"]
    left = most - RESERVED - sum(tensor.nbytes for tensor in tensors.values())
    sizes = [len(json.dumps(word, ensure_ascii=False).encode()) + A_WORD for word in words]
    counts_V = _counts(data.train, len(words))
    order = _by_frequency(counts_V)
    row = weight_VD.size(1) * dtype.itemsize
    fitting = sum(total <= left for total in accumulate(sizes[place] + row for place in order))
    axes, kept = 0, [*range(len(words))]
    if fitting == len(words):
        tensors[TABLE] = weight_VD.to(dtype)
    elif vectors == "rows":
        kept = sorted(order[:fitting])
        tensors[TABLE] = weight_VD[kept].to(dtype)
    else:
        axes = min(weight_VD.size(1), (left - sum(sizes) - row) // (len(words) + row))
        if axes > 0:
            table = on_axes(weight_VD, counts_V, _gradients(task, data.train), axes, dtype)
            tensors |= {f"{TABLE}.codes": table.codes_VK, f"{TABLE}.axes": table.axes_KD}
            tensors[f"{TABLE}.mean"] = table.mean_D
    if axes <= 0 and (TABLE not in tensors or len(kept) <= ALWAYS):
        least = sum(sizes) + len(words) + 2 * row if vectors == "axes" else (ALWAYS + 1) * (row + max(sizes))
        needed = math.ceil((most - left + least) / 1e4) / 100
        raise ConfigError(f"max_mb: expected {needed} or more for this model, found {most / 1e6:g}")
    tested_V = _counts(data.test, len(words))
    return Packed(
        tensors,
        {**extra, "words": [words[place] for place in kept]},
        axes,
        len(kept),
        len(words),
        float(tested_V[kept].sum() / tested_V.sum()),
    )


def _by_frequency(counts_V: Tensor) -> list[int]:
    """The numbers of padding and unknown word, then of all words, the most frequent first."""
    order = torch.argsort(counts_V, descending=True, stable=True).tolist()
    always = [PAD_ID, UNKNOWN_ID]
    return [*always, *(place for place in order if place not in always)]


def _counts(batches: Batches, size: int) -> Tensor:
    """How often each word occurs in the batches, (V)."""
    counts_V = torch.zeros(size, dtype=torch.long)
    for place in range(len(batches)):
        batch = batches[place]
        counts_V += torch.bincount(batch.ids_LB[~batch.padding_LB], minlength=size)
    return counts_V


def _gradients(task: Classification, batches: Batches) -> Tensor:
    """The sum of g g' over the gradients g of the loss by each vector that is read, (D, D), float64."""
    size = task.embedding.embedding_dim
    total_DD = torch.zeros(size, size, dtype=torch.float64)
    read: list[Tensor] = []
    hook = task.embedding.register_forward_hook(lambda *call: read.append(call[-1].requires_grad_()))
    try:
        for number in range(min(SEEN, len(batches))):
            batch = batches[number * len(batches) // min(SEEN, len(batches))]
            read.clear()
            with torch.enable_grad():
                (g_LBD,) = torch.autograd.grad(task.step(batch, None).loss, read)
            g_nD = g_LBD[~batch.padding_LB].double()
            total_DD += g_nD.T @ g_nD
    finally:
        hook.remove()
    return total_DD
