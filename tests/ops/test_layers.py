"""A layer as one node: the same numbers as its parts, wherever it is called.

Shapes: L time, B batch, N inputs of the product, D columns.
"""

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from sru_repro import ops
from sru_repro.models import QRNN, SRU, MinGRU
from sru_repro.ops import layers, products

layer: Any = ops.layer  # arguments come out of dictionaries
L, B, D = 5, 3, 6
Given = tuple[dict[str, Tensor], dict[str, Any]]


def given(cell: str, skip: str = "none", dtype: torch.dtype = torch.float32, **options: Any) -> Given:
    """Differentiable arguments of `ops.layer`, and the others.

    `skip`: "same" as the product's input, "other", a "matrix" of the product, or "none".
    """
    spec, draw = ops.CELLS[cell], torch.Generator().manual_seed(0)
    rest: dict[str, Any] = {"matrices": len(spec.gates) + (skip == "matrix")}
    size = D if skip == "same" else 4
    shapes = {"x_LBN": (L, B, size), "weight": (rest["matrices"] * D, size), "c0_BD": (B, D)}
    shapes |= {"bias": (rest["matrices"] * D,)} if not spec.biased else {"b_2D": (2, D)}
    shapes |= {"v": (2, D)} if spec.peephole else {}
    shapes |= {"skip_LBD": (L, B, D)} if skip == "other" else {}
    leaves = {name: torch.randn(shape, generator=draw).to(dtype) for name, shape in shapes.items()}
    if options.pop("mask", False):
        rest["mask_BD"] = (torch.rand(B, D, generator=draw) > 0.4).to(dtype) / 0.6
    if options.pop("padding", False):
        rest["padding_LB"] = torch.rand(L, B, generator=draw) > 0.6
    if skip in ("same", "other"):
        rest["skip_scale"] = 1.3
    return leaves, rest | options | {"same": skip == "same"}


def results(
    run: Callable[..., Any], cell: str, leaves: dict[str, Tensor], rest: dict[str, Any], frozen: str = ""
) -> dict[str, Tensor]:
    """h, c_n and the gradients of all leaves that are not frozen."""
    own = {name: value.detach().clone().requires_grad_(name != frozen) for name, value in leaves.items()}
    rest = dict(rest)
    arguments = {"skip_LBD": own["x_LBN"]} if rest.pop("same") else {}
    h, c_n = run(cell, **own, **arguments, **rest)
    wanted = [name for name in own if name != frozen]
    draw = torch.Generator().manual_seed(1)
    back = [torch.randn(value.shape, generator=draw).to(value.dtype) for value in (h, c_n)]
    grads = torch.autograd.grad((h, c_n), [own[name] for name in wanted], back)
    return {"h": h, "c_n": c_n} | dict(zip(wanted, grads, strict=True))


def composed(cell: str, x_LBN: Tensor, weight: Tensor, *, matrices: int, **rest: Any) -> Any:
    """The layer of its parts."""
    u = ops.linear(x_LBN, weight, rest.pop("bias", None)).unflatten(-1, (matrices, -1))
    return ops.recurrence(cell, u, x_LBD=rest.pop("skip_LBD", None), **rest)


def assert_same(cell: str, leaves: dict[str, Tensor], rest: dict[str, Any], frozen: str = "") -> None:
    """Bit for bit, but for the gradient of an input that is the highway's, too: the product adds to it itself."""
    found, expected = (results(run, cell, leaves, rest, frozen) for run in (layer, composed))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape), name
        if name == "x_LBN" and rest["same"]:
            eps = torch.finfo(min(value.dtype, found["h"].dtype, key=lambda kind: kind.itemsize)).eps
            assert_close(found[name], value, rtol=4 * eps, atol=8 * eps)
        else:
            assert torch.equal(found[name], value), name


def cases() -> Iterator[Any]:
    for cell, spec in ops.CELLS.items():
        skips = ("same", "other", "matrix", "none") if spec.output == "highway" else ("none",)
        for skip, both, padding in itertools.product(skips, (False, True), (False, True)):
            mask = spec.output == "highway" and padding
            yield cell, skip, {"bidirectional": both, "padding": padding, "mask": mask}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("cell", "skip", "options"), [*cases()], ids=str)
