"""What a model cannot be faster than: its matrix products alone; and how fast this machine multiplies and copies.

Shapes: M rows = time * batch, D input features, N output features.
"""

from collections.abc import Sequence

import torch

from .. import ops
from ..records.bench import Rates, Timing
from .timing import Call, interleaved


def products_alone(
    products: Sequence[tuple[int, int]], length: int, batch: int, device: torch.device, dtype: torch.dtype
) -> tuple[Call, Call]:
    """The products (D, N) of a model's layers on random numbers: forward, and with the gradients of both factors."""
    factors = []
    for size, width in products:
        x = torch.randn(length, batch, size, device=device, dtype=dtype, requires_grad=True)
        weight = torch.randn(width, size, device=device, dtype=dtype).mul_(size**-0.5).requires_grad_()
        factors.append((x, weight, torch.randn(length, batch, width, device=device, dtype=dtype)))

    @torch.no_grad()
    def forward() -> None:
        for x, weight, _ in factors:
            ops.linear(x, weight)

    def training() -> None:
        for x, weight, grad in factors:
            torch.autograd.grad(ops.linear(x, weight), (x, weight), grad)

    return forward, training


def machine_rates(device: torch.device, copied: int = 0, size: int = 0) -> Rates:
    """Bytes a second that a copy reads and writes, and operations a second of a square product, by type.

    Args:
        device: where.
        copied: bytes of the copied tensor: beyond any cache, by default 1 GiB on CUDA and 256 MiB on the CPU.
        size: of the product: enough for the full rate, by default 8192 on CUDA and 1024 on the CPU.
    """
    on_cuda = device.type == "cuda"
    copied = copied or (2**30 if on_cuda else 2**28)
    source = torch.zeros(copied, dtype=torch.uint8, device=device)
    target = torch.ones_like(source)
    size = size or (8192 if on_cuda else 1024)

    def product(dtype: torch.dtype) -> Call:
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        return torch.no_grad()(lambda: ops.linear(a, b))

    types = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    calls: dict[str, Call] = {"copy": lambda: target.copy_(source)}
    calls |= {name: product(dtype) for name, dtype in types.items()}
    found = interleaved(calls, device, repeats=7, budget_s=3.0)
    products = {name: _rate(2 * size**3, found[name]) for name in types}
    return Rates(
        copy_bytes_per_s=_rate(2 * copied, found["copy"]),
        float32_flop_per_s=products["float32"],
        bfloat16_flop_per_s=products["bfloat16"],
    )


def _rate(amount: float, timing: Timing) -> float | None:
    return None if timing.median_s is None else amount / timing.median_s


def recurrence_bytes(
    length: int, batch: int, matrices: int, columns: int, dtype: torch.dtype, skip_input: bool
) -> tuple[int, int]:
    """Bytes that a recurrence must move: forward without gradients, and forward and backward together.

    Forward reads U (and x where that is the skip input) and writes h. For backward the states are kept in
    float32 or wider and read again, with U, x and h's gradient; the gradients of U and x are written. Weights,
    biases and single states count for nothing.
    """
    cells = length * batch * columns
    read = cells * (matrices + skip_input) * dtype.itemsize
    forward = read + cells * dtype.itemsize
    states = cells * max(dtype.itemsize, 4)
    return forward, forward + states + (read + states + cells * dtype.itemsize) + read
