"""The matrix products of a layer, by the faster of two libraries on this machine.

PyTorch gives a float32 product on the CPU to MKL, which holds back on processors of another make, while its LSTM runs
on oneDNN. Which is faster differs from machine to machine and between a product and its two gradients, so all three are
measured once, and the result kept in the cache: the same machine always takes the same code, and the same seed gives
the same numbers. Elsewhere (other types, CUDA, autocast, compilers, transforms and modes that want to see operators)
`torch.nn.functional.linear` is used as it is.

Shapes: N rows (steps times batch), D features in, H features out, L time, B batch.
"""

import functools
import json
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from . import build
from .passes import watched

KINDS = ("forward", "input gradient", "weight gradient")
LIBRARIES = ("MKL", "oneDNN")
PLAIN = ("MKL",) * len(KINDS)
"""What PyTorch does by itself, with whatever library."""
WORTH = 1.05
"""oneDNN is taken where it is at least this much faster, so that noise does not decide."""
SMALL = 1 << 18
"""Multiplications below which calling oneDNN costs more than it saves."""


def linear(x: Tensor, weight_HD: Tensor, bias_H: Tensor | None = None) -> Tensor:
    """x W^T + b, (..., H), as `torch.nn.functional.linear`.

    Args:
        x: (..., D).
        weight_HD: W.
        bias_H: b, or None.
    """
    plain = (
        weight_HD.device.type != "cpu"
        or not x.dtype == weight_HD.dtype == torch.float32
        or torch.compiler.is_compiling()  # before sizes, which would become a condition of the graph
        or x.numel() * weight_HD.size(0) < SMALL
        or torch.is_autocast_enabled("cpu")
        or watched(x)
        or torch.autograd.forward_ad._current_level >= 0
        or type(weight_HD) not in (Tensor, torch.nn.Parameter)
        or "oneDNN" not in fastest()
    )
    return F.linear(x, weight_HD, bias_H) if plain else _Linear.apply(x, weight_HD, bias_H)


class _Linear(torch.autograd.Function):
    """The product and its two gradients, each by its own library."""

    @staticmethod
    def forward(x: Tensor, weight_HD: Tensor, bias_H: Tensor | None) -> Tensor:
        return product(x, weight_HD, bias_H, fastest()[0])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight_HD = ctx.saved_tensors
        grad_NH = grads[0].reshape(-1, weight_HD.size(0))
        grad_x = grad_weight = grad_bias = None
        # Where a second derivative is asked for, these must be operators that autograd knows.
        by_input, by_weight = (PLAIN if torch.is_grad_enabled() else fastest())[1:]
        if ctx.needs_input_grad[0]:
            grad_x = input_gradient(grad_NH, weight_HD, by_input).view_as(x)
        if ctx.needs_input_grad[1]:
            grad_weight = weight_gradient(grad_NH, x.reshape(-1, x.size(-1)), by_weight)
        if ctx.needs_input_grad[2]:
            grad_bias = grad_NH.sum(0)
        return grad_x, grad_weight, grad_bias


def libraries(x: Tensor, weight_HD: Tensor, kind: torch.dtype) -> tuple[str, ...]:
    """The libraries of a product of x (..., D) in that type and of its gradients.

    For calls where nobody has to see an operator.
    """
    large = x.is_cpu and kind == torch.float32 and x.numel() * weight_HD.size(0) >= SMALL
    return fastest() if large else PLAIN


def _onednn(x: Tensor, weight_HD: Tensor, bias_H: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight_HD, bias_H, "none", [], "")


def product(x: Tensor, weight_HD: Tensor, bias_H: Tensor | None, library: str) -> Tensor:
    """x W^T + b, (..., D) to (..., H), by that library. x is (..., D)."""
    return _onednn(x, weight_HD, bias_H) if library == "oneDNN" else F.linear(x, weight_HD, bias_H)


def input_gradient(grad_NH: Tensor, weight_HD: Tensor, library: str) -> Tensor:
    """The gradient of x, (N, D), from that of the product."""
    return _onednn(grad_NH, weight_HD.t()) if library == "oneDNN" else grad_NH @ weight_HD


def weight_gradient(grad_NH: Tensor, x_ND: Tensor, library: str) -> Tensor:
    """The gradient of W, (H, D), from that of the product."""
    return _onednn(grad_NH.t(), x_ND.t()) if library == "oneDNN" else grad_NH.t() @ x_ND


def fastest() -> tuple[str, ...]:
    """The library for each of `KINDS`, from the cache or measured now, in a fraction of a second."""
    return _fastest(torch.get_num_threads())


@functools.cache
def _fastest(threads: int) -> tuple[str, ...]:
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return PLAIN
    key = build.fingerprint(torch.__version__, build.processor(), str(threads))
    path = build.cache_folder() / f"products-{key}.json"
    found = _kept(path)
    if found is None:
        measured = tuple(_measure())
        with suppress(OSError):  # measured again next time
            build.place(path, json.dumps(measured).encode(), replace=False)
        found = _kept(path) or measured  # of processes that measured at once, the first decides for all
    return found


def _kept(path: Path) -> tuple[str, ...] | None:
    try:
        found = json.loads(build.content_of(path) or b"")
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list) and len(found) == len(KINDS) and all(i in LIBRARIES for i in found):
        return tuple(found)
    build.discard(path)  # not what this code writes
    return None


def chosen() -> dict[str, str]:
    """The library of each product, by the product's name: float32 on this machine's CPU."""
    return dict(zip(KINDS, fastest(), strict=True))


@torch.no_grad()
def _measure(rows: int = 2048, inner: int = 256, outer: int = 768, repeats: int = 7) -> list[str]:
    sizes = ((rows, inner), (outer, inner), (rows, outer))
    x_ND, weight_HD, grad_NH = (torch.ones(size, dtype=torch.float32, device="cpu") for size in sizes)
    products: dict[str, Callable[[str], Tensor]] = {
        "forward": lambda library: product(x_ND, weight_HD, None, library),
        "input gradient": lambda library: input_gradient(grad_NH, weight_HD, library),
        "weight gradient": lambda library: weight_gradient(grad_NH, x_ND, library),
    }
    found = []
    for kind in KINDS:
        seconds: dict[str, list[float]] = {library: [] for library in LIBRARIES}
        for _ in range(repeats):  # interleaved, so that a disturbance meets both
            for library, times in seconds.items():
                started = time.perf_counter()
                products[kind](library)
                times.append(time.perf_counter() - started)
        mkl, onednn = (statistics.median(times[1:]) for times in seconds.values())
        found.append("oneDNN" if mkl > WORTH * onednn else "MKL")
    return found
