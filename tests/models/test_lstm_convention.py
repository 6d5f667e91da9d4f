"""An SRU in the place of a `torch.nn.LSTM`: same shapes, values as of the single layers."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from sru_repro.models import SRU

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)

L, B, D, H, LAYERS = 6, 3, 5, 4, 2
LENGTHS = torch.tensor([3, 6, 1])
pytestmark = pytest.mark.parametrize("bidirectional", [False, True])


def normal(*shape: int) -> Tensor:
    """Random float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


def shapes(result: Any) -> list[torch.Size]:
    """Of the output (padded again where it is packed), h_n and c_n."""
    y, (h_n, c_n) = result
    y = pad_packed_sequence(y)[0] if isinstance(y, PackedSequence) else y
    return [y.shape, h_n.shape, c_n.shape]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("with_state", [False, True])
def test_shapes_are_those_of_an_lstm(
    bidirectional: bool, batch_first: bool, packed: bool, with_state: bool
) -> None:
    options = {"bidirectional": bidirectional, "batch_first": batch_first}
    lstm = nn.LSTM(D, H, LAYERS, **options).double()
    sru = SRU(D, H, LAYERS, **options).double().lstm_convention()
    x: Any = normal(B, L, D) if batch_first else normal(L, B, D)
    if packed:
        x = pack_padded_sequence(x, LENGTHS, batch_first, enforce_sorted=False)
    size = (LAYERS * (2 if bidirectional else 1), B, H)
    hx = (normal(*size), normal(*size)) if with_state else None
    assert shapes(sru(x, hx)) == shapes(lstm(x, hx))
    if packed:
        theirs, ours = lstm(x, hx)[0], sru(x, hx)[0]
        assert torch.equal(ours.batch_sizes, theirs.batch_sizes)
        assert torch.equal(ours.sorted_indices, theirs.sorted_indices)


def test_values_are_those_of_the_layers(bidirectional: bool) -> None:
    sru = SRU(D, H, LAYERS, bidirectional=bidirectional).double()
    directions = 2 if bidirectional else 1
    h_0, c_0 = normal(LAYERS * directions, B, H), normal(LAYERS * directions, B, H) + 1
    y, (h_n, c_n) = sru.lstm_convention()(normal(L, B, D), (h_0, c_0))
    x = normal(L, B, D)
    for i, layer in enumerate(sru.layers):
        of_layer = slice(i * directions, (i + 1) * directions)
        x, c_of_layer = layer(x, torch.cat(list(c_0[of_layer]), -1), None)
        ends = [x[-1, :, :H], x[0, :, H:]][:directions]
        assert_close(h_n[of_layer], torch.stack(ends))
        assert_close(c_n[of_layer], torch.stack(c_of_layer.split(H, -1)))
    assert_close(y, x)
    other, _ = sru.lstm_convention()(normal(L, B, D), (h_0 + 1, c_0))
    assert torch.equal(other, y)  # nothing reads h_0


def test_packed_rows_equal_rows_alone(bidirectional: bool) -> None:
    rnn = SRU(D, H, LAYERS, bidirectional=bidirectional).double().lstm_convention()
    x, c_0 = normal(L, B, D), normal(LAYERS * (2 if bidirectional else 1), B, H)
    y, (h_n, c_n) = rnn(pack_padded_sequence(x, LENGTHS, enforce_sorted=False), (torch.zeros_like(c_0), c_0))
    y, _ = pad_packed_sequence(y)
    for row, length in enumerate(LENGTHS.tolist()):
        state = c_0[:, row : row + 1]
        alone, (alone_h, alone_c) = rnn(x[:length, row : row + 1], (state, state))
        assert_close(y[:length, row], alone[:, 0])
        assert_close(h_n[:, row], alone_h[:, 0])
        assert_close(c_n[:, row], alone_c[:, 0])
