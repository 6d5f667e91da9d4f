"""Attributes that a subclass or a caller sets on an encoder after it was made.

Shapes: L time, B batch, D input, H features.
"""

import pickle
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sru_repro.models import GRU, LSTM, QRNN, SRU, MinGRU, SRUpp

L, B, D, H = 7, 4, 6, 5
X = torch.randn(L, B, D, generator=torch.Generator().manual_seed(1))


KINDS: list[Any] = [SRU, QRNN, MinGRU, LSTM, GRU, partial(SRUpp, projection_size=4)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_subclass_has_attributes_of_its_own(kind: Any) -> None:
    encoder: Any = getattr(kind, "func", kind)
    options = getattr(kind, "keywords", {})

    class Own(encoder):
        def __init__(self) -> None:
            super().__init__(D, H, num_layers=3, **options)
            self.num_layers = 2
            self.bias = nn.Parameter(torch.zeros(H))
            self.proj_size = 3

        def forward(self, x: Tensor) -> Tensor:
            h: Tensor = super().forward(x)[0]
            return h + self.bias

    own = Own().eval()
    assert (own.num_layers, own.proj_size) == (2, 3) and "bias" in dict(own.named_parameters())
    assert own(X).shape == (L, B, H)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_holds_wherever_it_is_set(kind: Any) -> None:
    given, later = kind(D, H, num_layers=3, dropout=0.5), kind(D, H, num_layers=3)
    later.load_state_dict(given.state_dict())
    later.dropout = 0.5
    results = []
    for encoder in (given, later):
        torch.manual_seed(1)
        results.append(encoder(X)[0])
    assert torch.equal(*results) and later.draws_alone == given.draws_alone
    given.dropout = 0.0
    assert torch.equal(given(X)[0], given(X)[0]) and not torch.equal(given(X)[0], results[0])
    with pytest.raises(ValueError, match=r"^dropout: expected 0 <= dropout < 1, found 1.5$"):
        given.dropout = 1.5
    assert given.dropout == 0.0


def test_a_subclass_has_a_dropout_of_its_own() -> None:
    encoder: Any = SRU(D, H, 2, dropout=0.25)
    encoder.dropout = nn.Dropout(0.5)
    assert encoder(X)[0].shape == (L, B, H) and isinstance(encoder.dropout, nn.Dropout)
    assert [layer.dropout for layer in encoder.layers] == [0.25, 0.0]


def test_dropout_of_the_last_layer_stays_where_it_was_asked_for() -> None:
    for last in (False, True):
        encoder = SRU(D, H, 2, dropout=0.5, dropout_last=last)
        encoder.dropout = 0.25
        assert [layer.dropout for layer in encoder.layers] == [0.25, 0.25 * last]


def test_dropout_and_batch_first_are_set_through_the_convention() -> None:
    rnn, other = (SRU(D, H, 2, dropout=rate).lstm_convention() for rate in (0.5, 0.0))
    rnn.dropout, rnn.batch_first = 0.0, True
    assert rnn.sru.dropout == 0.0 and rnn(torch.randn(3, L, D))[1][0].shape == (2, 3, H)
    other.load_state_dict(rnn.state_dict())
    assert torch.equal(rnn(X.transpose(0, 1))[0].transpose(0, 1), other(X)[0])


def test_modules_pickled_before_they_had_a_number_of_layers() -> None:
    encoder = SRU(D, H, 3)
    for name in ("num_layers", "bias", "proj_size"):
        del encoder.__dict__[name]
    again = pickle.loads(pickle.dumps(encoder))
    assert (again.num_layers, again.bias, again.proj_size) == (3, True, 0)
