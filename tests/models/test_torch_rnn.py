"""LSTM and GRU as torch.nn has them: in bfloat16, which autocast on a GPU would turn into float16."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from sru_repro.models import GRU, LSTM
from sru_repro.models._torch_rnn import TorchRNN


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_all_is_done_in_the_type_and_weights_keep_theirs(kind: type[TorchRNN]) -> None:
    torch.manual_seed(0)
    model, x = kind(8, 12, 2, bidirectional=True), torch.randn(9, 3, 8)
    expected, _ = model(x)
    h, last = model._in_type(x, None, torch.bfloat16)
    again, _ = model._in_type(x, last, torch.bfloat16)
    packed = pack_padded_sequence(x, torch.tensor([9, 5, 7]), enforce_sorted=False)
    behind, _ = model._in_type(packed, None, torch.bfloat16)
    assert h.dtype == again.dtype == behind.data.dtype == torch.bfloat16
    off = (h.float() - expected).detach().norm() / expected.detach().norm()
    assert float(off) < 0.02
    h.float().sum().backward()
    for weight in model.parameters():
        assert (
            weight.dtype == torch.float32 and weight.grad is not None and weight.grad.dtype == torch.float32
        )
    assert model.rnn._flat_weights[0] is model.rnn.weight_ih_l0
    assert torch.equal(model(x)[0], expected)


def test_only_bfloat16_autocast_on_a_gpu_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = LSTM(4, 4, 1), []
    monkeypatch.setattr(model, "_in_type", lambda x, state, kind: asked.append(kind))
    on_gpu: Any = SimpleNamespace(is_cuda=True)
    monkeypatch.setattr(type(model.rnn), "forward", lambda self, x, state: (x, state))
    model._call(on_gpu, None)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: device == "cuda")
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda device: torch.float16)
    model._call(on_gpu, None)
    assert not asked
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda device: torch.bfloat16)
    model._call(on_gpu, None)
    x: Tensor = torch.zeros(2, 1, 4)
    model._call(x, None)
    assert asked == [torch.bfloat16]
