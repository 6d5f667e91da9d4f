"""What waits for what: derivatives of SRU and LSTM, as the first notebook shows them."""

from typing import Any

import pytest
import torch
from torch import nn

from sru_repro.lessons.dependence import draw_dependence, product, product_on_inputs, state_on_state
from sru_repro.models import QRNN, SRU

L, D = 5, 6


@pytest.fixture
def x_LD() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(L, D)


def test_no_product_of_sru_waits_and_each_of_lstm_waits_for_all_before(x_LD: torch.Tensor) -> None:
    own = product_on_inputs(SRU(D, D, num_layers=1), x_LD)
    assert (own.diag() > 0).all() and own.sub(own.diag().diag()).eq(0).all()
    lstm = product_on_inputs(nn.LSTM(D, D), x_LD)
    before = torch.ones(L, L).tril().bool()
    assert (lstm[before] > 0).all() and lstm[~before].eq(0).all()


def test_a_unit_of_sru_sees_its_own_state_and_one_of_lstm_all(x_LD: torch.Tensor) -> None:
    own = state_on_state(SRU(D, D, num_layers=1), x_LD[:1])
    assert (own.diag() > 0).all() and own.sub(own.diag().diag()).eq(0).all()
    assert (state_on_state(nn.LSTM(D, D), x_LD[:1]) > 0).all()


def test_the_product_is_what_the_layer_multiplies(x_LD: torch.Tensor) -> None:
    """From LSTM's product its gates and its state follow."""
    lstm = nn.LSTM(D, D)
    biases: Any = lstm.bias_ih_l0 + lstm.bias_hh_l0  # type: ignore[operator]
    i, f, g, _ = (product(lstm, x_LD) + biases).chunk(4, -1)
    c = torch.zeros(D)
    for t in range(L):
        c = f[t].sigmoid() * c + i[t].sigmoid() * g[t].tanh()
    torch.testing.assert_close(lstm(x_LD)[1][1][0], c)


def test_another_model_is_refused(x_LD: torch.Tensor) -> None:
    for call in (lambda: product(QRNN(D, D), x_LD), lambda: state_on_state(QRNN(D, D), x_LD[:1])):
        with pytest.raises(ValueError, match=r"model: expected SRU or nn\.LSTM, found QRNN"):
            call()


def test_the_picture_shows_both_of_both() -> None:
    titles = [axes.get_title(loc="left") for axes in draw_dependence(4, 3).axes]
    assert [title.partition(":")[0] for title in titles] == ["SRU", "nn.LSTM", "SRU", "nn.LSTM"]
