"""Every back end with a backward of its own against the reference: values, gradients, precision.

Shapes: L time, B batch, D columns.
"""

import math
import statistics
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from sru_repro import ops
from sru_repro.ops import cuda
from sru_repro.verify.call import Call
from sru_repro.verify.grid import choices, combinations
from sru_repro.verify.tolerance import limit, ratio

from ..pairwise import pairwise

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
OWN = [name for name in ops.dispatch.on("cpu") if name != "reference"]
every_backend = pytest.mark.parametrize("backend", OWN)
every_cell = pytest.mark.parametrize("cell", ops.CELLS)
# Shapes (L, B, size) that the options go through in turn: single steps and rows, odd widths, whole vectors, more rows
# than threads, and many steps.
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


def assert_equal_to_the_reference(call: Call, truth: dict[str, Tensor], backend: str) -> None:
    """All results of the call, which is named if one is off."""
    assert_close(call.results(backend), truth, msg=lambda told: f"{call.what} on {backend}: {told}")


@every_backend
@every_cell
def test_values_and_all_gradients_equal_the_reference(known_call: Any, backend: str, cell: str) -> None:
    """In C++ with every combination of options, in the slow loop with every pair of them."""
    for options in combinations(cell) if backend == "cpp" else pairwise(choices(cell)):
        call, truth = known_call(cell, 5, 3, 4, **options)
        assert_equal_to_the_reference(call, truth, backend)


@every_backend
@every_cell
def test_odd_shapes(known_call: Any, backend: str, cell: str) -> None:
    # (2, 4, 4) has L = 2 and B = D, where a mix-up of (L, B) and (2, D) would go unseen by shape checks.
    for shape in ((1, 1, 1), (1, 3, 37), (9, 1, 37), (2, 4, 4)):
        for both in (False, True):
            call, truth = known_call(cell, *shape, padding=True, bidirectional=both)
            assert_equal_to_the_reference(call, truth, backend)


@every_backend
@every_cell
def test_saturated_gates(known_call: Any, backend: str, cell: str) -> None:
    for scale in (50.0, 1e5):
        call, truth = known_call(cell, 5, 3, 4, activation="tanh", bidirectional=True, scale=scale)
        assert all(value.isfinite().all() for value in truth.values())
        assert_equal_to_the_reference(call, truth, backend)


@every_backend
@pytest.mark.parametrize("cell", [name for name, spec in ops.CELLS.items() if not spec.peephole])
def test_a_forget_gate_of_exactly_one_keeps_the_state(make_call: Any, backend: str, cell: str) -> None:
    call = make_call(cell)
    call.inputs["u_LBkD"][2, :, 1] = torch.inf  # as zoneout writes it
    results = call.results(backend)
    assert_close(results, call.results("reference"))
    assert not results["gradient of u_LBkD"][2, :, 1].any()
    if not ops.CELLS[cell].input_gate:
        assert not results["gradient of u_LBkD"][2, :, 0].any()


@every_backend
@pytest.mark.parametrize("skip", ["input", "matrix"])
def test_gradcheck(make_call: Any, backend: str, skip: str) -> None:
    """Finite differences, which owe nothing to the reference."""
    options: dict[str, Any] = {"mask": True, "padding": True, "bidirectional": True}
    if skip == "matrix":
        options = {"per_step": True, "activation": "tanh"}
    call = make_call("sru", 3, 2, 2, skip=skip, **options)
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
        leaves = make_call("sru").with_inputs(lambda _, value: value.requires_grad_())
        leaves.outputs(backend)[output].sum().backward()  # also: a gradient of stride 0
        grads[backend] = {
            name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            for name, leaf in leaves.inputs.items()
        }
    assert_close(grads[own], grads["reference"])


@every_backend
@every_cell
def test_the_layout_of_the_inputs_does_not_matter(known_call: Any, backend: str, cell: str) -> None:
    def transposed(_: str, value: Tensor) -> Tensor:
        return value.transpose(0, 1).contiguous().transpose(0, 1)

    for both in (False, True):
        call, truth = known_call(cell, 5, 3, 4, padding=True, bidirectional=both)
        assert_equal_to_the_reference(call.with_inputs(transposed), truth, backend)


def roundings() -> list[Any]:
    """Every pair of options and types, with the shapes in turn."""
    types = (torch.float32, torch.bfloat16, torch.float16)
    found: list[Any] = []
    for cell in ops.CELLS:
        for options in pairwise({"dtype": types} | choices(cell)):
            dtype, shape = options.pop("dtype"), SHAPES[len(found) % len(SHAPES)]
            words = [cell, *(str(value) for value in shape), str(dtype).removeprefix("torch.")]
            words += [key if value is True else str(value) for key, value in options.items() if value]
            found.append(pytest.param(cell, options, shape, dtype, id="-".join(words)))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "options", "shape", "dtype"), roundings())
def test_rounding_errors(make_call: Any, cell: str, options: Any, shape: Any, dtype: torch.dtype) -> None:
    """At most 2 (gradients: 3) times as far from float64 as the reference loop on the same rounded inputs.

    The loop keeps its state in float32, as its c0 is. A distance is a root mean square, and the ratio the median of
    three draws: a peephole near the edge of chaos makes either of them lucky. Half a unit of the type is granted to
    both, the rounding of the result itself. The third draw is not taken where it cannot change the median's verdict.
    """
    ratios: dict[str, list[float]] = {}
    for seed in range(3):
        call = make_call(cell, *shape, **options, seed=seed)
        low = call.with_inputs(lambda name, value: value.to(torch.float32 if name == "c0_BD" else dtype))
        results, loop = low.results("cpp"), low.results("reference")
        for name, exact in low.to(torch.float64).results("reference").items():
            assert results[name].dtype == loop[name].dtype
            ratios.setdefault(name, []).append(ratio(results[name], loop[name], exact))
        if seed == 1 and all(max(found) <= limit(name) for name, found in ratios.items()):
            break
    for name, found in ratios.items():
        assert all(map(math.isfinite, found)), (name, found)
        assert statistics.median(found) <= limit(name), (name, found)


def test_mixed_types_as_under_autocast(known_call: Any) -> None:
    """U in bfloat16 from the product, everything else in float32: the types come back, gradients included."""
    call, truth = known_call("sru", 6, 2, 5)
    mixed = call.with_inputs(
        lambda name, value: value.to(torch.bfloat16 if name == "u_LBkD" else torch.float32)
    )
    for backend in ops.dispatch.on("cpu"):
        results = mixed.results(backend)
        assert results["h"].dtype == torch.bfloat16 and results["c_n"].dtype == torch.float32
        assert all(
            results[f"gradient of {name}"].dtype == value.dtype for name, value in mixed.inputs.items()
        )
        assert_close({k: v.double() for k, v in results.items()}, truth, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("backend", ops.dispatch.on("cpu"))
def test_the_state_of_a_low_precision_call_is_float32(make_call: Any, backend: str) -> None:
    results = make_call("sru").to(torch.bfloat16).results(backend)
    assert results["h"].dtype == results["gradient of c0_BD"].dtype == torch.bfloat16
    assert results["c_n"].dtype == torch.float32


def test_too_many_columns_are_refused() -> None:
    u = torch.empty(1, 1 << 16, 2, 1 << 15, device="meta")
    with pytest.raises(ValueError, match=r"U: expected fewer than 2\^31 steps and columns"):
        cuda.forward("mingru", u, None, None, None, u[0, :, 0], None, None, False, 1.0, False, False)