def test_the_numbers_are_those_of_its_parts(cell: str, skip: str, options: Any, dtype: torch.dtype) -> None:
    leaves, rest = given(cell, skip, dtype, **options)
    assert_same(cell, leaves, rest)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize(
    ("cell", "skip"), [("sru", "same"), ("sru", "matrix"), ("sru_v1", "other"), ("mingru", "none")]
)
def test_under_autocast(cell: str, skip: str, low: bool, dtype: torch.dtype) -> None:
    """`low`: an input that the layer below has put out in the type of autocast."""
    leaves, rest = given(cell, skip)
    if low:
        leaves["x_LBN"] = leaves["x_LBN"].to(dtype)
    with torch.autocast("cpu", dtype):
        assert_same(cell, leaves, rest)
        assert results(layer, cell, leaves, rest)["h"].dtype == dtype


@pytest.mark.parametrize("frozen", ["x_LBN", "weight", "bias", "v", "b_2D", "c0_BD"])
@pytest.mark.parametrize(("cell", "skip"), [("sru", "same"), ("sru", "matrix"), ("qrnn_highway", "other")])
def test_what_needs_no_gradient_gets_none(cell: str, skip: str, frozen: str) -> None:
    leaves, rest = given(cell, skip)
    if frozen in leaves:
        assert_same(cell, leaves, rest, frozen)


@pytest.mark.parametrize("backend", ["cpp", "eager"])
def test_a_stack_without_a_first_state_has_gradients_however_they_are_asked_for(backend: str) -> None:
    model, x = SRU(6, 6, 2), torch.randn(4, 3, 6, requires_grad=True)
    weights = [x, *model.parameters()]
    with ops.use(backend):
        plain = torch.autograd.grad(model(x)[0].sum(), weights)
        recorded = torch.autograd.grad(model(x)[0].sum(), weights, create_graph=True)
        h, _ = model(x)
        with FlopCounterMode(display=False):  # sees operators
            seen = torch.autograd.grad(h.sum(), weights)
    for found in (recorded, seen):
        for one, other in zip(plain, found, strict=True):
            torch.testing.assert_close(other.detach(), one)


@pytest.mark.parametrize("backend", ["cpp", "eager"])
@pytest.mark.parametrize(("cell", "skip"), [("sru", "same"), ("sru", "other"), ("qrnn_fo", "none")])
def test_gradcheck(cell: str, skip: str, backend: str) -> None:
    leaves, rest = given(cell, skip, torch.float64, mask=skip == "same", bidirectional=True)
    same = rest.pop("same")

    def run(*values: Tensor) -> tuple[Tensor, Tensor]:
        own = dict(zip(leaves, values, strict=True))
        with ops.use(backend):
            return layer(cell, **own, **({"skip_LBD": own["x_LBN"]} if same else {}), **rest)

    assert torch.autograd.gradcheck(run, [value.requires_grad_() for value in leaves.values()])
    with ops.use("reference"):  # whatever the back end of `run`
        backend = "reference"
        assert torch.autograd.gradgradcheck(run, [*leaves.values()])


def test_a_second_derivative_is_refused_in_words() -> None:
    leaves, rest = given("sru", "same")
    same = leaves["x_LBN"].requires_grad_()
    del rest["same"]
    h, _ = layer("sru", **leaves, skip_LBD=same, **rest)
    (grad,) = torch.autograd.grad(h.sum(), [same], create_graph=True)
    with pytest.raises(
        RuntimeError, match=r"second derivatives .* `with sru_repro\.ops\.use\('reference'\):`"
    ):
        grad.sum().backward()


@pytest.mark.parametrize("batch", [0, 1])
def test_an_empty_batch_is_no_work(batch: int) -> None:
    model, x = SRU(6, 6, 2), torch.randn(3, batch, 6, requires_grad=True)
    h, c_n = model(x)
    assert h.shape == (3, batch, 6) and c_n.shape == (2, batch, 6)
    grads = torch.autograd.grad(h.sum(), [x, *model.parameters()])
    assert any(bool(grad.any()) for grad in grads) == bool(batch)
    with torch.no_grad():
        assert torch.equal(model(x)[0], h)


