"""Forward and hand-derived backward of every cell in plain PyTorch: runs anywhere, without a compiler.

The cells are those of `reference.py` (SRU paper, section 3; QRNN paper, section 2.1); their gradients are derived here.

Only what truly depends on c_{t-1} stays in the loop over time: three small kernels a step forwards (gate,
sigmoid, interpolation), one a step backwards. Everything else is computed for all steps at once. With
f' = f (1 - f), the gradient G_t of the state obeys the linear recurrence

    G_t = E_t + A_{t+1} G_{t+1},     A_t = f_t + (c_{t-1} - z_t) f'_t v_f,     E_t = dh_t/dc_t + v_r dr_{t+1}

Work is done in float32 or wider whatever the inputs are. Backward recomputes the gates from the states.

Shapes: L time, B batch, k matrices, D columns; tensors are brought into scan order first (the second half of
the columns reversed in time when `bidirectional`), so that all columns run the same way.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .cells import ALL, CELLS, Backward, Cell, Forward, Gradients, Needed


def scan_order(value: Tensor, bidirectional: bool) -> Tensor:
    """`value` (L, ..., D) with the second half of its columns reversed in time, (L, ..., D); its own inverse."""
    if not bidirectional:
        return value
    half = value.size(-1) // 2
    return torch.cat([value[..., :half], value[..., half:].flip(0)], -1)


@dataclass
class _Inputs:
    """The arguments in scan order and in the precision of the work; `u` maps gate names to (L, B, D)."""

    cell: Cell
    u: dict[str, Tensor]
    skip: Tensor | None
    v_f: Tensor | None
    v_r: Tensor | None
    b_f: Tensor | None
    b_r: Tensor | None
    mask: Tensor | None
    padding: Tensor | None


def _prepare(cell: str, given: tuple[Tensor | None, ...], skip_scale: float, bidirectional: bool) -> _Inputs:
    """From u, x, v, b, mask and padding as `Forward` has them."""
    u_LBkD, x_LBD, v, b_2D, mask_BD, padding_LB = given
    assert u_LBkD is not None
    spec, work = CELLS[cell], torch.promote_types(u_LBkD.dtype, torch.float32)
    u = scan_order(u_LBkD.to(work), bidirectional).unbind(2)
    gates = dict(zip((*spec.gates, "skip"), u, strict=False))
    padding = None
    if padding_LB is not None:
        padding = scan_order(padding_LB.unsqueeze(-1).expand(-1, -1, u_LBkD.size(-1)), bidirectional)
        # A padded step keeps its state: its forget gate is exactly one and its candidate zero, whatever U held there.
        gates = {name: value.masked_fill(padding, 0.0) for name, value in gates.items()}
        gates["forget"] = gates["forget"].masked_fill(padding, torch.inf)
    skip = gates.get("skip")
    if x_LBD is not None:
        skip = scan_order(x_LBD.to(work), bidirectional) * skip_scale
        skip = skip if padding is None else skip.masked_fill(padding, 0.0)
    v_f = v_r = b_f = b_r = None
    if v is not None:
        v = scan_order(v.to(work), bidirectional) if v.dim() == 4 else v.to(work)
        v_f, v_r = v.unbind(-2)
        if padding is not None and v.dim() == 4:
            v_f, v_r = v_f.masked_fill(padding, 0.0), v_r.masked_fill(padding, 0.0)
    if b_2D is not None:
        b_f, b_r = b_2D.to(work).unbind(0)
    mask = None if mask_BD is None else mask_BD.to(work)
    return _Inputs(spec, gates, skip, v_f, v_r, b_f, b_r, mask, padding)


def _gate(u: Tensor, v: Tensor | None, previous: Tensor, b: Tensor | None) -> Tensor:
    """sigmoid(u + v * c_{t-1} + b) for all steps at once."""
    u = u if b is None else u + b
    return torch.sigmoid(u if v is None else torch.addcmul(u, v, previous))


def _per_step(v: Tensor | None, length: int) -> list[Tensor] | None:
    """The peephole weight of each step, from (D) or (L, B, D)."""
    if v is None:
        return None
    return list(v.unbind(0)) if v.dim() == 3 else [v] * length


def forward(*arguments: *Forward) -> tuple[Tensor, Tensor, Tensor | None]:
    """h (L, B, D), c_n (B, D), and the states (L + 1, B, D) in scan order, first c0, if they are to be kept.

    Args:
        arguments: as `cells.Forward` has them, in the shapes told there.
    """
    cell, u_LBkD, x_LBD, v, b_2D, c0_BD, mask_BD, padding_LB, tanh, skip_scale, bidirectional, keep = (
        arguments
    )
    a = _prepare(cell, (u_LBkD, x_LBD, v, b_2D, mask_BD, padding_LB), skip_scale, bidirectional)
    z, forget = a.u["candidate"], a.u["forget"]
    z = z.tanh() if a.cell.tanh else z
    forget = forget if a.b_f is None else forget + a.b_f
    states = z.new_empty(z.size(0) + 1, *z.shape[1:])
    states[0] = 0.0 if c0_BD is None else c0_BD
    c, v_f = states.unbind(0), _per_step(a.v_f, z.size(0))
    if v_f is None:
        f = torch.sigmoid(forget)
        written = torch.sigmoid(a.u["input"]) * z if a.cell.input_gate else z
        f_t, z_t = f.unbind(0), written.unbind(0)
        for t in range(len(f_t)):
            if a.cell.input_gate:
                torch.addcmul(z_t[t], f_t[t], c[t], out=c[t + 1])
            else:
                torch.lerp(z_t[t], c[t], f_t[t], out=c[t + 1])
    else:
        f, u_t, z_t = torch.empty_like(z[0]), forget.unbind(0), z.unbind(0)
        for t in range(len(u_t)):
            torch.addcmul(u_t[t], v_f[t], c[t], out=f).sigmoid_()
            torch.lerp(z_t[t], c[t], f, out=c[t + 1])
    h = _output(a, states, tanh)
    if a.padding is not None:
        h = h.masked_fill(a.padding, 0.0)
    h = scan_order(h, bidirectional).to(u_LBkD.dtype).contiguous()
    return h, states[-1].clone(), states if keep else None


def _output(a: _Inputs, states: Tensor, tanh: bool) -> Tensor:
    g = states[1:].tanh() if tanh else states[1:]
    if a.cell.output == "state":
        return g.clone()  # operators may not return a view of another of their outputs
    if a.cell.output == "gate":
        return torch.sigmoid(a.u["output"]) * g
    r = _gate(a.u["reset"], a.v_r, states[:-1], a.b_r)
    if a.skip is None:
        return r * g if a.mask is None else r * a.mask * g
    if a.mask is None:
        return torch.lerp(a.skip, g, r)
    if a.cell.mask == "difference":
        return torch.addcmul(a.skip, r * a.mask, g - a.skip)
    return r * a.mask * g + (1 - r) * a.skip


def backward(*arguments: *Backward, needed: Needed = ALL) -> Gradients:
    """Gradients of U, x, v, b and c0, each in the shape and type of its argument, c0's (B, D) in that of the states.

    None where the argument was not given or its gradient is not needed.

    Args:
        arguments: as `cells.Backward` has them, in the shapes told there.
        needed: which gradients besides U's.
    """
    grad_h_LBD, grad_c_n_BD, cell, u_LBkD, x_LBD, v, b_2D, mask_BD, padding_LB, *_ = arguments
    states, tanh, skip_scale, bidirectional = arguments[9:]
    a = _prepare(cell, (u_LBkD, x_LBD, v, b_2D, mask_BD, padding_LB), skip_scale, bidirectional)
    previous, current = states[:-1], states[1:]
    gh = scan_order(grad_h_LBD.to(states.dtype), bidirectional)
    gh = gh if a.padding is None else gh.masked_fill(a.padding, 0.0)
    g = current.tanh() if tanh else current

    # 1. Through the output: the gradient that reaches g(c_t), output gate and skip input at each step.
    gu: dict[str, Tensor] = {}
    d_skip = d_r = None
    if a.cell.output == "state":
        d_g = gh
    elif a.cell.output == "gate":
        o = torch.sigmoid(a.u["output"])
        d_g, gu["output"] = gh * o, gh * g * o * (1 - o)
    else:
        r = _gate(a.u["reset"], a.v_r, previous, a.b_r)
        m = a.mask if a.mask is not None else 1.0
        d_g = gh * r * m
        through_r = m * g
        if a.skip is not None:
            whole = a.cell.mask == "difference"
            through_r = m * (g - a.skip) if whole else m * g - a.skip
            d_skip = gh - d_g if whole else gh * (1 - r)
        d_r = gu["reset"] = gh * through_r * r * (1 - r)
    direct = d_g * (1 - g * g) if tanh else d_g.clone()

    # 2. Through time, last step first: G_t = E_t + A_{t+1} G_{t+1}.
    z = a.u["candidate"].tanh() if a.cell.tanh else a.u["candidate"]
    f = _gate(a.u["forget"], a.v_f, previous, a.b_f)
    slope = f * (1 - f) * (previous if a.cell.input_gate else previous - z)
    carry = f if a.v_f is None else torch.addcmul(f, slope, a.v_f)
    from_reset = d_r * a.v_r if d_r is not None and a.v_r is not None else None
    if from_reset is not None:
        direct[:-1] += from_reset[1:]
    if grad_c_n_BD is not None:
        direct[-1] += grad_c_n_BD.to(states.dtype)
    G, A = direct.unbind(0), carry.unbind(0)
    for t in range(len(G) - 2, -1, -1):
        G[t].addcmul_(A[t + 1], G[t + 1])
    of_x, of_v, of_b, of_c0 = needed  # autograd refuses a gradient of what was not there
    grad_c0 = None
    if of_c0:
        grad_c0 = G[0] * A[0] if from_reset is None else torch.addcmul(from_reset[0], G[0], A[0])

    # 3. From the state to the gates and the weights.
    d_f = gu["forget"] = direct * slope
    i = torch.sigmoid(a.u["input"]) if a.cell.input_gate else 1 - f
    gu["candidate"] = direct * i * (1 - z * z) if a.cell.tanh else direct * i
    if a.cell.input_gate:
        gu["input"] = direct * z * i * (1 - i)
    if d_skip is not None and x_LBD is None:
        gu["skip"] = d_skip
    order = (*a.cell.gates, "skip")[: u_LBkD.size(2)]
    grad_u = torch.stack([gu[name] for name in order], 2)
    if a.padding is not None:
        grad_u = grad_u.masked_fill(a.padding.unsqueeze(2), 0.0)
        d_f = d_f.masked_fill(a.padding, 0.0)
    grad_x = grad_v = grad_b = None
    if of_x and x_LBD is not None and d_skip is not None:
        grad_x = scan_order(d_skip * skip_scale, bidirectional).to(x_LBD.dtype)
    if of_v and v is not None and d_r is not None:
        grad_v = torch.stack([d_f * previous, d_r * previous], -2)
        grad_v = (scan_order(grad_v, bidirectional) if v.dim() == 4 else grad_v.sum((0, 1))).to(v.dtype)
    if of_b and b_2D is not None and d_r is not None:
        grad_b = torch.stack([d_f.sum((0, 1)), d_r.sum((0, 1))]).to(b_2D.dtype)
    grad_u = scan_order(grad_u, bidirectional).to(u_LBkD.dtype)
    # The layout that the operator's fake promises, whatever the layout of the arguments was.
    grads = (grad_u, grad_x, grad_v, grad_b, grad_c0)
    return tuple(None if grad is None else grad.contiguous() for grad in grads)  # type: ignore[return-value]
