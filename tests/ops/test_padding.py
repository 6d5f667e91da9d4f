"""Padded steps and the direction of time: what an output may and may not depend on, on every back end."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from sru_repro import ops

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
pytestmark = pytest.mark.parametrize("backend", ops.dispatch.on("cpu"))


def per_step(name: str, value: Tensor) -> bool:
    """Whether an input of that name has a time axis."""
    return name in ("u_LBkD", "x_LBD") or (name == "v" and value.dim() == 4)


def padded(bidirectional: bool) -> dict[str, bool]:
    """Padding anywhere, and for the SRU everything that depends on the step."""
    return {"padding": True, "bidirectional": bidirectional, "per_step": True}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ops.CELLS)
def test_padded_steps_put_out_zero_and_pass_no_gradient_even_of_nan(
    known_call: Any, backend: str, cell: str, bidirectional: bool
) -> None:
    clean, truth = known_call(cell, 6, 4, 3, **padded(bidirectional))
    padding_LB = clean.rest["padding_LB"]

    def spoil(name: str, value: Tensor) -> Tensor:
        value = value.clone()
        if per_step(name, value):
            value[padding_LB] = torch.nan
        return value

    results = clean.with_inputs(spoil).results(backend)  # the gradient of h is NaN there, too
    assert clean.incoming("h", truth["h"])[padding_LB].isnan().all()
    assert_close(results, truth)
    for name in [
        "h",
        *(f"gradient of {name}" for name, value in clean.inputs.items() if per_step(name, value)),
    ]:
        assert not results[name][padding_LB].any(), name


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ops.CELLS)
def test_a_row_is_what_it_is_without_its_padded_steps(
    make_call: Any, backend: str, cell: str, bidirectional: bool
) -> None:
    call = make_call(cell, 6, 4, 3, **padded(bidirectional))
    padding_LB = call.rest.pop("padding_LB")
    with ops.use(backend):
        h, c_n = ops.recurrence(cell, **call.inputs, padding_LB=padding_LB, **call.rest)
    assert torch.equal(c_n[0], call.inputs["c0_BD"][0])  # row 0 is padded from end to end
    for row in range(1, 4):
        kept = ~padding_LB[:, row]

        def alone(name: str, value: Tensor, row: int = row, kept: Tensor = kept) -> Tensor:
            if per_step(name, value):
                return value[kept][:, row : row + 1]
            return value[row : row + 1] if name == "c0_BD" else value

        alone_h, alone_c = call.with_inputs(alone).forward(backend)
        assert_close(h[kept, row], alone_h[:, 0])
        assert_close(c_n[row], alone_c[0])


@pytest.mark.parametrize("cell", ops.CELLS)
def test_no_output_sees_a_later_input(make_call: Any, backend: str, cell: str) -> None:
    call, step, half = make_call(cell, 7, 2, 5, bidirectional=True), 4, 5

    def disturb(name: str, value: Tensor) -> Tensor:
        value = value.clone()
        if per_step(name, value):
            value[step] += 1
        return value

    h, _ = call.forward(backend)
    other, _ = call.with_inputs(disturb).forward(backend)
    assert torch.equal(h[:step, :, :half], other[:step, :, :half])
    assert torch.equal(h[step + 1 :, :, half:], other[step + 1 :, :, half:])
    changed = (h != other).any(1)
    assert changed[step:, :half].all() and changed[: step + 1, half:].all()