def test_it_is_one_node() -> None:
    leaves, rest = given("sru", "other")
    del rest["same"]
    with torch.autocast("cpu", torch.bfloat16):
        h, c_n = layer("sru", **{name: value.requires_grad_() for name, value in leaves.items()}, **rest)
    assert h.grad_fn is c_n.grad_fn and h.grad_fn is not None
    below = [type(node).__name__ for node, _ in h.grad_fn.next_functions if node is not None]
    assert below == ["AccumulateGrad"] * len(leaves)


@pytest.mark.parametrize("libraries", list(itertools.product(products.LIBRARIES, repeat=3)), ids=",".join)
def test_products_go_where_linear_sends_them(monkeypatch: pytest.MonkeyPatch, libraries: Any) -> None:
    monkeypatch.setattr(products, "fastest", lambda: libraries)
    monkeypatch.setattr(products, "SMALL", 1)
    for skip in ("same", "other"):
        assert_same("sru", *given("sru", skip))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("autocast", [False, True])
def test_without_gradients_it_gives_the_same(mode: Any, autocast: bool) -> None:
    leaves, rest = given("sru", "other", padding=True)
    del rest["same"]
    learning = {name: value.clone().requires_grad_() for name, value in leaves.items()}
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        expected = layer("sru", **learning, **rest)
        with mode():
            found = layer("sru", **leaves, **rest)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert not any(value.requires_grad for value in found)


@pytest.mark.parametrize("build", [lambda: SRU(6, 6, 2), lambda: QRNN(6, 6, 2), lambda: MinGRU(6, 6, 2)])
def test_compilers_see_its_parts(build: Any) -> None:
    torch.manual_seed(0)
    module, x = build(), torch.randn(4, 3, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
        grads = [
            torch.autograd.grad(call(x)[0].square().sum(), [*module.parameters()])
            for call in (compiled, module)
        ]
    assert_close(grads[0], grads[1])
    with torch.device("meta"):
        assert layer("mingru", torch.empty(4, 3, 6), torch.empty(12, 6), matrices=2)[0].shape == (4, 3, 6)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"weight": torch.zeros(18, 5)},
            ValueError,
            r"weight: expected \(3 \* D, N\) .* \(18, 5\) for \(5, 3, 6\)",
        ),
        ({"weight": torch.zeros(17, 6)}, ValueError, r"weight: expected \(3 \* D, N\) .* found \(17, 6\)"),
        ({"x_LBN": torch.zeros(5, 6)}, ValueError, r"weight: expected .* for \(5, 6\)"),
        ({"v": torch.zeros(6)}, ValueError, r"v: expected shape \(2, 6\)"),
        ({"mask_BD": torch.ones(B, D, requires_grad=True)}, ValueError, "mask: expected a constant"),
        (
            {"x_LBN": torch.zeros(L, B, D, dtype=torch.float64)},
            RuntimeError,
            "dtype",
        ),  # of torch, as of `linear`
    ],
)
def test_what_does_not_fit_is_refused(changes: Any, error: type[Exception], message: str) -> None:
    leaves, rest = given("sru", "same")
    del rest["same"]
    for _ in range(2):  # what was refused once is no more welcome
        with pytest.raises(error, match=message):
            layer("sru", **(leaves | rest | changes))


def test_signatures_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.check, "MOST", 3)
    monkeypatch.setattr(ops.check, "passed", set())
    for length in range(1, 9):
        ops.recurrence("mingru", torch.zeros(length, 1, 2, 2))
        assert 0 < len(ops.check.passed) <= 3


def test_an_edited_input_is_noticed() -> None:
    leaves, rest = given("sru", "other")
    del rest["same"]
    h, _ = layer("sru", **{name: value.requires_grad_() for name, value in leaves.items()}, **rest)
    with torch.no_grad():
        leaves["weight"].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        h.sum().backward()


def test_the_composition_is_what_runs_under_watch() -> None:
    leaves, rest = given("sru", "other")
    del rest["same"]
    seen = []
    original = layers.composed

    def watch(*arguments: Any) -> Any:
        seen.append(True)
        return original(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "composed", watch)
        layer("sru", **leaves, **rest)
        assert not seen
        with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
            layer("sru", **leaves, **rest)
    assert seen == [True] and counter.get_total_flops() > 2 * L * B * 4 * 18
