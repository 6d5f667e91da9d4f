"""Packed sequences in every encoder: they come back as they came, rows and states in the caller's order.

Shapes: L time, B batch, D input, H output features.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence
from torch.utils import _pytree

from sru_repro.models import (
    CNN,
    GRU,
    LSTM,
    QRNN,
    SRU,
    AttentionContext,
    Encoder,
    MinGRU,
    SRUpp,
    Stack,
    TransformerXL,
)

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)

D = 6
MEMORY = AttentionContext(3, 3)
ENCODERS: dict[str, Callable[[], Encoder]] = {
    "sru": lambda: SRU(D, 5, 2),
    "sru-bidirectional": lambda: SRU(D, 4, 2, bidirectional=True),
    "sru-batch-first": lambda: SRU(D, 4, 2, bidirectional=True, batch_first=True),
    "srupp": lambda: SRUpp(D, 5, 4, 2, bidirectional=True),
    "qrnn": lambda: QRNN(D, 5, 2, window=2),
    "mingru": lambda: MinGRU(D, 3, 2, bidirectional=True),
    "lstm": lambda: LSTM(D, 4, 2, bidirectional=True),
    "gru": lambda: GRU(D, 5, 1),
    "transformer_xl": lambda: TransformerXL(D, 6, 2, num_heads=2),
    "stack": lambda: Stack([SRU(D, 5, 1), QRNN(5, 4, 1)], concat=True),
}
BATCHES = {
    "one": (4,),
    "two": (2, 5),
    "two-alike": (3, 3),
    "many": (1, 6, 3, 6, 2),
    "sorted": (6, 4, 4, 1),
}


def built(name: str) -> Any:
    """In float64 and evaluation."""
    torch.manual_seed(0)
    return ENCODERS[name]().double().eval()


def sequences(lengths: tuple[int, ...]) -> list[Tensor]:
    """(L, D) of every length."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(length, D, dtype=torch.float64, generator=generator) for length in lengths]


def row_of(state: Any, row: int) -> Any:
    """One row's share; every tensor of a state ends in (B, features)."""
    return None if state is None else _pytree.tree_map(lambda leaf: leaf[..., row : row + 1, :], state)


def alike(found: Tensor | None, given: Tensor | None) -> bool:
    return found is None if given is None else found is not None and torch.equal(found, given)


@pytest.mark.parametrize("enforce_sorted", [False, True])
@pytest.mark.parametrize("lengths", BATCHES.values(), ids=list(BATCHES))
@pytest.mark.parametrize("name", ENCODERS)
def test_they_come_back_as_they_came(name: str, lengths: tuple[int, ...], enforce_sorted: bool) -> None:
    if enforce_sorted:
        lengths = tuple(sorted(lengths, reverse=True))
    encoder, rows = built(name), sequences(lengths)
    packed = pack_sequence(rows, enforce_sorted=enforce_sorted)
    out, state = encoder(packed)
    theirs, _ = nn.LSTM(D, 2).double()(packed)
    assert isinstance(out, PackedSequence) and out.data.size(-1) == encoder.output_size
    for given in (packed, theirs):
        assert torch.equal(out.batch_sizes, given.batch_sizes)
        assert alike(out.sorted_indices, given.sorted_indices)
        assert alike(out.unsorted_indices, given.unsorted_indices)
    assert (out.sorted_indices is None) == enforce_sorted
    h, found_lengths = pad_packed_sequence(out)
    assert found_lengths.tolist() == list(lengths)
    for i, row in enumerate(rows):
        given_row = row.unsqueeze(0) if encoder.batch_first else row.unsqueeze(1)
        alone, alone_state = encoder(given_row)
        assert_close(h[: len(row), i], alone.squeeze(0 if encoder.batch_first else 1))
        assert_close(row_of(state, i), alone_state)


@pytest.mark.parametrize("name", ["sru-bidirectional", "sru-batch-first", "qrnn", "lstm", "stack"])
def test_a_state_is_in_the_callers_order(name: str) -> None:
    encoder, rows = built(name), sequences((2, 5, 3))
    _, state = encoder(pack_sequence([row + 1 for row in rows], enforce_sorted=False))
    out, after = encoder(pack_sequence(rows, enforce_sorted=False), state)
    h, _ = pad_packed_sequence(out)
    for i, row in enumerate(rows):
        given_row = row.unsqueeze(0) if encoder.batch_first else row.unsqueeze(1)
        alone, alone_after = encoder(given_row, row_of(state, i))
        assert_close(h[: len(row), i], alone.squeeze(0 if encoder.batch_first else 1))
        assert_close(row_of(after, i), alone_after)


