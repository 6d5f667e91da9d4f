"""What is the fused CPU back end's own: threads, memory it did not write, pieces of a sequence, second calls.

Shapes: L time, B batch, k matrices, D columns.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from sru_repro import ops
from sru_repro.models import QRNN, SRU
from sru_repro.ops import cpp, dispatch
from sru_repro.ops.build import BuildError


@pytest.fixture
def threads() -> Iterator[Any]:
    """`threads(n)` sets the number of threads, until the test ends."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def nan_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the back end allocates holds NaN at first."""
    new_empty, empty_like = Tensor.new_empty, torch.empty_like

    def filled(value: Tensor) -> Tensor:
        return value.fill_(torch.nan) if value.is_floating_point() else value

    monkeypatch.setattr(Tensor, "new_empty", lambda *a, **k: filled(new_empty(*a, **k)))
    monkeypatch.setattr(torch, "empty_like", lambda *a, **k: filled(empty_like(*a, **k)))


@pytest.mark.usefixtures("nan_memory")
@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("cell", ops.CELLS)
def test_every_number_that_is_handed_out_was_written(make_call: Any, cell: str, padding: bool) -> None:
    highway = ops.CELLS[cell].output == "highway"
    for skip in ("input", "matrix", "none") if highway else ("none",):
        for per_step in (False, True) if cell == "sru" else (False,):
            call = make_call(
                cell,
                6,
                3,
                37,
                skip=skip,
                padding=padding,
                bidirectional=True,
                per_step=per_step,
                mask=highway,
            )
            single = call.with_inputs(lambda _, value: value.float())
            assert all(value.isfinite().all() for value in single.results("cpp").values())
            with torch.no_grad():
                assert all(value.isfinite().all() for value in single.forward("cpp"))


@pytest.mark.parametrize("shape", [(40, 7, 96), (40, 1, 1024), (40, 3, 512)], ids=str)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_number_of_threads_changes_sums_in_their_last_digits_only(
    make_call: Any, threads: Any, shape: Any, bidirectional: bool
) -> None:
    call = make_call("sru", *shape, padding=True, mask=True, bidirectional=bidirectional)
    assert call.inputs["u_LBkD"].numel() > cpp.PARALLEL
    single = call.with_inputs(lambda _, value: value.float())
    found = {}
    for number in (1, 2, 3):
        threads(number)
        found[number] = single.results("cpp")
        again = single.results("cpp")
        assert all(torch.equal(value, again[name]) for name, value in found[number].items())
    for number in (2, 3):
        for name, value in found[1].items():
            if name in ("gradient of v", "gradient of b_2D"):  # sums over steps and rows
                torch.testing.assert_close(found[number][name], value, rtol=1e-5, atol=1e-5)
            else:
                assert torch.equal(found[number][name], value), name


@pytest.mark.parametrize("shape", [(4, 0, 6), (4, 3, 0)], ids=str)
@pytest.mark.parametrize("cell", ops.CELLS)
def test_an_empty_batch_or_width_is_no_work(make_call: Any, cell: str, shape: tuple[int, int, int]) -> None:
    results = make_call(cell, *shape, bidirectional=True, padding=shape[1] > 0).results("cpp")
    assert results["h"].shape == (shape[0], shape[1], 2 * shape[2])
    assert not any(value.any() for value in results.values())


@pytest.mark.parametrize("needed", [False, True])
def test_states_are_kept_only_where_gradients_are_needed(
    make_call: Any, monkeypatch: pytest.MonkeyPatch, needed: bool
) -> None:
    kept: list[bool] = []
    forward = cpp.forward

    def watched(*arguments: Any) -> Any:
        kept.append(arguments[-1])
        return forward(*arguments)

    monkeypatch.setattr(cpp, "forward", watched)
    call = make_call("sru").with_inputs(lambda _, value: value.requires_grad_())
    with torch.set_grad_enabled(needed):
        call.forward("cpp")
    assert kept == [needed]


