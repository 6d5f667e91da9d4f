"""Every back end with a backward of its own against the reference: values, gradients, precision.

Shapes: L time, B batch, D columns.
"""

import itertools
import math
import statistics
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from sru_repro import ops

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
OWN = [name for name in ops.dispatch.on("cpu") if name != "reference"]
every_backend = pytest.mark.parametrize("backend", OWN)
# Shapes (L, B, size) that the grid of options goes through in turn: single steps and rows, odd widths, whole vectors,
# more rows than threads, and many steps.
SHAPES = [
    (5, 3, 4),
    (1, 3, 37),
    (9, 1, 131),
    (24, 4, 37),
    (7, 2, 64),
    (33, 5, 16),
    (3, 17, 5),
    (150, 2, 3),
    (2, 4, 4),
]


def grid() -> list[Any]:
    """Every combination of options that a cell knows."""
    found = []
    for cell, spec in ops.CELLS.items():
        highway = spec.output == "highway"
        for skip, activation, mask, padding, bidirectional, per_step in itertools.product(
            ("input", "matrix", "none") if highway else ("none",),
            ("identity", "tanh"),
            (False, True) if highway else (False,),
            (False, True),
            (False, True),
            (False, True) if spec.peephole else (False,),
        ):
            options = {"skip": skip, "activation": activation, "mask": mask, "padding": padding}
            options |= {"bidirectional": bidirectional, "per_step": per_step}
            words = [str(value) if isinstance(value, str) else key for key, value in options.items() if value]
            found.append(pytest.param(cell, options, id="-".join([cell, *words])))
    return found


@every_backend
@pytest.mark.parametrize(("cell", "options"), grid())
def test_values_and_all_gradients_equal_the_reference(
    make_call: Any, backend: str, cell: str, options: Any
) -> None:
    call = make_call(cell, **options)
    assert_close(call.results(backend), call.results("reference"))


@every_backend
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 37), (9, 1, 37), (2, 4, 4)], ids=str)
@pytest.mark.parametrize("cell", ops.CELLS)
def test_odd_shapes(
    make_call: Any, backend: str, cell: str, shape: tuple[int, int, int], bidirectional: bool
) -> None:
    # (2, 4, 4) has L = 2 and B = D, where a mix-up of (L, B) and (2, D) would go unseen by shape checks.
    call = make_call(cell, *shape, padding=True, bidirectional=bidirectional)
    assert_close(call.results(backend), call.results("reference"))


@every_backend
@pytest.mark.parametrize("scale", [50.0, 1e5])
@pytest.mark.parametrize("cell", ops.CELLS)
def test_saturated_gates(make_call: Any, backend: str, cell: str, scale: float) -> None:
    call = make_call(cell, activation="tanh", bidirectional=True, scale=scale)
    results = call.results(backend)
    assert all(value.isfinite().all() for value in results.values())
    assert_close(results, call.results("reference"))


@every_backend
@pytest.mark.parametrize("cell", [name for name, spec in ops.CELLS.items() if not spec.peephole])
def test_a_forget_gate_of_exactly_one_keeps_the_state(make_call: Any, backend: str, cell: str) -> None:
    call = make_call(cell)
    call.inputs["u_LBkD"][2, :, 1] = torch.inf  # as zoneout writes it
    results = call.results(backend)
    assert_close(results, call.results("reference"))
    assert not results["u_LBkD"][2, :, 1].any()
    if not ops.CELLS[cell].input_gate:
        assert not results["u_LBkD"][2, :, 0].any()


@every_backend
@pytest.mark.parametrize("cell", ops.CELLS)
def test_gradcheck(make_call: Any, backend: str, cell: str) -> None:
    call = make_call(
        cell, 3, 2, 2, mask=ops.CELLS[cell].output == "highway", padding=True, bidirectional=True
    )
    leaves = {name: value.requires_grad_() for name, value in call.inputs.items()}

    def run(*values: Tensor) -> tuple[Tensor, Tensor]:
        with ops.use(backend):
            return ops.recurrence(cell, **dict(zip(leaves, values, strict=True)), **call.rest)

    assert torch.autograd.gradcheck(run, tuple(leaves.values()))


