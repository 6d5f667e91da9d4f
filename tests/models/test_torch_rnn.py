"""LSTM and GRU as torch.nn has them, in the type of autocast: bfloat16 too, which it would turn into float16 there."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils._python_dispatch import TorchDispatchMode

from sru_repro import ops
from sru_repro.models import GRU, LSTM, _torch_rnn
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


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("beyond", [True, False])
def test_autocast_on_a_processor_of_any_kind(
    kind: torch.dtype, beyond: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """oneDNN has no LSTM in these types without AVX-512, and autocast asks it all the same: RuntimeError."""
    if not beyond and kind in _torch_rnn.BEYOND_ONEDNN:
        pytest.skip("this processor is one without")
    monkeypatch.setattr(_torch_rnn, "BEYOND_ONEDNN", {kind} if beyond else ())
    torch.manual_seed(0)
    model, x = LSTM(8, 12, 2), torch.randn(9, 3, 8)
    expected, _ = model(x)
    padding = torch.arange(9).unsqueeze(1) >= torch.tensor([9, 5, 7])
    with torch.autocast("cpu", dtype=kind):
        h, last = model(x)
        again, _ = model(x, last)
        padded, _ = model(x, None, padding)
    assert not beyond or {h.dtype, again.dtype, padded.dtype} == {kind}
    for found in (h, padded.where(~padding.unsqueeze(-1), expected)):
        assert float((found.float() - expected).detach().norm() / expected.detach().norm()) < 0.02
    if kind == torch.bfloat16:
        again.float().sum().backward()
        assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_weights_in_one_piece_give_what_weights_cast_apart_give(kind: torch.dtype) -> None:
    """Values and gradients bit for bit; the weights that the module sees lie one behind the other."""
    torch.manual_seed(0)
    model, x = LSTM(8, 12, 2, bidirectional=True), torch.randn(9, 3, 8).to(kind)
    if kind == torch.float16:  # of which the CPU's LSTM knows the forward pass alone
        model.requires_grad_(False)
    seen: list[Tensor] = []
    forward = model.rnn.forward

    def watched(*arguments: Any) -> Any:
        seen.extend(model.rnn._flat_weights)
        return forward(*arguments)

    found = []
    for call in (lambda: model._in_type(x, None, kind)[0], lambda: apart(model, x, kind)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(model.rnn, "forward", watched)
            h = call()
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        grads = torch.autograd.grad(h.float().square().sum(), weights) if weights else ()
        found.append([h, *grads])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    seen = seen[: len(seen) // 2]
    ends = sorted((value.storage_offset(), value.storage_offset() + value.numel()) for value in seen)
    assert len({value.untyped_storage().data_ptr() for value in seen}) == 1
    assert ends[0][0] == 0 and all(one[1] == other[0] for one, other in itertools.pairwise(ends))
    assert [value.dim() for value in sorted(seen, key=Tensor.storage_offset)] == [2] * 8 + [1] * 8


def apart(model: TorchRNN, x: Tensor, kind: torch.dtype) -> Tensor:
    """The output with every weight cast by itself."""
    weights = model.rnn._flat_weights
    model.rnn._flat_weights = [weight.to(kind) for weight in weights]
    try:
        h: Tensor = model.rnn(x)[0]
    finally:
        model.rnn._flat_weights = weights
    return h


def test_weights_that_lie_in_one_piece_are_cast_in_one_go_and_keep_their_places() -> None:
    """As `flatten_parameters` leaves them on a GPU."""
    model = LSTM(8, 12, 2)
    weights = [*model.parameters()]
    piece, end = torch.randn(sum(weight.numel() for weight in weights)), 0
    for weight in reversed(weights):  # in whatever order
        weight.data = piece[end : end + weight.numel()].view(weight.shape)
        end += weight.numel()
    with Casts() as counted:
        found = ops.casts.together(weights, torch.bfloat16)
    assert counted.sizes == [piece.numel()]
    for weight, value in zip(weights, found, strict=True):
        assert value.storage_offset() == weight.storage_offset() and torch.equal(value, weight.bfloat16())


class Casts(TorchDispatchMode):
    """The sizes of what is cast, a call each."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._to_copy.default:
            self.sizes.append(args[0].numel())
        return func(*args, **(kwargs or {}))


def test_autocast_on_a_gpu_asks_for_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = LSTM(4, 4, 1), []
    monkeypatch.setattr(model, "_in_type", lambda x, state, kind: asked.append(kind))
    on_gpu: Any = SimpleNamespace(is_cuda=True, is_cpu=False)
    monkeypatch.setattr(type(model.rnn), "forward", lambda self, x, state: (x, state))
    model._call(on_gpu, None)
    assert not asked
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: device == "cuda")
    for kind in (torch.float16, torch.bfloat16):
        monkeypatch.setattr(torch, "get_autocast_dtype", lambda device, kind=kind: kind)
        model._call(on_gpu, None)
    x: Tensor = torch.zeros(2, 1, 4)
    model._call(x, None)
    assert asked == [torch.float16, torch.bfloat16]
