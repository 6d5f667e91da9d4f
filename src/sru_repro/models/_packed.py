"""Packed sequences as torch.nn's recurrent modules take them: rows and states in the caller's order on both sides.

Shapes: L time, B batch, D input features, H output features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


@dataclass(frozen=True)
class Unpacked:
    """The sequences of a packed batch in the caller's order. Nothing waits for a GPU: lengths lie on the host.

    given          the packed batch, whose data have the shape (steps of all sequences, D)
    sorted_B       lengths on the host, in its order: the longest first
    lengths_B      lengths in the caller's order, on the device of x
    x_LBD          zeros behind each sequence
    padding_LB     True from each sequence's end on; None where all are equally long
    """

    given: PackedSequence
    sorted_B: Tensor
    lengths_B: Tensor
    x_LBD: Tensor
    padding_LB: Tensor | None

    def pack(self, h_LBH: Tensor) -> PackedSequence:
        """Outputs h_LBH packed as the inputs came: same batch sizes, same indices, None where there were none."""
        given = self.given
        if given.sorted_indices is not None:
            h_LBH = h_LBH.index_select(1, given.sorted_indices)
        data = pack_padded_sequence(h_LBH, self.sorted_B).data
        return PackedSequence(data, given.batch_sizes, given.sorted_indices, given.unsorted_indices)


def unpacked(given: PackedSequence) -> Unpacked:
    """The sequences of a packed batch.

    Args:
        given: packed; its data have the shape (steps of all sequences, D).
    """
    x_LBD, sorted_B = pad_packed_sequence(PackedSequence(given.data, given.batch_sizes))
    lengths_B, order_B = sorted_B.to(x_LBD.device), given.unsorted_indices
    if order_B is not None:
        x_LBD, lengths_B = x_LBD.index_select(1, order_B), lengths_B.index_select(0, order_B)
    padding_LB = None
    # A trace must not take it for granted that other batches are no more ragged than the example.
    if torch.jit.is_tracing() or int(sorted_B[-1]) < x_LBD.size(0):
        padding_LB = torch.arange(x_LBD.size(0), device=x_LBD.device).unsqueeze(1) >= lengths_B
    return Unpacked(given, sorted_B, lengths_B, x_LBD, padding_LB)
