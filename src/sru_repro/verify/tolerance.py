"""How far a result may be from the truth, the loop in float64: a few times as far as plain PyTorch in the same type.

Two rules. The bench and the GPU check take one draw and look at the worst number of each result (`too_far`). The tests
take several draws and look at root mean squares, with smaller factors (`ratio`, `LIMITS`).
"""

import torch
from torch import Tensor

FACTOR = 3.0
"""Times plain PyTorch's largest error that is accepted of a largest error."""
PLACES = 4
"""Units in the last place of the largest number that are accepted besides."""
PLACES_OF_FLOAT64 = 1000
"""In float64 plain PyTorch is the truth itself, and has no error to be compared with."""
LIMITS = {"output": 2.0, "gradient": 3.0}
"""Times plain PyTorch's root mean square that is accepted of an output or of a gradient."""


def too_far(value: Tensor, plain: Tensor, truth: Tensor) -> str:
    """In words by how much the worst number of a result is too far off, or ""."""
    off, usual = (float((result.double() - truth).abs().max()) for result in (value, plain))
    last_place = torch.finfo(value.dtype).eps * max(1.0, float(truth.abs().max()))
    places = PLACES_OF_FLOAT64 if value.dtype == torch.float64 else PLACES
    if off <= FACTOR * usual + places * last_place:  # never so when it is no number
        return ""
    return f"is off by {off:.2g}, plain PyTorch by {usual:.2g}"


def ratio(value: Tensor, plain: Tensor, truth: Tensor) -> float:
    """Root mean square of a result's error over plain PyTorch's; the result's own rounding is granted to both."""
    error, usual = (float((result.double() - truth).square().mean().sqrt()) for result in (value, plain))
    rounding = float(truth.square().mean().sqrt()) * torch.finfo(value.dtype).eps / 2
    return error / max(usual, rounding) if error else 0.0


def limit(name: str) -> float:
    """What `ratio` may be for the result of that name."""
    return LIMITS["gradient" if name.startswith("gradient") else "output"]
