"""What a layer issues beside its products, and what of it lasts: casts of weights, LSTM's weights in one piece."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from .. import ops
from ..core.replay import Recorded
from ..models import GRU, LSTM, SRU
from .kernels import verdict
from .plan import Checked, SectionOptions

PREDICTED = {torch.float32: (1, 2), torch.bfloat16: (2, 3)}
"""Launches of one SRU layer beside its products, forward and backward: the recurrence and, backward, the sums of v and
b; in bfloat16 a cast of the weight and one of its gradient (results/kernel-log.md)."""
PRODUCTS = ("gemm", "cutlass", "cublas", "splitk", "nvjet", "xmma")
"""What the names of the libraries' kernels hold."""
_CPU = {"aten::copy_", "aten::fill_", "aten::zero_", "aten::add", "aten::add_", "aten::sum"}
"""The work beside products that the profiler sees on a CPU, where kernels of ours have no name."""


def _device(options: SectionOptions) -> torch.device:
    """Where tensors lie that are asked for there."""
    return torch.empty(0, device=options.torch_device).device


def launches(options: SectionOptions, seconds: float) -> Checked:
    """Launches of a layer beside its products, forward and backward, are those that were predicted."""
    device, lines, told = _device(options), list[str](), list[str]()
    ours = {"forward": 1, "backward": 2} if device.type == "cuda" else {"forward": 0, "backward": 0}
    for kind, predicted in PREDICTED.items():
        torch.manual_seed(0)
        model = SRU(32, 32, 1).to(device)
        x = torch.randn(4, 4, 32, device=device).to(kind).requires_grad_()

        def forward(model: SRU = model, x: Tensor = x, kind: torch.dtype = kind) -> Tensor:
            with torch.autocast(device.type, torch.bfloat16, enabled=kind == torch.bfloat16):
                h, _ = model(x)
            assert isinstance(h, Tensor)
            return h

        h = forward()
        back, leaves = torch.randn_like(h), [x, *model.parameters()]
        torch.autograd.grad(h, leaves, back)
        found = {"forward": _beside_products(forward, device)}
        h = forward()
        found["backward"] = _beside_products(lambda: torch.autograd.grad(h, leaves, back), device)  # noqa: B023
        for (what, names), most in zip(found.items(), predicted, strict=True):
            wanted = most - (1 if what == "forward" else 2) + ours[what]
            told.append(f"{what} {str(kind).removeprefix('torch.')} {len(names)}")
            if len(names) != wanted:
                lines.append(f"{told[-1]}, expected {wanted}: {', '.join(names)[:160]}")
    return verdict(len(told), lines, "launches beside products: " + ", ".join(told))


def _beside_products(call: Callable[[], object], device: torch.device) -> list[str]:
    """What the call launches, products apart, by name."""
    if device.type != "cuda":
        with profile(activities=[ProfilerActivity.CPU]) as told:
            call()
        return [event.name for event in told.events() if event.name in _CPU]
    torch.cuda.synchronize(device)
    with profile(activities=[ProfilerActivity.CUDA]) as told:
        call()
        torch.cuda.synchronize(device)
    names = [event.name for event in told.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    # A product may clear its workspace.
    return [name for name in names if not any(word in name.lower() for word in (*PRODUCTS, "memset"))]


def one_piece(options: SectionOptions, seconds: float) -> Checked:
    """LSTM and GRU under autocast: no warning of weights that are no contiguous chunk, numbers near float32's."""
    device, lines, cases = _device(options), list[str](), 0
    for kind in (torch.bfloat16, torch.float16) if device.type == "cuda" else (torch.bfloat16,):
        for build in (LSTM, GRU):
            cases += 1
            torch.manual_seed(0)
            model = build(24, 32, 2, bidirectional=True).to(device)
            x, leaves = torch.randn(20, 5, 24, device=device), [*model.parameters()]
            expected = torch.autograd.grad(model(x)[0].square().sum(), leaves)
            with warnings.catch_warnings(record=True) as heard, torch.autocast(device.type, kind):
                warnings.simplefilter("always")
                found = torch.autograd.grad(model(x)[0].float().square().sum(), leaves)
            off = max(float((a - b).norm() / b.norm()) for a, b in zip(found, expected, strict=True))
            lines += [f"{build.__name__}: {str(told.message).splitlines()[0]}" for told in heard]
            lines += [f"{build.__name__} in {kind}: gradients are {off:.2g} away"] if not off < 0.05 else []
    return verdict(cases, lines)


def casts(options: SectionOptions, seconds: float) -> Checked:
    """Casts that are kept are never stale: after steps of a fused optimiser, and inside a graph that is replayed."""
    device, lines, cases = _device(options), list[str](), 0
    torch.manual_seed(0)
    model, x = SRU(64, 64, 2).to(device), torch.randn(16, 8, 64, device=device)
    optimizer = torch.optim.Adam(model.parameters(), 0.1, fused=True)

    def call() -> Tensor:
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            h, _ = model(x)
        assert isinstance(h, Tensor)
        return h

    with ops.keep_casts():
        call()
        recorded = Recorded(call, device)
        for step in range(3):
            with torch.autocast(device.type, torch.bfloat16):
                h, _ = model(x)
            h.float().square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            kept, replayed = call(), recorded.replay().clone()
            with ops.keep_casts(False):
                fresh = call()
            for what, value in (("kept", kept), ("in a graph", replayed)):
                cases += 1
                if not torch.equal(value, fresh):
                    lines.append(f"casts {what} are stale after step {step + 1}")
    return verdict(cases, lines)
