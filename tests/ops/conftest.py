"""Calls of `ops.recurrence` with random arguments, and what a back end makes of them.

Shapes: L time, B batch, k matrices, D columns = directions * hidden size.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from sru_repro import ops


@dataclass(frozen=True)
class Call:
    """One call: `inputs` are differentiable, `rest` is handed on as it is."""

    cell: str
    inputs: dict[str, Any]
    rest: dict[str, Any]

    def with_inputs(self, change: Callable[[str, Tensor], Tensor]) -> "Call":
        """The same call with `change(name, value)` in the place of every differentiable input."""
        return replace(self, inputs={name: change(name, value) for name, value in self.inputs.items()})

    def forward(self, backend: str) -> tuple[Tensor, Tensor]:
        """h and c_n on that back end."""
        with ops.use(backend):
            return ops.recurrence(self.cell, **self.inputs, **self.rest)

    def results(self, backend: str) -> dict[str, Tensor]:
        """h, c_n, and the gradient of each input under fixed random gradients of both."""
        leaves = {name: value.detach().clone().requires_grad_() for name, value in self.inputs.items()}
        with ops.use(backend):
            h, c_n = ops.recurrence(self.cell, **leaves, **self.rest)
            generator = torch.Generator().manual_seed(1)
            back = [
                torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y.dtype) for y in (h, c_n)
            ]
            grads = torch.autograd.grad([h, c_n], list(leaves.values()), back)
        return {"h": h.detach(), "c_n": c_n.detach()} | dict(zip(leaves, grads, strict=True))


def random_call(
    cell: str,
    length: int = 5,
    batch: int = 3,
    size: int = 4,
    *,
    skip: str | None = None,
    per_step: bool = False,
    mask: bool = False,
    padding: bool = False,
    bidirectional: bool = False,
    activation: str = "identity",
    scale: float = 1.0,
    seed: int = 0,
) -> Call:
    """A call in float64; `skip` is "input", "matrix" or "none" (default: "input" where there is a highway).

    With `padding` steps are padded at random and the whole of row 0.
    """
    spec, columns = ops.CELLS[cell], size * (2 if bidirectional else 1)
    skip = skip or ("input" if spec.output == "highway" else "none")
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    matrices = len(spec.gates) + (skip == "matrix")
    inputs = {"u_LBkD": scale * normal(length, batch, matrices, columns)}
    if skip == "input":
        inputs["x_LBD"] = normal(length, batch, columns)
    if spec.peephole:
        inputs["v"] = normal(length, batch, 2, columns) if per_step else normal(2, columns)
    if spec.biased:
        inputs["b_2D"] = normal(2, columns)
    inputs["c0_BD"] = normal(batch, columns)
    rest: dict[str, Any] = {"activation": activation, "bidirectional": bidirectional}
    if skip == "input":
        rest["skip_scale"] = 1.7
    if mask:
        rest["mask_BD"] = (normal(batch, columns) > 0).double() * 2
    if padding:
        rest["padding_LB"] = normal(length, batch) > 0.5
        rest["padding_LB"][:, 0] = True
    return Call(cell, inputs, rest)


@pytest.fixture
def make_call() -> Callable[..., Call]:
    """`random_call`."""
    return random_call
