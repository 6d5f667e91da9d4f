"""What goes on inside an encoder while it reads one sequence: gates of SRU and SRU++, attention of SRU++.

The kernels keep neither. `looking` notes what goes into recurrences and attention of a call, and the equations are
computed again from that, in float32, step by step: for a sentence or two, not for training. They are equations 1 and 3
of the SRU paper, section 3, and the attention of the SRU++ paper, section 3.

Shapes: L time, T keys, k matrices, H columns = directions * hidden_size, P projection.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ._rows import by_head
from ._sight import Sight
from ._sru_layer import ElementwiseLayer


class Gates(NamedTuple):
    """Of one layer and direction on one sequence: how open forget and reset gate are at each step, (L, H) each."""

    layer: int
    backwards: bool
    forget_LH: Tensor
    reset_LH: Tensor

    def brought_LH(self) -> Tensor:
        """The share of the last state that each step has brought, (L, H), between 0 and 1: what it wrote, 1 - f, times
        what all steps behind it kept. All steps together miss 1 by the share of the state before them."""
        f_LH = self.forget_LH.flip(0) if self.backwards else self.forget_LH
        kept_LH = f_LH.flip(0).cumprod(0).flip(0)  # by this step and all behind it
        behind_LH = torch.cat([kept_LH[1:], torch.ones_like(f_LH[:1])])
        brought_LH = (1 - f_LH) * behind_LH
        return brought_LH.flip(0) if self.backwards else brought_LH


class Attention(NamedTuple):
    """Of one layer on one sequence: what each step reads of each, the mean over the heads, (L, L)."""

    layer: int
    weights_LL: Tensor


class Inside:
    """What was noted of one call, see `looking`."""

    def __init__(self) -> None:
        self._recurred: list[tuple[int, Any, Tensor]] = []
        self._asked: list[tuple[int, Any, Tensor]] = []

    @torch.no_grad()
    def gates(self) -> list[Gates]:
        """Of every layer, from the first on; of two directions, forwards first."""
        found = []
        for number, layer, z_LBn in self._recurred:
            u_LkH = (z_LBn[:, 0].float() @ layer.weight.float().t()).unflatten(-1, (layer.matrices, -1))
            halves = u_LkH.chunk(2, -1) if layer.bidirectional else (u_LkH,)
            width = halves[0].size(-1)
            for place, half in enumerate(halves):
                own = slice(place * width, (place + 1) * width)
                v = None if layer.weight_c is None else layer.weight_c[:, own].float()
                f, r = _gates(half.flip(0) if place else half, v, layer.bias[:, own].float())
                found.append(Gates(number, bool(place), *((f.flip(0), r.flip(0)) if place else (f, r))))
        return found

    @torch.no_grad()
    def attention(self) -> list[Attention]:
        """Of every layer that attends, from the first on."""
        found = []
        for number, layer, q_LBP in self._asked:
            q_LBP = q_LBP[:, :1].float()
            keys_LBP = (q_LBP @ layer.keys_values.float().t()).chunk(2, -1)[0]
            q, k = (by_head(x, layer.num_heads)[0] for x in (q_LBP, keys_LBP))
            scores_hLL = q @ k.transpose(-1, -2) / math.sqrt(q.size(-1))
            context = layer.attention_context
            sight = Sight(len(q_LBP), len(q_LBP), context is not None, context.window if context else None)
            seen_LL = sight.mask(None, scores_hLL.device)
            if seen_LL is not None:
                scores_hLL = scores_hLL.masked_fill(~seen_LL, -math.inf)
            found.append(Attention(number, scores_hLL.softmax(-1).mean(0)))
        return found


def _gates(u_LkH: Tensor, v_2H: Tensor | None, b_2H: Tensor) -> tuple[Tensor, Tensor]:
    """Forget and reset gates at every step from a state of zero; the equations stand in `sru.py`."""
    c, forget, reset = torch.zeros_like(u_LkH[0, 0]), [], []
    for z, x_f, x_r in u_LkH[:, :3]:
        seen_f, seen_r = (0.0, 0.0) if v_2H is None else v_2H * c
        f, r = torch.sigmoid(x_f + seen_f + b_2H[0]), torch.sigmoid(x_r + seen_r + b_2H[1])
        c = f * c + (1 - f) * z
        forget.append(f)
        reset.append(r)
    return torch.stack(forget), torch.stack(reset)


@contextmanager
def looking(encoder: nn.Module) -> Iterator[Inside]:
    """Notes what the layers of SRU and SRU++ in an encoder read while it is called inside the block: on sequences
    without padding, from no state. Of other models there is nothing to note; nor of one that torch has compiled, which
    would be compiled anew."""
    inside = Inside()
    layers = [layer for layer in encoder.modules() if isinstance(layer, ElementwiseLayer)]
    compiled = any(module._compiled_call_impl is not None for module in encoder.modules())
    watched = [] if compiled else list(enumerate(layers))
    for number, layer in watched:
        _noting(inside, number, layer)
    try:
        yield inside
    finally:
        for _, layer in watched:
            for name in ("recur", "_attend"):
                layer.__dict__.pop(name, None)


def _noting(inside: Inside, number: int, layer: Any) -> None:
    recur: Any = layer.recur
    attend: Any = getattr(layer, "_attend", None)

    def recurred(z_LBn: Tensor, *rest: Any) -> Any:
        inside._recurred.append((number, layer, z_LBn.detach()))
        return recur(z_LBn, *rest)

    def attended(q_LBP: Tensor, *rest: Any) -> Any:
        inside._asked.append((number, layer, q_LBP.detach()))
        return attend(q_LBP, *rest)

    layer.recur = recurred
    if attend is not None:
        layer._attend = attended
