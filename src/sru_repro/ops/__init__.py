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
  small recurrence. There `layers.py` makes product, casts of autocast and recurrence one node of autograd. Second
  derivatives, forward mode and `torch.func.grad` need `ops.use("reference")`.
- Inside `keep_casts` a weight is cast to autocast's type once for each change of it (`casts.py`).
- A product of a layer (`products.py`) goes to MKL or oneDNN, whichever this machine was once measured to prefer.

Shapes: L time, B batch, k matrices per cell, D columns = directions * hidden size.
"""

from . import dispatch
from .casts import keep_casts
from .cells import CELLS, Cell
from .dispatch import BACKENDS, Choice, available, choose, use
from .elementwise import recurrence
from .layers import layer
from .products import linear

__all__ = [
    "BACKENDS",
    "CELLS",
    "Cell",
    "Choice",
    "available",
    "choose",
    "dispatch",
    "keep_casts",
    "layer",
    "linear",
    "recurrence",
    "use",
]
