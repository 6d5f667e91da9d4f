"""The registered operator: its schema, fake and derivative, compilation, and what it stores."""

from typing import Any

import pytest
import torch
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import sru_repro.ops.library  # noqa: F401
from sru_repro import ops
from sru_repro.models import SRU


def arguments(call: Any, training: bool) -> tuple[Any, ...]:
    """The operator's arguments for a call."""
    inputs = [call.inputs.get(name) for name in ("u_LBkD", "x_LBD", "v", "b_2D", "c0_BD")]
    leaves = [value if value is None else value.detach().requires_grad_(training) for value in inputs]
    masks = (call.rest.get("mask_BD"), call.rest.get("padding_LB"))
    options = (
        call.rest["activation"] == "tanh",
        call.rest.get("skip_scale", 1.0),
        call.rest["bidirectional"],
    )
    return (call.cell, *leaves, *masks, *options, training)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("cell", ["sru", "qrnn_ifo", "mingru"])
def test_opcheck(make_call: Any, cell: str, training: bool) -> None:
    call = make_call(cell, padding=True, mask=cell == "sru", bidirectional=True)
    torch.library.opcheck(torch.ops.sru_repro.recurrence.default, arguments(call, training))


def test_opcheck_of_strided_and_low_precision_inputs(make_call: Any) -> None:
    call = make_call("sru", per_step=True, skip="matrix").with_inputs(
        lambda name, value: value.bfloat16().transpose(0, 1).contiguous().transpose(0, 1)
    )
    call.inputs["c0_BD"] = call.inputs["c0_BD"].float()
    torch.library.opcheck(torch.ops.sru_repro.recurrence.default, arguments(call, True))


def test_opcheck_of_the_backward_under_a_strided_gradient(make_call: Any) -> None:
    call = make_call("sru")
    cell, u, x, v, b, c0, mask, padding, *options, keep = arguments(call, True)
    inputs = [value if value is None else value.detach() for value in (u, x, v, b, c0)]
    h, c_n, states = torch.ops.sru_repro.recurrence(cell, *inputs, mask, padding, *options, keep)
    grad_h = torch.randn(h.shape[::-1]).double().permute(2, 1, 0)
    args = (grad_h, c_n, cell, *inputs[:4], mask, padding, states, *options)
    torch.library.opcheck(torch.ops.sru_repro.recurrence_backward.default, args)


def test_a_compiled_layer_gives_the_same() -> None:
    torch.manual_seed(0)
    sru = SRU(6, 5, 2, bidirectional=True)
    compiled = torch.compile(sru, fullgraph=True, backend="aot_eager")
    grads = []
    for module in (sru, compiled):
        x = torch.randn(4, 3, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
        h, c_n = module(x)
        (h.square().sum() + c_n.sum()).backward()
        grads.append([h, c_n, x.grad, *(p.grad for p in sru.parameters())])
        sru.zero_grad()
    assert_close(grads[1], grads[0])


class Watch(TorchDispatchMode):
    """Records the size of the states that the operator handed out."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is torch.ops.sru_repro.recurrence.default:
            self.stored.append(out[2].numel())
        return out


def test_inference_gives_the_same_and_stores_no_states(make_call: Any) -> None:
    call = make_call("sru", 5, 3, 4, bidirectional=True)
    leaves = call.with_inputs(lambda _, value: value.requires_grad_())
    with Watch() as watch:
        training = leaves.forward("eager")
        with torch.no_grad():
            no_grad = leaves.forward("eager")
        with torch.inference_mode():
            inference = leaves.forward("eager")
        frozen = call.with_inputs(lambda _, value: value.detach()).forward("eager")
    assert watch.stored == [6 * 3 * 8, 0, 0, 0]
    for other in (no_grad, inference, frozen):
        assert all(torch.equal(one, two) for one, two in zip(training, other, strict=True))
        assert not any(value.requires_grad for value in other)


def test_second_derivatives_are_refused_in_words(make_call: Any) -> None:
    call = make_call("sru").with_inputs(lambda _, value: value.requires_grad_())
    h, _ = call.forward("eager")
    (grad,) = torch.autograd.grad(h.sum(), [call.inputs["u_LBkD"]], create_graph=True)
    with pytest.raises(
        RuntimeError, match=r"second derivatives .* `with sru_repro\.ops\.use\('reference'\):`"
    ):
        grad.sum().backward()
    with ops.use("reference"):
        assert call.results("reference")["gradient of u_LBkD"].isfinite().all()


def test_operations_are_counted() -> None:
    """Four a gate and element forwards, twelve backwards (the gates are computed again)."""
    u = torch.randn(5, 3, 3, 8, requires_grad=True)
    v, b = torch.randn(2, 8), torch.randn(2, 8)
    with FlopCounterMode(display=False) as counter:
        ops.recurrence("sru", u, None, v, b)[0].sum().backward()
    counts = {str(op): count for op, count in counter.get_flop_counts()["Global"].items()}
    assert counts == {"sru_repro.recurrence": 12 * 120, "sru_repro.recurrence_backward": 36 * 120}
