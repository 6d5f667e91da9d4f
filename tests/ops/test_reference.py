"""The reference itself: against the papers' equations, written out once more, and its second derivatives."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sru_repro import ops


def sigmoid(value: Tensor) -> Tensor:
    """In the exponential form, to be independent of torch.sigmoid."""
    return 1 / (1 + torch.exp(-value))


def by_hand(cell: str, u: Tensor, c: Tensor, **rest: Any) -> tuple[Tensor, Tensor]:
    """The equations of each cell: SRU paper (2018) 1-4 and its v1 (2017); QRNN paper, section 2.1; minGRU."""
    x, v, b, m = (rest.get(name) for name in ("x_LBD", "v", "b_2D", "mask_BD"))
    x = torch.zeros_like(u[:, :, 0]) if x is None else x
    m = torch.ones_like(c) if m is None else m
    tanh = rest["activation"] == "tanh"
    h = []
    for t in range(u.size(0)):
        before = c
        if cell in ("sru", "sru_v1"):
            assert b is not None
            skip = rest["skip_scale"] * x[t]
            v_f, v_r = (0, 0) if v is None else v
            f = sigmoid(u[t, :, 1] + v_f * before + b[0])
            r = sigmoid(u[t, :, 2] + v_r * before + b[1])
            c = f * before + (1 - f) * u[t, :, 0]
            g = torch.tanh(c) if tanh else c
            h.append(skip + m * r * (g - skip) if cell == "sru" else r * m * g + (1 - r) * skip)
        elif cell == "mingru":
            z = 1 - sigmoid(u[t, :, 1])
            c = (1 - z) * before + z * u[t, :, 0]
            h.append(torch.tanh(c) if tanh else c)
        else:
            f, rest_of_u = sigmoid(u[t, :, 1]), u[t, :, 2:].unbind(1)
            i = sigmoid(rest_of_u[1]) if cell == "qrnn_ifo" else 1 - f
            c = f * before + i * torch.tanh(u[t, :, 0])
            g = torch.tanh(c) if tanh else c
            if cell == "qrnn_f":
                h.append(g)
            else:
                o = sigmoid(rest_of_u[0])
                h.append(o * m * g + (1 - o) * rest["skip_scale"] * x[t] if cell == "qrnn_highway" else o * g)
    return torch.stack(h), c


@pytest.mark.parametrize("activation", ["identity", "tanh"])
@pytest.mark.parametrize("cell", ops.CELLS)
def test_the_papers_equations(make_call: Any, cell: str, activation: str) -> None:
    call = make_call(cell, mask=ops.CELLS[cell].output == "highway", activation=activation)
    inputs = dict(call.inputs)
    expected = by_hand(cell, inputs.pop("u_LBkD"), inputs.pop("c0_BD"), **inputs, **call.rest)
    assert_close(call.forward("reference"), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", ops.CELLS)
def test_second_derivatives(make_call: Any, cell: str) -> None:
    call = make_call(cell, 3, 1, 2, padding=True, activation="tanh", bidirectional=True)
    call.rest["padding_LB"][:, 0] = torch.tensor([False, True, False])
    leaves = {name: value.requires_grad_() for name, value in call.inputs.items()}

    def run(*values: Tensor) -> tuple[Tensor, Tensor]:
        with ops.use("reference"):
            return ops.recurrence(cell, **dict(zip(leaves, values, strict=True)), **call.rest)

    assert torch.autograd.gradgradcheck(run, tuple(leaves.values()), fast_mode=True)