@pytest.mark.parametrize("lengths", BATCHES.values(), ids=list(BATCHES))
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_convention_of_an_lstm(bidirectional: bool, lengths: tuple[int, ...]) -> None:
    """The same packing and the same order of rows and states as `nn.LSTM`."""
    rnn = SRU(D, 4, 2, bidirectional=bidirectional).double().lstm_convention()
    rows, size = sequences(lengths), (4 if bidirectional else 2, len(lengths), 4)
    hx = (torch.randn(size).double(), torch.randn(size).double())
    for sort in (False, list(lengths) == sorted(lengths, reverse=True)):
        packed = pack_sequence(rows, enforce_sorted=sort)
        out, (h_n, c_n) = rnn(packed, hx)
        theirs, _ = nn.LSTM(D, 4, 2, bidirectional=bidirectional).double()(packed, hx)
        assert torch.equal(out.batch_sizes, theirs.batch_sizes)
        assert alike(out.sorted_indices, theirs.sorted_indices)
        assert alike(out.unsorted_indices, theirs.unsorted_indices)
        padded, _ = pad_packed_sequence(out)
        for i, row in enumerate(rows):
            alone, (alone_h, alone_c) = rnn(row, (hx[0][:, i], hx[1][:, i]))
            assert_close(padded[: len(row), i], alone)
            assert_close((h_n[:, i], c_n[:, i]), (alone_h, alone_c))


def test_indices_of_the_callers_own_making_are_kept() -> None:
    """Sequences of one length may be in any order; sorting once more would put them into another."""
    rows, order = sequences((3, 3, 3)), torch.tensor([2, 0, 1])
    given = pack_sequence([rows[i] for i in order])
    packed = PackedSequence(given.data, given.batch_sizes, order)
    out, c_n = built("sru")(packed)
    assert out.sorted_indices is packed.sorted_indices and out.unsorted_indices is packed.unsorted_indices
    alone, alone_c = built("sru")(torch.stack(rows, 1))
    assert_close(pad_packed_sequence(out)[0], alone)
    assert_close(c_n, alone_c)


@pytest.mark.parametrize("name", ["sru-bidirectional", "qrnn", "lstm"])
def test_gradients_are_those_of_the_padded_batch(name: str) -> None:
    encoder, found = built(name), []
    x = nn.utils.rnn.pad_sequence(sequences((2, 5, 3))).requires_grad_()
    lengths = torch.tensor([2, 5, 3])
    padding_LB = torch.arange(5).unsqueeze(1) >= lengths
    for call in (
        lambda: pad_packed_sequence(encoder(pack_padded_sequence(x, lengths, enforce_sorted=False))[0])[0],
        lambda: encoder(x, None, padding_LB)[0],
    ):
        h = call()
        found.append([h, *torch.autograd.grad(h.square().sum(), [x, *encoder.parameters()])])
    assert_close(found[0], found[1])


def test_what_has_no_packed_output_is_refused_in_words() -> None:
    packed = pack_sequence(sequences((2, 5)), enforce_sorted=False)
    with pytest.raises(ValueError, match=r"^input: CNN has one output for a whole sequence.*padding_LB"):
        CNN(D).double()(packed)
    with pytest.raises(ValueError, match=r"^padding: "):
        TransformerXL(D, 6, 1, attention_context=MEMORY).double()(packed)
    with pytest.raises(ValueError, match=r"^padding: expected none beside a packed sequence"):
        SRU(D, 5, 1).double()(packed, None, torch.zeros(5, 2).bool())


def test_a_memory_takes_packed_sequences_of_one_length() -> None:
    encoder, rows = TransformerXL(D, 6, 1, attention_context=MEMORY).double().eval(), sequences((3, 3))
    h, _ = pad_packed_sequence(encoder(pack_sequence(rows))[0])
    assert_close(h, encoder(torch.stack(rows, 1))[0])