@every_backend
def test_gradcheck_of_peephole_weights_per_step_and_of_a_skip_matrix(make_call: Any, backend: str) -> None:
    call = make_call("sru", 3, 2, 2, skip="matrix", per_step=True, activation="tanh")
    leaves = {name: value.requires_grad_() for name, value in call.inputs.items()}

    def run(*values: Tensor) -> tuple[Tensor, Tensor]:
        with ops.use(backend):
            return ops.recurrence("sru", **dict(zip(leaves, values, strict=True)), **call.rest)

    assert torch.autograd.gradcheck(run, tuple(leaves.values()))


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("output", ["h", "c_n"])
def test_one_of_the_two_outputs_may_go_unused(make_call: Any, own: str, output: str) -> None:
    grads = {}
    for backend in (own, "reference"):
        call = make_call("sru")
        leaves = call.with_inputs(lambda _, value: value.clone().requires_grad_())
        h, c_n = leaves.forward(backend)
        (h if output == "h" else c_n).sum().backward()  # also: a gradient of stride 0
        grads[backend] = {
            name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            for name, leaf in leaves.inputs.items()
        }
    assert_close(grads[own], grads["reference"])


@every_backend
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ops.CELLS)
def test_the_layout_of_the_inputs_does_not_matter(
    make_call: Any, backend: str, cell: str, bidirectional: bool
) -> None:
    call = make_call(cell, padding=True, bidirectional=bidirectional)

    def transposed(_: str, value: Tensor) -> Tensor:
        return value.transpose(0, 1).contiguous().transpose(0, 1)

    assert_close(call.with_inputs(transposed).results(backend), call.results(backend))


def turns() -> list[Any]:
    """Every combination of options in float32 and in one of the low precisions, with the shapes in turn."""
    found = []
    for place, case in enumerate(grid()):
        cell, options = case.values
        low = (torch.bfloat16, torch.float16)[place % 2]
        for dtype, shape in ((torch.float32, SHAPES[place % 9]), (low, SHAPES[(place + 4) % 9])):
            words = [str(case.id), "x".join(map(str, shape)), str(dtype).removeprefix("torch.")]
            found.append(pytest.param(cell, options, shape, dtype, id="-".join(words)))
    return found


@pytest.mark.parametrize(("cell", "options", "shape", "dtype"), turns())
def test_rounding_errors(make_call: Any, cell: str, options: Any, shape: Any, dtype: torch.dtype) -> None:
    """At most 2 (gradients: 3) times as far from float64 as the reference loop on the same rounded inputs.

    The loop keeps its state in float32, as its c0 is. A distance is a root mean square, and the ratio the median of
    three draws: a peephole near the edge of chaos makes either of them lucky. Half a unit of the type is granted to
    both, the rounding of the result itself.
    """
    ratios: dict[str, list[float]] = {}
    for seed in range(3):
        call = make_call(cell, *shape, **options, seed=seed)
        low = call.with_inputs(lambda name, value: value.to(torch.float32 if name == "c0_BD" else dtype))
        low.rest.update({key: low.rest[key].to(dtype) for key in ("mask_BD",) if key in low.rest})
        results, loop = low.results("cpp"), low.results("reference")
        truth = low.with_inputs(lambda _, value: value.double()).results("reference")
        for name, exact in truth.items():
            assert results[name].dtype == loop[name].dtype
            error, allowed = (
                float((value[name] - exact).square().mean().sqrt()) for value in (results, loop)
            )
            rounding = float(exact.square().mean().sqrt()) * torch.finfo(results[name].dtype).eps / 2
            ratios.setdefault(name, []).append(error / max(allowed, rounding) if error else 0.0)
    for name, found in ratios.items():
        assert all(map(math.isfinite, found)), (name, found)
        assert statistics.median(found) <= (2 if name in ("h", "c_n") else 3), (name, found)


def test_mixed_types_as_under_autocast(make_call: Any) -> None:
    """U in bfloat16 from the product, everything else in float32: the types come back, gradients included."""
    call = make_call("sru", 6, 2, 5)
    mixed = call.with_inputs(
        lambda name, value: value.to(torch.bfloat16 if name == "u_LBkD" else torch.float32)
    )
    for backend in ops.dispatch.on("cpu"):
        results = mixed.results(backend)
        assert results["h"].dtype == torch.bfloat16 and results["c_n"].dtype == torch.float32
        assert all(results[name].dtype == value.dtype for name, value in mixed.inputs.items())
        assert_close(
            {k: v.double() for k, v in results.items()}, call.results("reference"), rtol=0.05, atol=0.05
        )


@pytest.mark.parametrize("backend", ops.dispatch.on("cpu"))
def test_the_state_of_a_low_precision_call_is_float32(make_call: Any, backend: str) -> None:
    half = make_call("sru").with_inputs(lambda _, value: value.to(torch.bfloat16))
    results = half.results(backend)
    assert results["h"].dtype == results["c0_BD"].dtype == torch.bfloat16
    assert results["c_n"].dtype == torch.float32