def test_backward_runs_on_the_back_end_of_forward(make_call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    call = make_call("sru").with_inputs(lambda _, value: value.requires_grad_())
    h, _ = call.forward("eager")
    monkeypatch.setattr(cpp, "backward", lambda *_, **__: pytest.fail("it ran on another"))
    h.sum().backward()


def test_a_kernel_that_cannot_be_built_after_all_is_replaced_by_the_loop(
    make_call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise BuildError("out of disk")

    monkeypatch.setattr(dispatch, "_fallen", {})
    for name in ("forward", "backward"):
        call = make_call("sru").with_inputs(lambda _, value: value.clone().requires_grad_())
        with monkeypatch.context() as patch, pytest.warns(UserWarning, match=r"slow loop .*: out of disk"):
            patch.setattr(cpp, name, fail)
            h, _ = ops.recurrence("sru", **call.inputs, **call.rest)
            h.sum().backward()
        assert ops.choose().name == "eager"
        dispatch._fallen.clear()
        expected = make_call("sru").with_inputs(lambda _, value: value.clone().requires_grad_())
        expected.forward("reference")[0].sum().backward()
        for key, value in call.inputs.items():
            torch.testing.assert_close(value.grad, expected.inputs[key].grad, rtol=1e-10, atol=1e-10)
    with monkeypatch.context() as patch:
        patch.setattr(cpp, "forward", fail)
        with pytest.raises(ValueError, match="cpp was asked for and cannot run here: out of disk"):
            make_call("sru").forward("cpp")


def test_forward_mode_derivatives_are_refused_but_on_the_reference(make_call: Any) -> None:
    call = make_call("sru")
    rest = {name: value for name, value in call.inputs.items() if name != "u_LBkD"}
    u = call.inputs["u_LBkD"]

    def outputs(u: Tensor) -> Tensor:
        h: Tensor = ops.recurrence("sru", u, **rest, **call.rest)[0]
        return h

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what PyTorch itself uses there
        with pytest.raises(RuntimeError, match="forward-mode derivatives are not implemented"):
            torch.func.jvp(outputs, (u,), (torch.ones_like(u),))
        with ops.use("reference"):
            assert torch.func.jvp(outputs, (u,), (torch.ones_like(u),))[1].any()


def test_tracing_sees_an_operator() -> None:
    torch.manual_seed(0)
    model, x = SRU(6, 5, 2).eval().requires_grad_(False), torch.randn(4, 3, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is on its way out of PyTorch
        traced = torch.jit.trace(model, (x,), check_trace=False)
        other = torch.randn(4, 3, 6)
        torch.testing.assert_close(traced(other), model(other))


def test_the_operator_takes_a_state_of_a_lower_precision(make_call: Any) -> None:
    call = make_call("sru").with_inputs(lambda _, value: value.bfloat16())
    inputs = [call.inputs[name] for name in ("u_LBkD", "x_LBD", "v", "b_2D", "c0_BD")]
    _, c_n, states = torch.ops.sru_repro.recurrence("sru", *inputs, None, None, False, 1.7, False, True)
    assert c_n.dtype == states.dtype == torch.float32 and torch.equal(states[0], call.inputs["c0_BD"].float())


@pytest.mark.parametrize("piece", [1, 4])
@pytest.mark.parametrize("cell", ops.CELLS)
def test_pieces_with_the_state_handed_on_equal_the_whole(make_call: Any, cell: str, piece: int) -> None:
    call = make_call(cell, 10, 3, 37, padding=True)
    padding_LB = call.rest.pop("padding_LB")
    inputs = {name: value.float() for name, value in call.inputs.items()}
    whole, last = ops.recurrence(cell, **inputs, padding_LB=padding_LB, **call.rest)
    c, outputs = inputs.pop("c0_BD"), []
    for start in range(0, 10, piece):
        part = {
            name: value[start : start + piece] if name in ("u_LBkD", "x_LBD") else value
            for name, value in inputs.items()
        }
        h, c = ops.recurrence(
            cell, **part, c0_BD=c, padding_LB=padding_LB[start : start + piece], **call.rest
        )
        outputs.append(h)
    assert torch.equal(torch.cat(outputs), whole) and torch.equal(c, last)


def test_gradients_of_many_steps_do_not_drift() -> None:
    """Sums over 60,000 equal terms: adding them one by one in float32 would be off in the fourth digit."""
    length, batch = 20_000, 3
    u = torch.full((length, batch, 3, 2), 0.1, requires_grad=True)
    b = torch.zeros(2, 2, requires_grad=True)
    h, _ = ops.recurrence("sru_v1", u, None, None, b)
    h.sum().backward()
    assert u.grad is not None and b.grad is not None
    for place in (0, 1):
        exact = u.grad[:, :, 1 + place].double().sum((0, 1))
        torch.testing.assert_close(b.grad[place].double(), exact, rtol=2e-6, atol=0)


@pytest.mark.parametrize(
    "build",
    [
        lambda: SRU(12, 16, 2, dropout=0.3, rescale=True),
        lambda: SRU(12, 8, 2, bidirectional=True, layer_norm="pre", activation="tanh"),
        lambda: SRU(12, 12, 2, v1=True, projection_size=4),
        lambda: QRNN(12, 16, 2, pooling="ifo"),
        lambda: QRNN(12, 12, 2, highway=True),
    ],
)
def test_whole_models_agree_with_the_reference(build: Any) -> None:
    torch.manual_seed(0)
    model, x = build().double(), torch.randn(9, 4, 12, dtype=torch.float64)
    padding = torch.rand(9, 4) > 0.7
    found = []
    for backend in ("cpp", "reference"):
        torch.manual_seed(1)  # of the masks
        with ops.use(backend):
            h, _ = model(x, None, padding)
        found.append([h, *torch.autograd.grad(h.square().sum(), list(model.parameters()))])
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-10)


def test_functional_transforms_are_refused_but_on_the_reference(make_call: Any) -> None:
    call = make_call("sru")
    rest = {name: value for name, value in call.inputs.items() if name != "u_LBkD"}

    def loss(u: Tensor) -> Tensor:
        h: Tensor = ops.recurrence("sru", u, **rest, **call.rest)[0]
        return h.square().sum()

    with pytest.raises(RuntimeError, match="functorch transforms"):
        torch.func.grad(loss)(call.inputs["u_LBkD"])
    with ops.use("reference"):
        found = torch.func.grad(loss)(call.inputs["u_LBkD"])
    leaf = call.inputs["u_LBkD"].clone().requires_grad_()
    torch.testing.assert_close(found, *torch.autograd.grad(loss(leaf), [leaf]), rtol=1e-10, atol=1e-10)
