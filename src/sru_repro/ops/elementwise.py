"""An elementwise recurrence: checked once for each signature, then on the way that the moment asks for.

Shapes: L time, B batch, k matrices per cell, D columns = directions * hidden size.
"""

import torch
from torch import Tensor

from . import check, direct, dispatch, library, passes, reference


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
        ValueError: a shape, type, device or option that does not fit, named in one line; a back end that was asked for
            and cannot run.
        RuntimeError: forward-mode derivatives, torch.func's, or a trace of the reference's loop, which this back end
            would get wrong without a word.
    """
    tensors = (x_LBD, v, b_2D, c0_BD, mask_BD, padding_LB)
    options = (mask_BD, padding_LB, activation == "tanh", skip_scale, bidirectional)

    check.constant(mask_BD)
    seen = passes.watched(u_LBkD)
    key = None if seen else (cell, activation, bidirectional, *check.signature(u_LBkD, *tensors))
    if key is None or key not in check.passed:
        u = u_LBkD.shape, u_LBkD.dtype, u_LBkD.device
        check.call(cell, *u, *tensors, activation, bidirectional)
        if key is not None:
            check.remember(key)
    if not seen and (name := passes.name(u_LBkD)) != "reference":
        passes.refuse_forward_mode()
        return direct.run(name, cell, u_LBkD, x_LBD, v, b_2D, c0_BD, *options)
    work = torch.promote_types(u_LBkD.dtype, torch.float32)
    if c0_BD is None:
        c0_BD = u_LBkD.new_zeros(u_LBkD.size(1), u_LBkD.size(3), dtype=work)
    c0_BD = c0_BD.to(work)
    if not seen or dispatch.asked_for() == "reference" or passes.to_onnx():
        passes.refuse_in_a_trace(u_LBkD.size(0))
        return reference.recurrence(cell, u_LBkD, x_LBD, v, b_2D, c0_BD, *options)
    passes.refuse_as_operator()
    return library.run(cell, u_LBkD, x_LBD, v, b_2D, c0_BD, *options)
