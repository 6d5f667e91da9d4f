"""Fused elementwise recurrences: tensors in, tensors out. Knows nothing of modules.

A cell is the arithmetic of one step, forwards and backwards, in a header of about 30 lines (`kernels/cells/`) that host
and device share. `kernels/recurrence.cpp` runs any cell over time on the CPU, `recurrence.cu` on CUDA; neither includes
a header of PyTorch or CUDA, so no folder of headers has to be found. Each is compiled on first use for one cell and one
set of types, and cached under a hash of all it depends on (`build.py`). `reference.py` is the truth: the same equations
under autograd, in float64. `eager.py` is the plain loop with gradients by hand.

- U is gate-major (L, B, k, D): neighbouring columns lie side by side for vector units and warps.
- Forward keeps the states, in float32 or wider; backward computes the gates again; inference keeps nothing.
- Sums over steps and rows are added in a fixed order in two levels: no atomics, the same bits every time for one number
  of threads.
- `dispatch.py` chooses the back end, on the first call and never on import; `cpp.py` and `cuda.py` call a kernel behind
  one contract (`fused.py`); `cuda_driver.py` alone imports CUDA's packages.
- Outside compilers, modes and transforms a call leaves the operator of `library.py` out: registering costs more than a
  small recurrence. Second derivatives, forward mode and `torch.func.grad` need `ops.use("reference")`.
- A product of a layer (`products.py`) goes to MKL or oneDNN, whichever this machine was once measured to prefer.

Shapes: L time, B batch, k matrices per cell, D columns = directions * hidden size.
"""

import torch
from torch import Tensor

from . import dispatch, library, reference
from .cells import CELLS, Cell
from .dispatch import BACKENDS, Choice, available, choose, use
from .fused import NAMES
from .products import linear

__all__ = [
    "BACKENDS",
    "CELLS",
    "Cell",
    "Choice",
    "available",
    "choose",
    "linear",
    "recurrence",
    "use",
]


def recurrence(
    cell: str,
    u_LBkD: Tensor,
    x_LBD: Tensor | None = None,
    v: Tensor | None = None,
    b_2D: Tensor | None = None,
    c0_BD: Tensor | None = None,
    *,
    mask_BD: Tensor | None = None,
    padding_LB: Tensor | None = None,
    activation: str = "identity",
    skip_scale: float = 1.0,
    bidirectional: bool = False,
) -> tuple[Tensor, Tensor]:
    """Runs one elementwise recurrence over time (SRU paper, equations 1-4; QRNN paper, section 2.1).

    Args:
        cell: a name of `CELLS`; it says which gates U holds, in which order.
        u_LBkD: the products of the layer, gate-major; the last of k is the skip input where the cell has one
            more matrix than gates.
        x_LBD: the layer's input as skip input (then U holds no skip matrix), scaled by `skip_scale`, the
            paper's alpha. Neither: no skip term.
        v: peephole weights of forget and reset gate, (2, D), or per step (L, B, 2, D). `Cell.peephole` only.
        b_2D: biases of forget and reset gate. `Cell.biased` only.
        c0_BD: initial states; zeros when not given.
        mask_BD: dropout mask of the highway, the same for all steps, already divided by the keep probability.
        padding_LB: True at padded steps, which keep the state, put out zero and pass no gradient.
        activation: "identity" or "tanh", the g of h = r * g(c).
        skip_scale: factor of `x_LBD`.
        bidirectional: the second half of the columns runs backwards in time.

    Returns:
        h (L, B, D) in U's type; the last states c_n (B, D) in float32 or wider (backward columns: at t = 0).

    Raises:
        ValueError: a shape, type, device or option that does not fit, named in one line.
    """
    _check(cell, u_LBkD, x_LBD, v, b_2D, c0_BD, mask_BD, padding_LB, activation, bidirectional)
    work = torch.float64 if u_LBkD.dtype == torch.float64 else torch.float32
    if c0_BD is None:
        c0_BD = u_LBkD.new_zeros(u_LBkD.size(1), u_LBkD.size(3), dtype=work)
    elif c0_BD.dtype != work:
        c0_BD = c0_BD.to(work)
    options = (mask_BD, padding_LB, activation == "tanh", skip_scale, bidirectional)
    if dispatch.asked_for() == "reference":
        return reference.recurrence(cell, u_LBkD, x_LBD, v, b_2D, c0_BD, *options)
    return library.run(cell, u_LBkD, x_LBD, v, b_2D, c0_BD, *options)


def _check(
    cell: str,
    u: Tensor,
    x: Tensor | None,
    v: Tensor | None,
    b: Tensor | None,
    c0: Tensor | None,
    mask: Tensor | None,
    padding: Tensor | None,
    activation: str,
    bidirectional: bool,
) -> None:
    if cell not in CELLS:
        raise ValueError(f"unknown cell {cell!r}: expected one of {', '.join(CELLS)}")
    if activation not in ("identity", "tanh"):
        raise ValueError(f"unknown activation {activation!r}: expected identity or tanh")
    spec = CELLS[cell]
    if u.dim() != 4 or u.dtype not in NAMES:
        types = ", ".join(NAMES.values())
        raise ValueError(f"U: expected (L, B, k, D) in {types}, found {u.dtype} {tuple(u.shape)}")
    length, batch, k, columns = u.shape
    if length == 0:
        raise ValueError("U: expected at least one time step, found none")
    most = len(spec.gates) + (spec.output == "highway" and x is None)
    if not len(spec.gates) <= k <= most:
        raise ValueError(f"U: cell {cell} reads {len(spec.gates)} to {most} matrices here, found {k}")
    if x is not None and spec.output != "highway":
        raise ValueError(f"x: cell {cell} has no skip input")
    if mask is not None and spec.output != "highway":
        raise ValueError(f"mask: cell {cell} has no highway to drop from")
    if mask is not None and mask.requires_grad and torch.is_grad_enabled():
        raise ValueError("mask: expected a constant, found a tensor that requires a gradient; detach it")
    if (v is not None) != spec.peephole:
        raise ValueError(f"v: cell {cell} {'needs' if spec.peephole else 'takes no'} peephole weights")
    if (b is not None) != spec.biased:
        raise ValueError(f"b: cell {cell} {'needs' if spec.biased else 'takes no'} biases")
    if bidirectional and columns % 2:
        raise ValueError(f"bidirectional: expected an even number of columns, found {columns}")
    by_step, by_row = (length, batch, columns), (batch, columns)
    for name, value, wanted in (
        ("x", x, by_step),
        ("v", v, (2, columns)),
        ("b", b, (2, columns)),
        ("c0", c0, by_row),
        ("mask", mask, by_row),
        ("padding", padding, (length, batch)),
    ):
        if value is None:
            continue
        if value.shape != wanted and not (name == "v" and value.shape == (length, batch, 2, columns)):
            also = f" or {(length, batch, 2, columns)}" if name == "v" else ""
            raise ValueError(f"{name}: expected shape {wanted}{also}, found {tuple(value.shape)}")
        if value.device != u.device:
            raise ValueError(f"{name}: expected device {u.device} like U, found {value.device}")
        if not (value.dtype == torch.bool if name == "padding" else value.is_floating_point()):
            kind = "torch.bool" if name == "padding" else "a floating point type"
            raise ValueError(f"{name}: expected {kind}, found {value.dtype}")
