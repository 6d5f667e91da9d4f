"""Runs an encoder on a `PackedSequence` as torch.nn's recurrent modules do, through its padding mask."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


def padding_mask(lengths_B: Tensor, length: int) -> Tensor:
    """(L, B), True from each sequence's end on."""
    return torch.arange(length, device=lengths_B.device).unsqueeze(1) >= lengths_B.unsqueeze(0)


def run(
    forward: Callable[..., tuple[Any, Tensor]],
    packed: PackedSequence,
    state: Tensor | None,
    batch_first: bool,
) -> tuple[PackedSequence, Tensor]:
    """Unpacks, calls `forward(x, state, padding)`, packs the outputs; sequences keep the caller's order."""
    x, lengths_B = pad_packed_sequence(packed, batch_first=batch_first)
    padding = padding_mask(lengths_B, int(lengths_B.max())).to(x.device)
    h, c_n = forward(x, state, padding.transpose(0, 1) if batch_first else padding)
    return pack_padded_sequence(h, lengths_B, batch_first=batch_first, enforce_sorted=False), c_n
