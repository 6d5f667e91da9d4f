"""A call of a recurrence or of a layer's product with its arguments, and what a back end gives for it.

Shapes: L time, B batch, k matrices, D columns = directions * hidden size, N rows, H features out.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from .. import ops


@dataclass(frozen=True)
class Case(ABC):
    """What is tried: in words, and its differentiable inputs by name."""

    what: str
    inputs: dict[str, Tensor]

    @abstractmethod
    def outputs(self, backend: str) -> dict[str, Tensor]:
        """The outputs on that back end, by name."""

    def with_inputs(self, change: Callable[[str, Tensor], Tensor]) -> Self:
        """The same call with `change(name, value)` in the place of every differentiable input."""
        return replace(self, inputs={name: change(name, value) for name, value in self.inputs.items()})

    def to(self, dtype: torch.dtype) -> Self:
        """The same call with its differentiable inputs rounded to that type."""
        return self.with_inputs(lambda _, value: value.to(dtype))

    def incoming(self, name: str, output: Tensor) -> Tensor:
        """The gradient of an output that backward begins with."""
        return fixed_gradient(output)

    def results(self, backend: str) -> dict[str, Tensor]:
        """Outputs, and the gradient of each input under fixed gradients of all outputs; no wait for the device."""
        leaves = self.with_inputs(lambda _, value: value.detach().clone().requires_grad_())
        outputs = leaves.outputs(backend)
        back = [self.incoming(name, output) for name, output in outputs.items()]
        with ops.use(backend):
            grads = torch.autograd.grad([*outputs.values()], [*leaves.inputs.values()], back)
        found = {name: output.detach() for name, output in outputs.items()}
        return found | {gradient_of(name): grad for name, grad in zip(leaves.inputs, grads, strict=True)}


@dataclass(frozen=True)
class Call(Case):
    """A recurrence; `rest` is handed on as it is."""

    cell: str
    rest: dict[str, Any]

    def forward(self, backend: str) -> tuple[Tensor, Tensor]:
        """h (L, B, D) and c_n (B, D)."""
        with ops.use(backend):
            return ops.recurrence(self.cell, **self.inputs, **self.rest)  # type: ignore[arg-type]

    def outputs(self, backend: str) -> dict[str, Tensor]:
        """h and c_n."""
        return dict(zip(("h", "c_n"), self.forward(backend), strict=True))

    def incoming(self, name: str, output: Tensor) -> Tensor:
        """NaN for h at padded steps: it is to go nowhere."""
        gradient, padding_LB = fixed_gradient(output), self.rest.get("padding_LB")
        if name != "h" or padding_LB is None:
            return gradient
        return gradient.masked_fill(padding_LB.unsqueeze(-1), torch.nan)


@dataclass(frozen=True)
class Product(Case):
    """The product of a layer. It has no back ends: the reference is plain PyTorch, any other name is `ops.linear`."""

    def outputs(self, backend: str) -> dict[str, Tensor]:
        """y (N, 1, H)."""
        product = F.linear if backend == "reference" else ops.linear
        return {"y": product(self.inputs["x"], self.inputs["weight"])}


def gradient_of(name: str) -> str:
    """The name of an input's gradient among the results."""
    return f"gradient of {name}"


def fixed_gradient(like: Tensor) -> Tensor:
    """Numbers between -1 and 1 that never repeat, the same on every device up to rounding."""
    places = torch.arange(like.numel(), dtype=torch.float64, device=like.device)
    return places.mul_(1.618).sin_().view(like.shape).to(like.dtype)
