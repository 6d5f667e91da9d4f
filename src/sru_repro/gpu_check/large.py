"""Are the kernels right at large sizes: with a GPU full of columns, and beyond 2^31 values?

Shapes: L time, B batch, k matrices, D columns.
"""

import math

import torch
from torch import Tensor

from .. import ops
from ..verify.compare import CHOSEN, failures
from ..verify.draw import draw
from . import gpu
from .kernels import TYPES, backend, verdict
from .plan import Checked, SectionOptions, Skipped


def large(options: SectionOptions, seconds: float) -> Checked:
    """As many columns as fill a GPU, in float32 and bfloat16, against the float64 reference."""
    device = options.torch_device
    size = (9, 4, 64) if options.rehearse else (192, 64, 1024)
    needed = 30 * 8 * math.prod(size)  # what autograd keeps of the reference
    _require_memory(options, needed)
    cases = [
        draw("sru", *size, padding=True, device=device),
        draw("qrnn_fo", *size, device=device),
    ]
    return verdict(*failures(backend(options), device, cases, TYPES[:2], [CHOSEN]))


def beyond(options: SectionOptions, seconds: float) -> Checked:
    """U of more than 2^31 values: its last rows come out as in a call of their own, bit by bit, gradients too."""
    device, name = options.torch_device, backend(options)
    length, batch, size = (6, 16, 32) if options.rehearse else (1366, 512, 1024)
    # U, x, h and their gradients in bfloat16, states in float32, room for sums.
    needed = 36 * length * batch * size
    _require_memory(options, needed)
    torch.manual_seed(0)
    u = torch.empty(length, batch, 3, size, device=device, dtype=torch.bfloat16).normal_()
    x, back = (torch.empty(length, batch, size, device=device, dtype=u.dtype).normal_() for _ in range(2))
    v, b = (torch.randn(2, size, device=device) for _ in range(2))
    c0 = torch.randn(batch, size, device=device)
    whole = _passes(name, u, x, v, b, c0, back)
    rows = slice(batch - 2, batch)
    own = [part[:, rows].contiguous() for part in (u, x, back)]
    small = _passes(name, own[0], own[1], v, b, c0[rows], own[2])
    lines = []
    for what, value in whole.items():
        if what in ("gradient of v", "gradient of b"):  # sums over all rows
            lines += [] if value.isfinite().all() else [f"{what} is not finite"]
        elif not torch.equal(value[rows] if value.dim() == 2 else value[:, rows], small[what]):
            lines.append(f"{what} of the last rows differs from their own call's")
    return verdict(len(whole), lines, f"{u.numel():,} values in U")


def _require_memory(options: SectionOptions, needed: int) -> None:
    """Raises Skipped where the GPU has fewer bytes left."""
    free = gpu.free_bytes(options.torch_device)
    if options.on_gpu and needed > free:
        raise Skipped(f"expected {needed / 1e9:.0f} GB of free memory, found {free / 1e9:.0f}")


def _passes(
    name: str, u: Tensor, x: Tensor, v: Tensor, b: Tensor, c0: Tensor, back: Tensor
) -> dict[str, Tensor]:
    """Outputs and gradients of one call of the SRU."""
    leaves = {"U": u, "x": x, "v": v, "b": b, "c0": c0}
    own = {key: value.detach().requires_grad_() for key, value in leaves.items()}
    with ops.use(name):
        h, c_n = ops.recurrence("sru", own["U"], own["x"], own["v"], own["b"], own["c0"])
        grads = torch.autograd.grad(h, [*own.values()], back)
    found = {"h": h.detach(), "c_n": c_n.detach()}
    return found | {f"gradient of {key}": grad for key, grad in zip(own, grads, strict=True)}
