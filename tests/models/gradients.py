"""Random arguments, and the gradients of a model of ours beside those that peer.py got from the authors' package."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)

Gradients = dict[str, Tensor]


def normal(seed: int, *shape: int) -> Tensor:
    """Random float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def assert_same_gradients(
    inputs: dict[str, Tensor | None],
    outputs: list[Tensor],
    model: nn.Module,
    given: dict[str, Any],
    theirs: dict[str, Any],
    convert: Callable[[Gradients, Any], Gradients],
) -> None:
    """Of inputs ("x", and "c0" where there is one) and of all weights; `convert` takes their weights' to our names."""
    leaves = {key: value for key, value in inputs.items() if value is not None}
    leaves |= dict(model.named_parameters())
    found = torch.autograd.grad(outputs, list(leaves.values()), [given["grad_h"], given["grad_c_n"]])
    expected = dict(theirs["grads"])
    outer = {key: expected.pop(key) for key in ("x", "c0") if key in expected}
    # What has no gradient there: scale_x, and v1's zeros.
    others = {key: value for key, value in theirs["weights"].items() if key not in expected}
    assert_close(dict(zip(leaves, found, strict=True)), outer | convert(expected | others, model))
