"""The elementwise recurrences of the suite, as data: which gates each reads, and how it forms its output.

Every cell is one instance of

    c_t = f_t * c_{t-1} + i_t * z_t        state     (z candidate, f forget, i input gate: 1 - f unless named)
    h_t = output(c_t, ...)                 one of the three forms of `Cell.output`

so that one loop over time, forwards and backwards, serves them all (SRU paper, section 3; QRNN paper, 2.1).
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Maybe = Tensor | None

Forward = tuple[str, Tensor, Maybe, Maybe, Maybe, Maybe, Maybe, Maybe, bool, float, bool, bool]
"""What a back end's `forward` takes: cell, u (L, B, k, D), x (L, B, D), v (2, D) or (L, B, 2, D), b (2, D), c0 (B, D),
mask (B, D), padding (L, B), tanh, skip_scale, bidirectional, keep_states; see `sru_repro.ops.recurrence`."""

Backward = tuple[Tensor, Maybe, str, Tensor, Maybe, Maybe, Maybe, Maybe, Maybe, Tensor, bool, float, bool]
"""What a back end's `backward` takes: grad_h (L, B, D), grad_c_n (B, D; None: zeros), cell, u, x, v, b, mask, padding,
states as `forward` gave them, tanh, skip_scale, bidirectional."""

Needed = tuple[bool, bool, bool, bool]
"""Whether the gradients of x, v, b and c0 are needed; that of u always is."""
ALL: Needed = (True, True, True, True)
Gradients = tuple[Tensor, Maybe, Maybe, Maybe, Maybe]
"""Of u, x, v, b and c0."""


@dataclass(frozen=True)
class Cell:
    """What distinguishes one recurrence from another.

    Attributes:
        gates: matrices of U in order; a skip matrix, where there is one, comes last.
        tanh: whether the candidate z is tanh(u) (QRNN) or u itself (SRU).
        peephole: whether the gates see v * c_{t-1} (SRU of 2018) and therefore form no associative scan.
        biased: whether the op adds biases to forget and reset gate (QRNN has them in its product instead).
        output: "state": h = c; "gate": h = o * g(c); "highway": h mixes g(c) and skip input x' by reset gate r.
        mask: what the dropout mask m multiplies: "difference": h = x' + r * m * (g(c) - x'), a dropped unit passes x'
            (2018 code); "state": h = r * m * g(c) + (1 - r) * x' (2017 code).
    """

    gates: tuple[str, ...]
    tanh: bool = False
    peephole: bool = False
    biased: bool = False
    output: Literal["state", "gate", "highway"] = "state"
    mask: Literal["difference", "state"] = "state"

    @property
    def input_gate(self) -> bool:
        """Whether the input gate is a matrix of its own instead of 1 - f."""
        return "input" in self.gates


CELLS: dict[str, Cell] = {
    "sru": Cell(
        ("candidate", "forget", "reset"), peephole=True, biased=True, output="highway", mask="difference"
    ),
    "sru_v1": Cell(("candidate", "forget", "reset"), biased=True, output="highway"),
    "qrnn_f": Cell(("candidate", "forget"), tanh=True),
    "qrnn_fo": Cell(("candidate", "forget", "output"), tanh=True, output="gate"),
    "qrnn_ifo": Cell(("candidate", "forget", "output", "input"), tanh=True, output="gate"),
    "qrnn_highway": Cell(("candidate", "forget", "reset"), tanh=True, output="highway"),
    # minGRU as h = f h' + (1 - f) u: the forget gate is one minus the paper's update gate z, so W_f = -W_z.
    "mingru": Cell(("candidate", "forget")),
}
"""By name: the SRU of 2018 and of 2017 (SRU paper, section 3), QRNN's three poolings (QRNN paper, section 2.1), the SRU
paper's QRNN with a highway (Table 1), and minGRU (its paper, section 3.1)."""
