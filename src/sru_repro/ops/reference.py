"""The truth: each recurrence as a plain loop over time, differentiable by autograd any number of times.

SRU paper, section 3, equations 1-4; QRNN paper, section 2.1; minGRU paper, section 3.1. `cells.py` says which is which.

Slow on purpose and read by people; every other back end is compared with it in float64.

Shapes: L time, B batch, k matrices, D columns = directions * hidden size. The second half of the columns runs
backwards in time when `bidirectional`.
"""

from typing import Any

import torch
from torch import Tensor

from .cells import CELLS


def recurrence(
    cell: str,
    u_LBkD: Tensor,
    x_LBD: Tensor | None,
    v: Tensor | None,
    b_2D: Tensor | None,
    c0_BD: Tensor,
    mask_BD: Tensor | None,
    padding_LB: Tensor | None,
    tanh: bool,
    skip_scale: float,
    bidirectional: bool,
) -> tuple[Tensor, Tensor]:
    """Returns h (L, B, D) and the last states c_n (B, D).

    Arguments as in `sru_repro.ops.recurrence`, v of shape (2, D) or (L, B, 2, D); nothing is checked.
    """
    if bidirectional:
        ahead, back = (
            recurrence(cell, u, x, v_, b, c0, m, pad, tanh, skip_scale, False)
            for u, x, v_, b, c0, m, pad in _directions(u_LBkD, x_LBD, v, b_2D, c0_BD, mask_BD, padding_LB)
        )
        return torch.cat([ahead[0], back[0].flip(0)], -1), torch.cat([ahead[1], back[1]], -1)

    spec = CELLS[cell]
    if padding_LB is not None:
        # Whatever stands at padded steps, NaN too, is out of the way of the values and of the gradients.
        padded_LB1 = padding_LB.unsqueeze(-1)
        u_LBkD = u_LBkD.masked_fill(padded_LB1.unsqueeze(-1), 0.0)
        x_LBD = None if x_LBD is None else x_LBD.masked_fill(padded_LB1, 0.0)
        v = v if v is None or v.dim() == 2 else v.masked_fill(padded_LB1.unsqueeze(-1), 0.0)
    gate = {name: u_LBkD[:, :, i] for i, name in enumerate(spec.gates)}
    skip_LBD = u_LBkD[:, :, len(spec.gates)] if u_LBkD.size(2) > len(spec.gates) else None
    if x_LBD is not None:
        skip_LBD = x_LBD * skip_scale
    b_f, b_r = (b_2D[0], b_2D[1]) if b_2D is not None else (0.0, 0.0)
    c, h_t = c0_BD, []
    for t in range(u_LBkD.size(0)):
        v_f, v_r = _peephole(v, t)
        z = gate["candidate"][t].tanh() if spec.tanh else gate["candidate"][t]
        f = torch.sigmoid(gate["forget"][t] + v_f * c + b_f)
        i = torch.sigmoid(gate["input"][t]) if spec.input_gate else 1 - f
        c_new = f * c + i * z
        g = torch.tanh(c_new) if tanh else c_new
        if spec.output == "state":
            h = g
        elif spec.output == "gate":
            h = torch.sigmoid(gate["output"][t]) * g
        else:
            r = torch.sigmoid(gate["reset"][t] + v_r * c + b_r)
            m = mask_BD if mask_BD is not None else 1.0
            x = skip_LBD[t] if skip_LBD is not None else 0.0
            h = r * m * (g - x) + x if spec.mask == "difference" else r * m * g + (1 - r) * x
        if padding_LB is not None:
            padded_B1 = padding_LB[t].unsqueeze(-1)
            c_new = torch.where(padded_B1, c, c_new)
            h = torch.where(padded_B1, 0.0, h)
        c = c_new
        h_t.append(h)
    return torch.stack(h_t).to(u_LBkD.dtype), c


def _peephole(v: Tensor | None, t: int) -> tuple[Tensor | float, Tensor | float]:
    """The weights of c_{t-1} in the forget and the reset gate: constant (2, D), or per step (L, B, 2, D)."""
    if v is None:
        return 0.0, 0.0
    return (v[0], v[1]) if v.dim() == 2 else (v[t, :, 0], v[t, :, 1])


def _directions(u: Tensor, x: Tensor | None, v: Tensor | None, *rest: Tensor | None) -> list[tuple[Any, ...]]:
    """The arguments of the forward columns, and those of the backward columns with time reversed."""
    b, c0, mask, padding = rest
    half = u.size(-1) // 2

    def columns(value: Tensor | None, second: bool, over_time: bool) -> Tensor | None:
        if value is None:
            return None
        part = value[..., half:] if second else value[..., :half]
        return part.flip(0) if second and over_time else part

    return [
        (
            columns(u, second, True),
            columns(x, second, True),
            columns(v, second, v is not None and v.dim() == 4),
            columns(b, second, False),
            columns(c0, second, False),
            columns(mask, second, False),
            padding.flip(0) if second and padding is not None else padding,
        )
        for second in (False, True)
    ]
